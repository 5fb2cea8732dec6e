/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A CPU group: a cap, a set of CPUs and a weight for all VMs in it together, and perhaps the group
 * that it is in itself. Immutable; pure.
 */
#ifndef CPU_GROUP_H
#define CPU_GROUP_H

#include <glib.h>
#include <stdint.h>

#define CPU_GROUP_DEPTH_MAX 4u	 /* groups in each other */
#define CPU_GROUPS_MAX	    256u /* of a host */

struct cpu_group {
	char *name;
	char *parent;	 /* or NULL */
	uint32_t cap;	 /* percent of one CPU; 0: none */
	uint32_t weight; /* 1 to 10000, of all together */
	GArray *cpus;	 /* sched_cpus.h; NULL: any */
	char *json;	 /* canonical, with every default */
};
typedef struct cpu_group cpu_group_t;

/* INVALID_DEFINITION with the JSON path. */
struct cpu_group *cpu_group_parse(const char *json, GError **error);
/* With an RFC 7396 merge patch; the name is fixed. */
struct cpu_group *cpu_group_edit(const struct cpu_group *group, const char *patch, GError **error);
void cpu_group_free(struct cpu_group *group); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(cpu_group_t, cpu_group_free)

/* ---- the tree; groups is an array of struct cpu_group, in any order -------------------------- */

/* NULL: there is none of that name (which may be NULL). */
const struct cpu_group *cpu_group_find(const GPtrArray *groups, const char *name);
/* Whether group is the one of that name or within it. */
gboolean cpu_group_is_within(const GPtrArray *groups, const struct cpu_group *group,
			     const char *name);
/* The CPUs that it has and all around it; NULL: any; g_array_unref. */
GArray *cpu_group_cpus(const GPtrArray *groups, const struct cpu_group *group);
/* Names from the outermost, "all-web", for a place in a hierarchy; g_free. No name has a "-". */
char *cpu_group_path(const GPtrArray *groups, const struct cpu_group *group);
/* Those of all; g_strfreev. */
char **cpu_group_paths(const GPtrArray *groups);
/* Of those before, those that none of the groups has now; g_strfreev. */
char **cpu_group_paths_gone(const char *const *before, const GPtrArray *groups);

/*
 * Whether the groups are a tree with `group` in the place of the one that has its name now, if any:
 * its parent is there and not within it, it is not too deep, and CPUs are left to all.
 * NO_SUCH_GROUP or INVALID_DEFINITION.
 */
gboolean cpu_group_check(const GPtrArray *groups, const struct cpu_group *group, GError **error);

#endif
