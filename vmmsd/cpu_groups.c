/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu_groups.h"

#include <string.h>

#include "json_text.h"
#include "service_error.h"

struct cpu_groups {
	struct store *store;
	GPtrArray *all; /* struct cpu_group, owned, by name */
};

static void free_group(gpointer group)
{
	cpu_group_free(group);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	const struct cpu_group *x = *(const struct cpu_group *const *)a;
	const struct cpu_group *y = *(const struct cpu_group *const *)b;

	return strcmp(x->name, y->name);
}

static gboolean load(void *context, const char *name, const char *definition, GError **error)
{
	struct cpu_groups *groups = context;
	g_autoptr(GError) local = NULL;
	struct cpu_group *group = cpu_group_parse(definition, &local);

	if (group && g_str_equal(group->name, name)) {
		g_ptr_array_add(groups->all, group);
		return TRUE;
	}
	cpu_group_free(group);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
		    "the store: group %s: %s: put a backup in the place of the store, or correct "
		    "the row",
		    name, local ? local->message : "its definition carries another name");
	return FALSE;
}

struct cpu_groups *cpu_groups_new(struct store *store, GError **error)
{
	g_autoptr(cpu_groups_t) groups = g_new0(struct cpu_groups, 1);

	groups->store = store;
	groups->all = g_ptr_array_new_with_free_func(free_group);
	if (!store_foreach_group(store, load, groups, error))
		return NULL;
	g_ptr_array_sort(groups->all, by_name);
	return g_steal_pointer(&groups);
}

void cpu_groups_free(struct cpu_groups *groups)
{
	if (!groups)
		return;
	g_ptr_array_unref(groups->all);
	g_free(groups);
}

const GPtrArray *cpu_groups_all(const struct cpu_groups *groups)
{
	return groups->all;
}

const struct cpu_group *cpu_groups_lookup(const struct cpu_groups *groups, const char *name,
					  GError **error)
{
	const struct cpu_group *group = cpu_group_find(groups->all, name);

	if (!group) {
		g_autofree char *shown = json_text_excerpt(name);
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_GROUP,
			    "there is no CPU group \"%s\": \"hvctl group list\" shows those that "
			    "there are, \"hvctl group create\" makes one",
			    shown);
	}
	return group;
}

static gboolean index_of(const struct cpu_groups *groups, const char *name, guint *ret)
{
	for (guint i = 0; i < groups->all->len; i++) {
		if (g_str_equal(((struct cpu_group *)groups->all->pdata[i])->name, name)) {
			*ret = i;
			return TRUE;
		}
	}
	return FALSE;
}

GPtrArray *cpu_groups_with(const struct cpu_groups *groups, const struct cpu_group *group)
{
	GPtrArray *with = g_ptr_array_new();
	guint at;

	for (guint i = 0; i < groups->all->len; i++)
		g_ptr_array_add(with, groups->all->pdata[i]);
	if (index_of(groups, group->name, &at))
		with->pdata[at] = (gpointer)group;
	else
		g_ptr_array_add(with, (gpointer)group);
	return with;
}

gboolean cpu_groups_put(struct cpu_groups *groups, struct cpu_group *group, gboolean replace,
			GError **error)
{
	g_autoptr(cpu_group_t) own = group;
	guint at = 0;
	gboolean there = index_of(groups, own->name, &at);

	if (there && !replace) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NAME_EXISTS,
			    "there is a CPU group %s already: choose another name, or edit it",
			    own->name);
		return FALSE;
	}
	if (!there && groups->all->len >= CPU_GROUPS_MAX) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "group %s: there are %u CPU groups, which is all that a host may have: "
			    "delete one",
			    own->name, CPU_GROUPS_MAX);
		return FALSE;
	}
	if (!store_put_group(groups->store, own->name, own->json, error))
		return FALSE;
	if (there)
		g_ptr_array_remove_index(groups->all, at);
	g_ptr_array_add(groups->all, g_steal_pointer(&own));
	g_ptr_array_sort(groups->all, by_name);
	return TRUE;
}

gboolean cpu_groups_delete(struct cpu_groups *groups, const char *name, GError **error)
{
	guint at;

	if (!cpu_groups_lookup(groups, name, error) || !index_of(groups, name, &at))
		return FALSE;
	for (guint i = 0; i < groups->all->len; i++) {
		const struct cpu_group *other = groups->all->pdata[i];

		if (g_strcmp0(other->parent, name) != 0)
			continue;
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
			    "group %s: group %s is in it: delete that first, or move it with "
			    "\"hvctl group edit %s --parent\"",
			    name, other->name, other->name);
		return FALSE;
	}
	if (!store_delete_group(groups->store, name, error))
		return FALSE;
	g_ptr_array_remove_index(groups->all, at);
	return TRUE;
}
