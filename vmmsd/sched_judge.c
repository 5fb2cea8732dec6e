/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_judge.h"

#include <math.h>
#include <string.h>

#include "host_cpu_list.h"
#include "sched_cpus.h"
#include "sched_share.h"

#define ROUNDS	   200u
#define RAISE_MOST 4.0	  /* in one round */
#define AIM	   1.002  /* of a reservation: weights are whole numbers */
#define TINY	   0.0001 /* of a reservation */

/* The plan's groups, outer ones first, and then its members: all of these are entities. */
struct judge {
	const struct sched_plan *plan;
	guint n_groups, n, n_cpus;
	guint *index;	/* of a CPU, its number here */
	int *parent;	/* of each entity; -1: the root */
	double *weight; /* of each entity; 0: it gets what others leave */
	double *spread; /* [entity * n_cpus + cpu], parts of its load; together 1 */
	double *load;	/* [(entity + 1) * n_cpus + cpu], what is in it weighs there; 0: the root */
	double *got;	/* likewise, percent of that CPU */
	double *factor; /* of each entity, while weights are raised */
	double *most;	/* [entity + 1], the largest weight in it */
};

static const struct sched_member *member_of(const struct judge *judge, guint entity)
{
	return &g_array_index(judge->plan->members, struct sched_member, entity - judge->n_groups);
}

static const struct sched_group *group_of(const struct judge *judge, guint entity)
{
	return &g_array_index(judge->plan->groups, struct sched_group, entity);
}

static int find_group(const struct judge *judge, const char *name)
{
	for (guint i = 0; name && i < judge->n_groups; i++) {
		if (g_str_equal(group_of(judge, i)->group->name, name))
			return (int)i;
	}
	return -1;
}

/* Each processor runs on each of the CPUs that it may use as often as on any other. */
static void spread_member(const struct sched_member *member, const guint *index, double *spread)
{
	for (guint vp = 0; vp < member->vcpus; vp++) {
		const GArray *own =
			vp < member->wish->n_vcpu_affinity ? member->wish->vcpu_affinity[vp] : NULL;
		g_autoptr(GArray) on = own ? sched_cpus_and(own, member->cpus) : NULL;
		const GArray *cpus = on && on->len > 0 ? on : member->cpus;

		for (guint i = 0; i < cpus->len; i++)
			spread[index[g_array_index(cpus, uint32_t, i)]] +=
				1.0 / cpus->len / member->vcpus;
	}
}

/* Gives the CPUs that members use dense numbers. */
static void number_cpus(struct judge *judge)
{
	const GArray *members = judge->plan->members;
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (guint i = 0; i < members->len; i++) {
		GArray *more =
			sched_cpus_or(all, g_array_index(members, struct sched_member, i).cpus);

		g_array_unref(all);
		all = more;
	}
	judge->n_cpus = all->len;
	judge->index =
		g_new0(guint, all->len > 0 ? g_array_index(all, uint32_t, all->len - 1) + 1 : 1);
	for (guint i = 0; i < all->len; i++)
		judge->index[g_array_index(all, uint32_t, i)] = i;
}

static void judge_init(struct judge *judge, const struct sched_plan *plan)
{
	guint n = plan->groups->len + plan->members->len;

	judge->plan = plan;
	number_cpus(judge);
	judge->n_groups = plan->groups->len;
	judge->n = n;
	judge->parent = g_new0(int, n + 1);
	judge->weight = g_new0(double, n + 1);
	judge->factor = g_new0(double, n + 1);
	judge->most = g_new0(double, n + 1);
	judge->spread = g_new0(double, (gsize)(n + 1) * judge->n_cpus);
	judge->load = g_new0(double, (gsize)(n + 1) * judge->n_cpus);
	judge->got = g_new0(double, (gsize)(n + 1) * judge->n_cpus);
	for (guint i = 0; i < judge->n_groups; i++) {
		judge->parent[i] = find_group(judge, group_of(judge, i)->group->parent);
		judge->weight[i] = group_of(judge, i)->cpu_weight;
	}
	for (guint i = judge->n_groups; i < n; i++) {
		const struct sched_member *member = member_of(judge, i);

		judge->parent[i] = find_group(judge, member->wish->group);
		judge->weight[i] = member->cpu_weight;
		spread_member(member, judge->index, judge->spread + (gsize)i * judge->n_cpus);
	}
}

static void judge_clear(struct judge *judge)
{
	g_free(judge->index);
	g_free(judge->parent);
	g_free(judge->weight);
	g_free(judge->spread);
	g_free(judge->load);
	g_free(judge->got);
	g_free(judge->factor);
	g_free(judge->most);
}

static double *row(const struct judge *judge, double *table, int entity)
{
	return table + (gsize)(entity + 1) * judge->n_cpus;
}

/* What weighs how much where: inner ones first, since a group's load is that of those in it. */
static void weigh_loads(const struct judge *judge)
{
	memset(judge->load, 0, (gsize)(judge->n + 1) * judge->n_cpus * sizeof(double));
	for (guint i = judge->n; i-- > 0;) {
		double *spread = judge->spread + (gsize)i * judge->n_cpus;
		double *outer = row(judge, judge->load, judge->parent[i]);
		const double *inside = row(judge, judge->load, (int)i);
		double sum = 0;

		for (guint cpu = 0; cpu < judge->n_cpus; cpu++)
			sum += inside[cpu];
		for (guint cpu = 0; cpu < judge->n_cpus; cpu++) {
			if (i < judge->n_groups)
				spread[cpu] = sum > 0 ? inside[cpu] / sum : 0;
			outer[cpu] += judge->weight[i] * spread[cpu];
		}
	}
}

/* What a group has in all is no more than its cap. */
static void apply_cap(const struct judge *judge, guint group, double *got)
{
	double cap = group_of(judge, group)->group->cap, sum = 0;

	for (guint cpu = 0; cpu < judge->n_cpus; cpu++)
		sum += got[cpu];
	for (guint cpu = 0; cap > 0 && sum > cap && cpu < judge->n_cpus; cpu++)
		got[cpu] *= cap / sum;
}

static void share_out(const struct judge *judge)
{
	weigh_loads(judge);
	for (guint cpu = 0; cpu < judge->n_cpus; cpu++)
		judge->got[cpu] = 100;
	for (guint i = 0; i < judge->n; i++) {
		const double *spread = judge->spread + (gsize)i * judge->n_cpus;
		const double *all = row(judge, judge->load, judge->parent[i]);
		const double *outer = row(judge, judge->got, judge->parent[i]);
		double *got = row(judge, judge->got, (int)i);

		for (guint cpu = 0; cpu < judge->n_cpus; cpu++)
			got[cpu] = all[cpu] > 0
					   ? outer[cpu] * judge->weight[i] * spread[cpu] / all[cpu]
					   : 0;
		if (i < judge->n_groups)
			apply_cap(judge, i, got);
	}
}

/* How many times as much it would have to get; up to 1: its promise is kept, or it has none. */
static double lack(const struct judge *judge, guint entity, double aim)
{
	const struct sched_member *member = member_of(judge, entity);
	const double *got = row(judge, judge->got, (int)entity);
	double sum = 0;

	if (member->wish->reserve == 0 || member->unkept || judge->weight[entity] <= 0)
		return 0;
	for (guint cpu = 0; cpu < judge->n_cpus; cpu++)
		sum += got[cpu];
	return sum > 0 ? member->wish->reserve * aim / sum : RAISE_MOST;
}

/* No weight above the range: where one would be, all beside it have less. */
static void fit_range(const struct judge *judge)
{
	double *most = judge->most;

	memset(most, 0, (judge->n + 1) * sizeof(double));
	for (guint i = 0; i < judge->n; i++)
		most[judge->parent[i] + 1] = MAX(most[judge->parent[i] + 1], judge->weight[i]);
	for (guint i = 0; i < judge->n; i++) {
		double top = most[judge->parent[i] + 1];

		if (top > SCHED_WEIGHT_MAX && judge->weight[i] > 0)
			judge->weight[i] =
				MAX(judge->weight[i] * SCHED_WEIGHT_MAX / top, SCHED_WEIGHT_MIN);
	}
}

/* Raises who lacks something, and the groups that he is in. FALSE: nobody does. */
static gboolean raise_short(const struct judge *judge)
{
	double *factor = judge->factor;
	gboolean any = FALSE;

	memset(factor, 0, (judge->n + 1) * sizeof(double));
	share_out(judge);
	for (guint i = judge->n_groups; i < judge->n; i++) {
		double by = MIN(lack(judge, i, AIM), RAISE_MOST);

		any = any || by > 1;
		for (int k = (int)i; by > 1 && k >= 0; k = judge->parent[k])
			factor[k] = MAX(factor[k], by);
	}
	for (guint i = 0; i < judge->n; i++)
		judge->weight[i] *= MAX(factor[i], 1);
	fit_range(judge);
	return any;
}

static gboolean is_kept(const struct judge *judge)
{
	share_out(judge);
	for (guint i = judge->n_groups; i < judge->n; i++) {
		if (lack(judge, i, 1 - TINY) > 1)
			return FALSE;
	}
	return TRUE;
}

/* Finds weights that keep all promises. */
static gboolean mend(const struct judge *judge)
{
	for (guint i = 0; i < ROUNDS && raise_short(judge); i++)
		;
	for (guint i = 0; i < judge->n; i++)
		judge->weight[i] = round(judge->weight[i]);
	return is_kept(judge);
}

static void take_weights(const struct judge *judge, struct sched_plan *plan)
{
	for (guint i = 0; i < judge->n_groups; i++)
		g_array_index(plan->groups, struct sched_group, i).cpu_weight =
			(uint32_t)judge->weight[i];
	for (guint i = 0; i < plan->members->len; i++)
		g_array_index(plan->members, struct sched_member, i).cpu_weight =
			(uint32_t)judge->weight[judge->n_groups + i];
}

static void mark_short(const struct judge *judge, struct sched_plan *plan)
{
	for (guint i = 0; i < plan->members->len; i++) {
		if (lack(judge, judge->n_groups + i, 1 - TINY) > 1)
			g_array_index(plan->members, struct sched_member, i).unkept = TRUE;
	}
}

void sched_judge(struct sched_plan *plan)
{
	struct judge judge;

	if (plan->members->len == 0)
		return;
	judge_init(&judge, plan);
	if (!is_kept(&judge)) {
		if (mend(&judge)) {
			take_weights(&judge, plan);
		} else {
			judge_clear(&judge);
			judge_init(&judge, plan);
			share_out(&judge);
			mark_short(&judge, plan);
		}
	}
	judge_clear(&judge);
}
