/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All CPU groups of the host, in step with the store: the store is written first. Main thread. */
#ifndef CPU_GROUPS_H
#define CPU_GROUPS_H

#include "cpu_group.h"
#include "store.h"

struct cpu_groups;
typedef struct cpu_groups cpu_groups_t;

/* Reads them; the store is borrowed. NULL and STORE. */
struct cpu_groups *cpu_groups_new(struct store *store, GError **error);
void cpu_groups_free(struct cpu_groups *groups); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(cpu_groups_t, cpu_groups_free)

/* struct cpu_group by name; borrowed until the next change. */
const GPtrArray *cpu_groups_all(const struct cpu_groups *groups);
/* NO_SUCH_GROUP with the remedy. */
const struct cpu_group *cpu_groups_lookup(const struct cpu_groups *groups, const char *name,
					  GError **error);
/* The groups with `group` in its place, as they would be; the elements are borrowed. */
GPtrArray *cpu_groups_with(const struct cpu_groups *groups, const struct cpu_group *group);

/* Takes group, which was checked, in any case. NAME_EXISTS unless `replace`. */
gboolean cpu_groups_put(struct cpu_groups *groups, struct cpu_group *group, gboolean replace,
			GError **error);
/* WRONG_STATE when another is in it. */
gboolean cpu_groups_delete(struct cpu_groups *groups, const char *name, GError **error);

#endif
