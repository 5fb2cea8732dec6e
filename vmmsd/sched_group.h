/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What CPU groups make of a plan: weights in a hierarchy, and caps that bound promises. Pure. */
#ifndef SCHED_GROUP_H
#define SCHED_GROUP_H

#include "sched_plan.h"

/*
 * Sets cpu_weight of all members, and the plan's groups. At each level VMs and groups compete: a
 * group by its weight, and with the reservations of all in it, so that these hold within it, too.
 * Those of members marked unkept do not count.
 * FALSE: reservations cannot be kept, and weights are those without them.
 */
gboolean sched_group_weigh(struct sched_plan *plan, GError **error);

/* Whether the reservations within each group fit into its cap, or exceed it by no more than in the
 * plan before (NULL: they do not). NO_CPU with the arithmetic; name: of the VM that is to be
 * started or edited, or NULL. */
gboolean sched_group_check_caps(const struct sched_plan *plan, const struct sched_plan *before,
				const char *name, GError **error);

/* Why the reservation of a member (with its CPUs) may not be served while its group has a cap and
 * CPUs are idle, and what helps; NULL: it is. g_free. */
char *sched_cap_hint(const struct sched_plan *plan, const struct sched_member *member);

#endif
