/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups within groups. A cycle cannot be stored, but a walk ends all the same. */
#include "cpu_group.h"
#include "sched_cpus.h"
#include "service_error.h"

const struct cpu_group *cpu_group_find(const GPtrArray *groups, const char *name)
{
	for (guint i = 0; name && groups && i < groups->len; i++) {
		const struct cpu_group *group = groups->pdata[i];

		if (g_str_equal(group->name, name))
			return group;
	}
	return NULL;
}

gboolean cpu_group_is_within(const GPtrArray *groups, const struct cpu_group *group,
			     const char *name)
{
	for (guint depth = 0; group && depth <= CPU_GROUPS_MAX; depth++) {
		if (g_str_equal(group->name, name))
			return TRUE;
		group = cpu_group_find(groups, group->parent);
	}
	return FALSE;
}

GArray *cpu_group_cpus(const GPtrArray *groups, const struct cpu_group *group)
{
	GArray *all = NULL;

	for (guint depth = 0; group && depth <= CPU_GROUPS_MAX; depth++) {
		if (group->cpus) {
			GArray *both =
				all ? sched_cpus_and(all, group->cpus) : g_array_copy(group->cpus);
			g_clear_pointer(&all, g_array_unref);
			all = both;
		}
		group = cpu_group_find(groups, group->parent);
	}
	return all;
}

char *cpu_group_path(const GPtrArray *groups, const struct cpu_group *group)
{
	GString *path = g_string_new(NULL);

	for (guint depth = 0; group && depth < CPU_GROUP_DEPTH_MAX; depth++) {
		g_string_prepend(path, group->name);
		group = cpu_group_find(groups, group->parent);
		if (group)
			g_string_prepend_c(path, '-');
	}
	return g_string_free(path, FALSE);
}

char **cpu_group_paths(const GPtrArray *groups)
{
	GPtrArray *paths = g_ptr_array_new();

	for (guint i = 0; i < groups->len; i++)
		g_ptr_array_add(paths, cpu_group_path(groups, groups->pdata[i]));
	g_ptr_array_add(paths, NULL);
	return (char **)g_ptr_array_free(paths, FALSE);
}

char **cpu_group_paths_gone(const char *const *before, const GPtrArray *groups)
{
	g_auto(GStrv) now = cpu_group_paths(groups);
	GPtrArray *gone = g_ptr_array_new();

	for (; *before; before++) {
		if (!g_strv_contains((const char *const *)now, *before))
			g_ptr_array_add(gone, g_strdup(*before));
	}
	g_ptr_array_add(gone, NULL);
	return (char **)g_ptr_array_free(gone, FALSE);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static guint depth_of(const GPtrArray *groups, const struct cpu_group *group)
{
	guint depth = 0;

	while (group && depth <= CPU_GROUPS_MAX) {
		depth++;
		group = cpu_group_find(groups, group->parent);
	}
	return depth;
}

/* groups with group in its place; nothing is owned. */
static GPtrArray *replaced(const GPtrArray *groups, const struct cpu_group *group)
{
	GPtrArray *all = g_ptr_array_new();

	g_ptr_array_add(all, (gpointer)group);
	for (guint i = 0; groups && i < groups->len; i++) {
		const struct cpu_group *other = groups->pdata[i];

		if (!g_str_equal(other->name, group->name))
			g_ptr_array_add(all, groups->pdata[i]);
	}
	return all;
}

static gboolean check_parent(const GPtrArray *all, const struct cpu_group *group, GError **error)
{
	const struct cpu_group *parent = cpu_group_find(all, group->parent);

	if (!group->parent)
		return TRUE;
	if (!parent) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_GROUP,
			    "group %s: there is no group %s to be in: \"hvctl group list\" shows "
			    "those that there are",
			    group->name, group->parent);
		return FALSE;
	}
	if (parent != group && !cpu_group_is_within(all, parent, group->name))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
		    "group %s: it cannot be in %s, which is %s: choose another parent", group->name,
		    group->parent, parent == group ? "itself" : "within it");
	return FALSE;
}

/* group, and whatever is within it: they move together. */
static gboolean check_member(const GPtrArray *all, const struct cpu_group *member,
			     const struct cpu_group *group, GError **error)
{
	g_autoptr(GArray) cpus = cpu_group_cpus(all, member);
	const char *word = member == group ? "" : " within it";

	if (depth_of(all, member) > CPU_GROUP_DEPTH_MAX) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
			    "group %s: group %s%s would be the %uth in each other; at most %u can "
			    "be: choose another parent",
			    group->name, member->name, word, depth_of(all, member),
			    CPU_GROUP_DEPTH_MAX);
		return FALSE;
	}
	if (!cpus || cpus->len > 0)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
		    "group %s: its CPUs and those of the groups around it have none in common, "
		    "which leaves group %s%s none: choose other CPUs or another parent",
		    group->name, member->name, word);
	return FALSE;
}

gboolean cpu_group_check(const GPtrArray *groups, const struct cpu_group *group, GError **error)
{
	g_autoptr(GPtrArray) all = replaced(groups, group);

	if (!check_parent(all, group, error))
		return FALSE;
	for (guint i = 0; i < all->len; i++) {
		const struct cpu_group *member = all->pdata[i];

		if (cpu_group_is_within(all, member, group->name) &&
		    !check_member(all, member, group, error))
			return FALSE;
	}
	return TRUE;
}
