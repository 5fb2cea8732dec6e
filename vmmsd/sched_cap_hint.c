/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a cap may do to a reservation within it. The kernel has nothing but a budget for the whole
 * group, and takes it up as time is used, on all CPUs alike: on one CPU weights share it out, but
 * members that run side by side, on CPUs that are idle otherwise, use it up without competing.
 */
#include "sched_cpus.h"
#include "sched_group.h"

static const struct sched_member *member_at(const struct sched_plan *plan, guint i)
{
	return &g_array_index(plan->members, struct sched_member, i);
}

static const struct cpu_group *group_of(const struct sched_plan *plan, const char *name)
{
	return cpu_group_find(plan->cpu_groups, name);
}

/* Percent of one CPU that it uses when nobody else wants any. */
static uint64_t member_most(const struct sched_member *member)
{
	uint64_t most = 100 * (uint64_t)MIN(member->vcpus, member->cpus->len);

	return member->wish->limit > 0 ? MIN(most, member->wish->limit) : most;
}

/* The same of all in a group but one. */
static uint64_t others_most(const struct sched_plan *plan, const struct cpu_group *group,
			    const struct sched_member *but, guint depth)
{
	uint64_t sum = 0;

	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = member_at(plan, i);

		if (member != but && group_of(plan, member->wish->group) == group)
			sum += member_most(member);
	}
	for (guint i = 0; depth < CPU_GROUP_DEPTH_MAX && i < plan->cpu_groups->len; i++) {
		const struct cpu_group *inner = plan->cpu_groups->pdata[i];
		uint64_t most;

		if (!inner->parent || group_of(plan, inner->parent) != group)
			continue;
		most = others_most(plan, inner, but, depth + 1);
		sum += inner->cap > 0 ? MIN(most, inner->cap) : most;
	}
	return sum;
}

/* How many CPUs those within the group may use. */
static guint count_cpus(const struct sched_plan *plan, const struct cpu_group *group)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = member_at(plan, i);
		const struct cpu_group *own = group_of(plan, member->wish->group);
		GArray *more;

		if (!own || !cpu_group_is_within(plan->cpu_groups, own, group->name))
			continue;
		more = sched_cpus_or(all, member->cpus);
		g_array_unref(all);
		all = more;
	}
	return all->len;
}

static char *hint_within(const struct sched_plan *plan, const struct cpu_group *group,
			 const struct sched_member *member)
{
	uint32_t reserve = member->wish->reserve;
	uint64_t most = others_most(plan, group, member, 1), n_cpus = count_cpus(plan, group);
	g_autofree char *instead = NULL;

	/* Where they run together weights hold. */
	most = MIN(most, MAX(100 * n_cpus, reserve) - reserve);
	if (most + reserve <= group->cap || n_cpus < 2)
		return NULL;
	if (group->cap > reserve)
		instead = g_strdup_printf(", or limits of %u %% together for them",
					  group->cap - reserve);
	return g_strdup_printf("the others in CPU group %s can use %" G_GUINT64_FORMAT
			       " %% while CPUs are idle, and up to its cap of %u %% before the "
			       "reservation of %u %% is served: a cap of %" G_GUINT64_FORMAT
			       " %%%s assures it then, too",
			       group->name, most, group->cap, reserve, most + reserve,
			       instead ? instead : "");
}

char *sched_cap_hint(const struct sched_plan *plan, const struct sched_member *member)
{
	const struct cpu_group *group =
		plan->cpu_groups ? group_of(plan, member->wish->group) : NULL;
	char *hint = NULL;

	for (; !hint && member->wish->reserve > 0 && group; group = group_of(plan, group->parent)) {
		if (group->cap > 0)
			hint = hint_within(plan, group, member);
	}
	return hint;
}
