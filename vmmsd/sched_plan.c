/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_cpu_list.h"
#include "sched_admit.h"
#include "sched_cpus.h"
#include "sched_group.h"
#include "sched_judge.h"
#include "sched_plan_internal.h"
#include "sched_share.h"

static void member_clear(gpointer data)
{
	struct sched_member *member = data;

	g_clear_pointer(&member->cpus, g_array_unref);
	g_clear_pointer(&member->shortage, g_free);
	g_clear_pointer(&member->cap_hint, g_free);
	g_clear_pointer(&member->current, g_array_unref);
}

struct sched_plan *sched_plan_new(const GPtrArray *cpu_groups)
{
	struct sched_plan *plan = g_new0(struct sched_plan, 1);

	plan->cpu_groups = cpu_groups;
	plan->groups = g_array_new(FALSE, TRUE, sizeof(struct sched_group));
	plan->members = g_array_new(FALSE, TRUE, sizeof(struct sched_member));
	g_array_set_clear_func(plan->members, member_clear);
	plan->taken = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	return plan;
}

void sched_plan_free(struct sched_plan *plan)
{
	if (!plan)
		return;
	g_array_unref(plan->members);
	g_array_unref(plan->taken);
	g_array_unref(plan->groups);
	g_free(plan);
}

void sched_plan_add(struct sched_plan *plan, const char *name, uint32_t vcpus,
		    const struct sched_definition *wish)
{
	const struct sched_member member = {.name = name, .vcpus = vcpus, .wish = wish};

	g_array_append_val(plan->members, member);
}

void sched_plan_set_current(struct sched_plan *plan, const char *cpus)
{
	struct sched_member *member = sched_plan_member(plan, plan->members->len - 1);

	g_clear_pointer(&member->current, g_array_unref);
	member->current = cpus ? host_cpu_list_parse(cpus) : NULL;
}

GArray *sched_plan_group_base(const struct sched_plan *plan, const struct sched_member *member,
			      const GArray *online)
{
	g_autoptr(GArray) of_group = cpu_group_cpus(
		plan->cpu_groups, cpu_group_find(plan->cpu_groups, member->wish->group));

	return of_group ? sched_cpus_and(of_group, online) : g_array_copy((GArray *)online);
}

/* All CPUs that its processors are bound to; NULL: one of them is not bound, or the VM has more for
 * itself than they use. */
static GArray *vcpus_union(const struct sched_definition *wish, uint32_t vcpus)
{
	GArray *all;

	if (wish->exclusive || vcpus == 0 || wish->n_vcpu_affinity < vcpus)
		return NULL;
	all = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (guint i = 0; i < vcpus; i++) {
		GArray *more =
			wish->vcpu_affinity[i] ? sched_cpus_or(all, wish->vcpu_affinity[i]) : NULL;

		g_array_unref(all);
		if (!more)
			return NULL;
		all = more;
	}
	return all;
}

GArray *sched_plan_wished_cpus(const struct sched_member *member)
{
	GArray *of_vcpus = vcpus_union(member->wish, member->vcpus);

	if (of_vcpus)
		return of_vcpus;
	return member->wish->affinity ? g_array_ref(member->wish->affinity) : NULL;
}

guint sched_plan_first_astray(const struct sched_definition *wish, const GArray *cpus)
{
	guint i = 0;

	while (i < wish->n_vcpu_affinity &&
	       (!wish->vcpu_affinity[i] || sched_cpus_overlap(wish->vcpu_affinity[i], cpus)))
		i++;
	return i;
}

/* Its affinity as far as it is online and in its group; all that is online there where nothing of
 * it is left. */
static GArray *member_base(const struct sched_plan *plan, struct sched_member *member,
			   const GArray *online)
{
	GArray *base = sched_plan_group_base(plan, member, online), *cpus;
	g_autoptr(GArray) wished = sched_plan_wished_cpus(member);

	member->moved = FALSE;
	member->bound = wished != NULL;
	if (base->len == 0) {
		g_array_unref(base);
		base = g_array_copy((GArray *)online);
		member->moved = TRUE;
	}
	if (!wished)
		return base;
	cpus = sched_cpus_and(wished, base);
	if (cpus->len == 0) {
		g_array_unref(cpus);
		member->moved = TRUE;
		return base;
	}
	g_array_unref(base);
	return cpus;
}

static void take_exclusive(struct sched_plan *plan)
{
	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);
		GArray *more;

		if (!member->wish->exclusive || member->moved)
			continue;
		more = sched_cpus_or(plan->taken, member->cpus);
		g_array_unref(plan->taken);
		plan->taken = more;
	}
}

static void set_cpus(struct sched_member *member, GArray *cpus)
{
	g_array_unref(member->cpus);
	member->cpus = cpus;
}

/* Everybody else leaves these CPUs, unless that would leave him none. */
static void leave_taken(struct sched_plan *plan, const GArray *online)
{
	for (guint i = 0; i < plan->members->len; i++) {
		struct sched_member *member = sched_plan_member(plan, i);
		GArray *left;

		if (member->wish->exclusive && !member->moved)
			continue;
		left = sched_cpus_minus(member->cpus, plan->taken);
		if (left->len == 0) {
			g_array_unref(left);
			left = sched_cpus_minus(online, plan->taken);
			member->moved = TRUE;
		}
		if (left->len == 0)
			g_array_unref(left);
		else
			set_cpus(member, left);
	}
}

static gboolean is_placed(const struct sched_member *member, gboolean reserving_too)
{
	return member->wish->placement != PLACEMENT_NONE &&
	       (reserving_too || member->wish->reserve == 0);
}

/* Those that are bound by hand count first; the others are placed around them, in order. */
static void place(struct sched_plan *plan, const struct host_topology *topology,
		  gboolean reserving_too, gboolean anew)
{
	g_autoptr(placement_t) placement = placement_new(topology);
	g_autofree struct placement_wish *wishes =
		g_new0(struct placement_wish, plan->members->len + 1);
	guint n = 0;

	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);

		if (!is_placed(member, reserving_too) && member->bound)
			placement_add(placement, member->cpus, member->vcpus,
				      member->wish->reserve);
	}
	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);

		if (is_placed(member, reserving_too))
			wishes[n++] = (struct placement_wish){
				.mode = member->wish->placement,
				.allowed = member->cpus,
				.n = member->vcpus,
				.reserve = member->wish->reserve,
				.current = anew ? NULL : member->current,
			};
	}
	placement_settle(placement, wishes, n);
	for (guint i = plan->members->len; i-- > 0;) {
		struct sched_member *member = sched_plan_member(plan, i);

		if (is_placed(member, reserving_too))
			set_cpus(member, wishes[--n].chosen);
	}
}

void sched_plan_settle(struct sched_plan *plan, const GArray *online)
{
	g_array_set_size(plan->taken, 0);
	for (guint i = 0; i < plan->members->len; i++) {
		struct sched_member *member = sched_plan_member(plan, i);

		g_clear_pointer(&member->cpus, g_array_unref);
		member->cpus = member_base(plan, member, online);
	}
	take_exclusive(plan);
	leave_taken(plan, online);
	for (guint i = 0; i < plan->members->len; i++) {
		struct sched_member *member = sched_plan_member(plan, i);

		member->strayed = sched_plan_first_astray(member->wish, member->cpus) <
				  member->wish->n_vcpu_affinity;
	}
}

/* As many as can be kept together: of those that run where they wish first, then the older. */
static void keep_some(struct sched_plan *plan)
{
	for (guint i = 0; i < plan->members->len; i++)
		sched_plan_member(plan, i)->unkept = sched_plan_member(plan, i)->wish->reserve > 0;
	for (gboolean moved = FALSE; moved <= TRUE; moved++) {
		for (guint i = 0; i < plan->members->len; i++) {
			struct sched_member *member = sched_plan_member(plan, i);

			if (!member->unkept || member->moved != moved)
				continue;
			member->unkept = FALSE;
			member->unkept = !sched_group_weigh(plan, NULL);
		}
	}
	(void)sched_group_weigh(plan, NULL);
}

/* What is missing for one of those that are not kept, beside those that are. */
static void explain(struct sched_plan *plan, struct sched_member *unkept)
{
	g_autoptr(GArray) demands = g_array_new(FALSE, TRUE, sizeof(struct sched_demand));

	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);
		const struct sched_demand demand = {member->name, member->wish->reserve,
						    member->cpus};

		if ((!member->unkept || member == unkept) &&
		    !(member->wish->exclusive && !member->moved))
			g_array_append_val(demands, demand);
	}
	unkept->shortage = sched_admit_shortage((const struct sched_demand *)(void *)demands->data,
						demands->len);
}

static void judge_all(struct sched_plan *plan)
{
	sched_judge(plan);
	for (guint i = 0; i < plan->members->len; i++) {
		struct sched_member *member = sched_plan_member(plan, i);

		g_clear_pointer(&member->shortage, g_free);
		g_clear_pointer(&member->cap_hint, g_free);
		if (member->unkept)
			explain(plan, member);
		else
			member->cap_hint = sched_cap_hint(plan, member);
	}
}

gboolean sched_plan_make(struct sched_plan *plan, const struct host_topology *topology,
			 GError **error)
{
	g_autoptr(GArray) online = sched_plan_list(topology->online);
	gboolean kept;

	for (guint i = 0; i < plan->members->len; i++)
		sched_plan_member(plan, i)->unkept = FALSE;
	/* A promise comes before staying, and was given by a placement from nothing. */
	for (gboolean anew = FALSE; anew <= TRUE; anew++) {
		sched_plan_settle(plan, online);
		place(plan, topology, TRUE, anew);
		if (sched_group_weigh(plan, NULL)) {
			judge_all(plan);
			return TRUE;
		}
	}
	/* And before a choice of CPUs: who reserves runs wherever it may. */
	sched_plan_settle(plan, online);
	place(plan, topology, FALSE, FALSE);
	kept = sched_group_weigh(plan, error);
	if (!kept)
		keep_some(plan);
	judge_all(plan);
	return kept;
}
