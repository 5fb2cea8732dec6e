/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between sched_plan.c (what can be had) and sched_plan_check.c (what may be asked for). */
#ifndef SCHED_PLAN_INTERNAL_H
#define SCHED_PLAN_INTERNAL_H

#include "host_cpu_list.h"
#include "sched_plan.h"

static inline struct sched_member *sched_plan_member(const struct sched_plan *plan, guint i)
{
	return &g_array_index(plan->members, struct sched_member, i);
}

/* The caller owns it; empty where the text is no list. */
static inline GArray *sched_plan_list(const char *text)
{
	GArray *cpus = host_cpu_list_parse(text);

	return cpus ? cpus : g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

/* The CPUs that its group leaves it, as far as they are online; without a group all of them. The
 * caller owns them. */
GArray *sched_plan_group_base(const struct sched_plan *plan, const struct sched_member *member,
			      const GArray *online);
/* Where it asks to run; NULL: it does not say. The caller owns it. */
GArray *sched_plan_wished_cpus(const struct sched_member *member);
/* The first of its processors that has none of its own CPUs among cpus; n_vcpu_affinity: none. */
guint sched_plan_first_astray(const struct sched_definition *wish, const GArray *cpus);
/* Everything but placement and weights. */
void sched_plan_settle(struct sched_plan *plan, const GArray *online);

#endif
