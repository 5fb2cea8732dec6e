/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine translate cannot do is refused with the definition, not at the start. */
#include <string.h>

#include "definition_json.h"
#include "definition_member.h"
#include "json_text.h"
#include "service_error.h"

static bool refuse(GError **error, const char *path, const char *what)
{
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
		    "definition: %s: the engine translate %s, or set the engine to direct", path,
		    what);
	return false;
}

static bool check_disk(struct json_object *disk, size_t index, GError **error)
{
	g_autofree char *place = g_strdup_printf("$.disks[%zu].serial", index);
	const char *serial = text(disk, "serial");

	return !serial || !strchr(serial, ':') ||
	       refuse(error, place, "has no colons in serial numbers; choose another");
}

static bool check_nic(struct json_object *nic, size_t index, GError **error)
{
	g_autofree char *type = g_strdup_printf("$.nics[%zu].type", index);
	g_autofree char *bandwidth = g_strdup_printf("$.nics[%zu].bandwidth", index);

	if (!g_str_equal(text(nic, "type"), "user") && !g_str_equal(text(nic, "type"), "none"))
		return refuse(error, type, "has adapters of the types user and none only; use one");
	return json_object_get_int64(member(nic, "bandwidth")) == 0 ||
	       refuse(error, bandwidth, "cannot limit an adapter; leave the limit out");
}

/* The defaults stand for what the engine has, which is none. */
static bool check_enlightenments(struct json_object *enlightenments, GError **error)
{
	static const char *const off[] = {"stimer", "stimerDirect", NULL};

	json_object_object_foreach (enlightenments, name, value) {
		g_autofree char *path = g_strdup_printf("$.enlightenments.%s", name);
		if (json_object_get_boolean(value) == g_strv_contains(off, name))
			return refuse(error, path,
				      "has no enlightenments to choose from; leave it out");
	}
	return true;
}

/* A cookie of one's own is asked for by the thread itself, and these are QEMU's. */
static bool check_cores(struct json_object *cpus, GError **error)
{
	const char *cores = text(member(cpus, "scheduling"), "coreScheduling");

	return g_strcmp0(cores, "vcpu") != 0 ||
	       refuse(error, "$.cpus.scheduling.coreScheduling",
		      "keeps cores apart for whole VMs only; give vm");
}

static bool check(struct json_object *complete, GError **error)
{
	struct json_object *disks = member(complete, "disks"), *nics = member(complete, "nics");

	for (size_t i = 0; i < json_object_array_length(disks); i++) {
		if (!check_disk(json_object_array_get_idx(disks, i), i, error))
			return false;
	}
	for (size_t i = 0; i < json_object_array_length(nics); i++) {
		if (!check_nic(json_object_array_get_idx(nics, i), i, error))
			return false;
	}
	return check_cores(member(complete, "cpus"), error) &&
	       check_enlightenments(member(complete, "enlightenments"), error);
}

bool definition_engine_check(struct json_object *complete, GError **error)
{
	return !g_str_equal(text(complete, "engine"), definition_engine_name(ENGINE_TRANSLATE)) ||
	       check(complete, error);
}

bool definition_check_translate(const struct definition *definition, GError **error)
{
	g_autoptr(json_value_t) complete =
		json_text_parse(definition->json, VMMS_MAX_MESSAGE, error);

	return complete && check(complete, error);
}
