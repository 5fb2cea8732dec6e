/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu_group.h"

#include <json-c/json.h>

#include "host_cpu_list.h"
#include "json_schema.h"
#include "json_text.h"
#include "sched_share.h"
#include "service_error.h"

/* schemas/json/cpu-group.schema.json (vmms_embed). */
extern const char vmms_cpu_group_schema[];

#define DOCUMENT_MAX 8192u

/* Compiled by the first caller, then constant until the program ends. */
static const struct json_schema *group_schema(void)
{
	static struct json_schema *schema;

	if (g_once_init_enter(&schema)) {
		g_autoptr(GError) error = NULL;
		struct json_schema *compiled = json_schema_new(vmms_cpu_group_schema, &error);
		if (!compiled) /* A part of this very program is broken. */
			g_error("cpu-group.schema.json: %s", error->message);
		g_once_init_leave(&schema, compiled);
	}
	return schema;
}

static const char *text(struct json_object *object, const char *name)
{
	return json_object_get_string(json_object_object_get(object, name));
}

static uint32_t number(struct json_object *object, const char *name)
{
	return (uint32_t)json_object_get_int64(json_object_object_get(object, name));
}

static struct cpu_group *from_json(struct json_object *value, GError **error)
{
	g_autoptr(json_value_t) complete = NULL;
	g_autoptr(GArray) cpus = NULL;
	g_autoptr(GError) local = NULL;
	struct cpu_group *group;

	if (!json_schema_check(group_schema(), value, &local)) {
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "CPU group: ");
		return NULL;
	}
	complete = json_schema_complete(group_schema(), value);
	if (text(complete, "cpus")) {
		cpus = host_cpu_list_parse(text(complete, "cpus"));
		if (!cpus || cpus->len == 0) {
			g_autofree char *shown = json_text_excerpt(text(complete, "cpus"));
			g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
				    "CPU group: $.cpus: \"%s\" is not valid; give CPUs in "
				    "ascending order, each once and below %u, such as \"0-3,8\"",
				    shown, HOST_CPU_MAX);
			return NULL;
		}
	}
	group = g_new0(struct cpu_group, 1);
	*group = (struct cpu_group){
		.name = g_strdup(text(complete, "name")),
		.parent = g_strdup(text(complete, "parent")),
		.cap = number(complete, "cap"),
		.weight = number(complete, "weight"),
		.cpus = g_steal_pointer(&cpus),
		.json = json_text_print(complete),
	};
	return group;
}

struct cpu_group *cpu_group_parse(const char *json, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autoptr(json_value_t) value = json_text_parse(json, DOCUMENT_MAX, &local);

	if (value)
		return from_json(value, error);
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "CPU group: ");
	return NULL;
}

struct cpu_group *cpu_group_edit(const struct cpu_group *group, const char *patch, GError **error)
{
	g_autoptr(json_value_t) document = json_tokener_parse(group->json);
	g_autoptr(json_value_t) change = json_text_parse_patch(patch, DOCUMENT_MAX, error);

	if (!change)
		return NULL;
	json_text_merge(document, change);
	if (g_strcmp0(text(document, "name"), group->name) != 0) {
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
				    "CPU group: $.name: cannot be edited; create another group "
				    "and move its members there");
		return NULL;
	}
	return from_json(document, error);
}

void cpu_group_free(struct cpu_group *group)
{
	if (!group)
		return;
	g_clear_pointer(&group->cpus, g_array_unref);
	g_free(group->name);
	g_free(group->parent);
	g_free(group->json);
	g_free(group);
}
