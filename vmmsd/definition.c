/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition.h"

#include <string.h>

#include "definition_json.h"
#include "definition_member.h"
#include "json_schema.h"
#include "json_text.h"
#include "service_error.h"

/* schemas/json/definition.schema.json (vmms_embed). */
extern const char vmms_definition_schema[];

/* Bounds in bytes that the schema cannot say, since it counts characters. */
#define PATH_MAX_BYTES	  4095u
#define CMDLINE_MAX_BYTES 2047u

static const char *const engine_names[] = {
	[ENGINE_AUTO] = "auto",
	[ENGINE_DIRECT] = "direct",
	[ENGINE_TRANSLATE] = "translate",
};

static const char *const stop_action_names[] = {
	[STOP_ACTION_SHUTDOWN] = "shutdown",
	[STOP_ACTION_OFF] = "off",
	[STOP_ACTION_SAVE] = "save",
};

static const char *const policy_names[] = {
	[POLICY_RESTART] = "restart",
	[POLICY_STOP] = "stop",
};

const char *definition_engine_name(enum definition_engine engine)
{
	return engine_names[engine];
}

const char *definition_stop_action_name(enum definition_stop_action action)
{
	return stop_action_names[action];
}

const char *definition_policy_name(enum definition_policy policy)
{
	return policy_names[policy];
}

/* Compiled by the first caller, then constant until the program ends. */
static const struct json_schema *definition_schema(void)
{
	static struct json_schema *schema;

	if (g_once_init_enter(&schema)) {
		g_autoptr(GError) error = NULL;
		struct json_schema *compiled = json_schema_new(vmms_definition_schema, &error);
		if (!compiled) /* A part of this very program is broken. */
			g_error("definition.schema.json: %s", error->message);
		g_once_init_leave(&schema, compiled);
	}
	return schema;
}

static bool fail(GError **error, const char *path, const char *what)
{
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION, "definition: %s: %s",
		    path, what);
	return false;
}

static bool check_bytes(struct json_object *boot, const char *name, size_t limit, GError **error)
{
	const char *value = text(boot, name);

	if (!value || strlen(value) <= limit)
		return true;
	g_autofree char *path = g_strconcat("$.boot.", name, NULL);
	g_autofree char *what = g_strdup_printf(
		"has %zu bytes, more than the %zu allowed; shorten it", strlen(value), limit);
	return fail(error, path, what);
}

/* What the schema does not say. complete is changed: sizes become bytes, addresses are given. */
static bool refine(struct json_object *complete, const struct mac_owners *owners, GError **error)
{
	struct json_object *boot = member(complete, "boot"), *memory = member(complete, "memory");
	struct sched_definition sched;
	g_autoptr(GError) local = NULL;
	uint64_t bytes;

	if (!definition_parse_size(member(memory, "size"), &bytes, &local))
		return fail(error, "$.memory.size", local->message);
	if (!json_object_is_type(member(memory, "size"), json_type_int))
		(void)json_object_object_add(memory, "size", json_object_new_int64((int64_t)bytes));
	if (!check_bytes(boot, "kernel", PATH_MAX_BYTES, error) ||
	    !check_bytes(boot, "initrd", PATH_MAX_BYTES, error) ||
	    !check_bytes(boot, "cmdline", CMDLINE_MAX_BYTES, error))
		return false;
	if (text(boot, "initrd") && !text(boot, "kernel"))
		return fail(error, "$.boot.initrd",
			    "an initrd needs a kernel; give boot.kernel too");
	if (!sched_definition_read(member(complete, "cpus"), &sched, error))
		return false;
	sched_definition_clear(&sched);
	return definition_disks_refine(complete, error) &&
	       definition_nics_refine(complete, owners, error) &&
	       definition_engine_check(complete, error);
}

static void definition_clear(gpointer data)
{
	struct definition *definition = data;

	sched_definition_clear(&definition->sched);
	g_free(definition->uuid);
	g_free(definition->name);
	g_free(definition->description);
	g_free(definition->kernel);
	g_free(definition->initrd);
	g_free(definition->cmdline);
	definition_disks_clear(definition);
	definition_nics_clear(definition);
	g_free(definition->json);
}

/* complete has every member that has a default. */
static struct definition *convert(struct json_object *complete)
{
	struct json_object *boot = member(complete, "boot");
	struct definition *definition = g_atomic_rc_box_new0(struct definition);

	*definition = (struct definition){
		.uuid = g_strdup(text(complete, "uuid")),
		.name = g_strdup(text(complete, "name")),
		.description = g_strdup(text(complete, "description")),
		.engine = choice(complete, "engine", engine_names, G_N_ELEMENTS(engine_names)),
		.cpus = number(member(complete, "cpus"), "count"),
		.memory = json_object_get_uint64(member(member(complete, "memory"), "size")),
		.kernel = g_strdup(text(boot, "kernel")),
		.initrd = g_strdup(text(boot, "initrd")),
		.cmdline = g_strdup(text(boot, "cmdline")),
		.autostart = json_object_get_boolean(member(complete, "autostart")),
		.stop_action = choice(complete, "stopAction", stop_action_names,
				      G_N_ELEMENTS(stop_action_names)),
		.stop_timeout_s = number(complete, "stopTimeout"),
		.stop_order = number(complete, "stopOrder"),
		.on_reboot = choice(complete, "onReboot", policy_names, G_N_ELEMENTS(policy_names)),
		.on_crash = choice(complete, "onCrash", policy_names, G_N_ELEMENTS(policy_names)),
		.json = json_text_print(complete),
	};
	definition_disks_convert(definition, complete);
	definition_nics_convert(definition, complete);
	/* refine has seen that it can be read. */
	(void)sched_definition_read(member(complete, "cpus"), &definition->sched, NULL);
	return definition;
}

/* A document with a uuid; the schema puts it in its place. */
static struct json_object *with_uuid(struct json_object *value)
{
	struct json_object *copy = NULL;
	g_autofree char *uuid = g_uuid_string_random();

	if (json_object_deep_copy(value, &copy, NULL) != 0)
		return NULL;
	(void)json_object_object_add(copy, "uuid", json_object_new_string(uuid));
	return copy;
}

struct definition *definition_from_json(struct json_object *value, const struct mac_owners *owners,
					GError **error)
{
	const struct json_schema *schema = definition_schema();
	g_autoptr(GError) local = NULL;

	/* First, so that a bad name is INVALID_NAME with the rule that it breaks. */
	struct json_object *name = NULL;
	if (json_object_is_type(value, json_type_object) &&
	    json_object_object_get_ex(value, "name", &name) &&
	    json_object_is_type(name, json_type_string) &&
	    !definition_check_name(json_object_get_string(name), error))
		return NULL;
	if (!json_schema_check(schema, value, &local)) {
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "definition: ");
		return NULL;
	}
	g_autoptr(json_value_t) identified =
		member(value, "uuid") ? json_object_get(value) : with_uuid(value);
	g_autoptr(json_value_t) complete = json_schema_complete(schema, identified);
	if (!refine(complete, owners, error))
		return NULL;
	return convert(complete);
}

struct definition *definition_parse_among(const char *json, const struct mac_owners *owners,
					  GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autoptr(json_value_t) value = json_text_parse(json, VMMS_MAX_MESSAGE, &local);

	if (!value) {
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "definition: ");
		return NULL;
	}
	return definition_from_json(value, owners, error);
}

struct definition *definition_parse(const char *json, GError **error)
{
	return definition_parse_among(json, NULL, error);
}

struct definition *definition_ref(struct definition *definition)
{
	return g_atomic_rc_box_acquire(definition);
}

void definition_unref(struct definition *definition)
{
	if (definition)
		g_atomic_rc_box_release_full(definition, definition_clear);
}
