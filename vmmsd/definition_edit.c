/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "definition.h"
#include "definition_json.h"
#include "json_text.h"
#include "service_error.h"

static const struct {
	const char *name, *remedy;
} fixed[] = {
	{"name", "the name is changed by rename"},
	{"uuid", "the uuid is the identity of the VM; define another VM instead"},
	{"version", "this program writes version 1 only"},
};

/* A fixed member may stand in the patch with the value that it has. */
static bool check_fixed(struct json_object *document, struct json_object *patch, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
		struct json_object *value;

		if (!json_object_object_get_ex(patch, fixed[i].name, &value) ||
		    json_object_equal(value, json_object_object_get(document, fixed[i].name)))
			continue;
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
			    "definition: $.%s: cannot be edited; %s", fixed[i].name,
			    fixed[i].remedy);
		return false;
	}
	return true;
}

struct definition *definition_edit_among(const struct definition *definition, const char *patch,
					 const struct mac_owners *owners, GError **error)
{
	g_autoptr(json_value_t) document = json_tokener_parse(definition->json);
	g_autoptr(json_value_t) change = json_text_parse_patch(patch, VMMS_MAX_MESSAGE, error);

	if (!change || !check_fixed(document, change, error))
		return NULL;
	json_text_merge(document, change);
	definition_nics_keep(document, definition);
	return definition_from_json(document, owners, error);
}

struct definition *definition_edit(const struct definition *definition, const char *patch,
				   GError **error)
{
	return definition_edit_among(definition, patch, NULL, error);
}

struct definition *definition_renamed(const struct definition *definition, const char *name,
				      GError **error)
{
	if (!definition_check_name(name, error))
		return NULL;
	g_autoptr(json_value_t) document = json_tokener_parse(definition->json);
	(void)json_object_object_add(document, "name", json_object_new_string(name));
	return definition_from_json(document, NULL, error);
}

/* Members that nobody reads again until the VM ends, or that vmmsd itself acts on. */
static const char *const live_members[] = {
	"name",	       "description", "autostart", "stopAction",
	"stopTimeout", "stopOrder",   "onReboot",  "onCrash",
};

/* How it shares the host's processors is the service's business, but for coreScheduling: a worker
 * asks the kernel for that itself, before it is confined. */
static void drop_scheduling(struct json_object *document, const struct definition *definition)
{
	struct json_object *cpus = json_object_object_get(document, "cpus");

	if (!cpus)
		return;
	json_object_object_del(cpus, "scheduling");
	(void)json_object_object_add(
		cpus, "coreScheduling",
		json_object_new_int((int32_t)definition->sched.core_scheduling));
}

bool definition_is_live_change(const struct definition *from, const struct definition *to)
{
	g_autoptr(json_value_t) a = json_tokener_parse(from->json);
	g_autoptr(json_value_t) b = json_tokener_parse(to->json);

	for (size_t i = 0; i < G_N_ELEMENTS(live_members); i++) {
		json_object_object_del(a, live_members[i]);
		json_object_object_del(b, live_members[i]);
	}
	drop_scheduling(a, from);
	drop_scheduling(b, to);
	return json_object_equal(a, b);
}
