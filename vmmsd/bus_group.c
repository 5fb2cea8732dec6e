/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_group.h"

#include <json-c/json.h>

#include "authz.h"
#include "bus.h"
#include "cpu_groups.h"
#include "json_text.h"
#include "sched_service.h"

static struct json_object *members_of(const struct service *service, const struct cpu_group *group)
{
	const GPtrArray *vms = vm_registry_sorted(service->registry);
	struct json_object *names = json_object_new_array();

	for (guint i = 0; i < vms->len; i++) {
		const struct definition *d = ((const struct vm *)vms->pdata[i])->definition;

		if (g_strcmp0(d->sched.group, group->name) == 0)
			(void)json_object_array_add(names, json_object_new_string(d->name));
	}
	return names;
}

/* Every member is there: null for what is not given. */
static struct json_object *describe(const struct service *service, const struct cpu_group *group)
{
	static const char *const optional[] = {"parent", "cap", "cpus"};
	struct json_object *object = json_tokener_parse(group->json);

	for (gsize i = 0; i < G_N_ELEMENTS(optional); i++) {
		if (!json_object_object_get_ex(object, optional[i], NULL))
			(void)json_object_object_add(object, optional[i], NULL);
	}
	(void)json_object_object_add(object, "vms", members_of(service, group));
	return object;
}

int bus_group_list(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	const struct service *service = userdata;
	const GPtrArray *groups = cpu_groups_all(service->groups);
	g_autoptr(json_value_t) list = json_object_new_array();
	g_autofree char *text = NULL;

	(void)out;
	for (guint i = 0; i < groups->len; i++)
		(void)json_object_array_add(list, describe(service, groups->pdata[i]));
	text = json_text_print(list);
	return sd_bus_reply_method_return(call, "s", text);
}

/* Stores what was checked and brings it into force; takes group. */
static gboolean put(struct service *service, struct cpu_group *group, gboolean replace,
		    GError **error)
{
	g_autoptr(cpu_group_t) own = group;
	g_auto(GStrv) before = cpu_group_paths(cpu_groups_all(service->groups));

	if (!sched_check_group(service->sched, own, error) ||
	    !cpu_groups_put(service->groups, g_steal_pointer(&own), replace, error))
		return FALSE;
	sched_update(service->sched);
	/* Its members are on their way out of the slices that it had within another parent. */
	sched_groups_changed(service->sched, (const char *const *)before);
	return TRUE;
}

int bus_group_define(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_autoptr(cpu_group_t) group = NULL;
	g_autoptr(GError) error = NULL;
	const char *json;
	int r = sd_bus_message_read(call, "s", &json);

	if (r < 0)
		return r;
	if (!authz_check(call, AUTHZ_DEFINE, &error) || !(group = cpu_group_parse(json, &error)))
		return bus_error_set(out, error);
	if (!put(service, g_steal_pointer(&group), FALSE, &error))
		return bus_error_set(out, error);
	return sd_bus_reply_method_return(call, NULL);
}

int bus_group_edit(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	const struct cpu_group *group = NULL;
	g_autoptr(cpu_group_t) edited = NULL;
	g_autoptr(GError) error = NULL;
	const char *name, *patch;
	int r = sd_bus_message_read(call, "ss", &name, &patch);

	if (r < 0)
		return r;
	if (authz_check(call, AUTHZ_DEFINE, &error) &&
	    bus_check_length(name, BUS_NAME_ARGUMENT_MAX, "the name of the group", &error))
		group = cpu_groups_lookup(service->groups, name, &error);
	if (group)
		edited = cpu_group_edit(group, patch, &error);
	if (!edited || !put(service, g_steal_pointer(&edited), TRUE, &error))
		return bus_error_set(out, error);
	return sd_bus_reply_method_return(call, NULL);
}

/* A VM that is off counts, too: it could not start any more. */
static gboolean check_unused(const struct service *service, const char *name, GError **error)
{
	const GPtrArray *vms = vm_registry_sorted(service->registry);

	for (guint i = 0; i < vms->len; i++) {
		const struct definition *d = ((const struct vm *)vms->pdata[i])->definition;

		if (g_strcmp0(d->sched.group, name) != 0)
			continue;
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
			    "group %s: VM %s is in it: take it out with \"hvctl edit %s --group "
			    "none\", or delete it",
			    name, d->name, d->name);
		return FALSE;
	}
	return TRUE;
}

int bus_group_delete(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_auto(GStrv) before = cpu_group_paths(cpu_groups_all(service->groups));
	g_autoptr(GError) error = NULL;
	const char *name;
	int r = sd_bus_message_read(call, "s", &name);

	if (r < 0)
		return r;
	if (!authz_check(call, AUTHZ_DEFINE, &error) ||
	    !bus_check_length(name, BUS_NAME_ARGUMENT_MAX, "the name of the group", &error) ||
	    !check_unused(service, name, &error))
		return bus_error_set(out, error);
	if (!cpu_groups_delete(service->groups, name, &error))
		return bus_error_set(out, error);
	sched_groups_changed(service->sched, (const char *const *)before);
	return sd_bus_reply_method_return(call, NULL);
}
