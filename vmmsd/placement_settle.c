/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "placement_internal.h"
#include "sched_cpus.h"

/* How often all are looked at: each time at least one moves for the better, which may allow another
 * to. */
#define ROUNDS_MAX 8

/* As many CPUs as it would be given now, and all of them still there for it. */
static gboolean can_stay(const struct placement *placement, const struct placement_wish *wish)
{
	if (!wish->current || wish->current->len != MIN(wish->n, wish->allowed->len))
		return FALSE;
	for (guint i = 0; i < wish->current->len; i++) {
		if (!placement_find(placement, g_array_index(wish->current, uint32_t, i)))
			return FALSE;
	}
	return sched_cpus_is_subset(wish->current, wish->allowed);
}

static void set_chosen(struct placement_wish *wish, GArray *chosen)
{
	if (wish->chosen)
		g_array_unref(wish->chosen);
	wish->chosen = chosen;
}

static void choose(struct placement *placement, struct placement_wish *wish)
{
	set_chosen(wish,
		   placement_choose(placement, wish->mode, wish->allowed, wish->n, wish->reserve));
}

/* Those who can stay, and the others around them, in order. */
static void keep(const struct placement *placement, struct placement_wish *wishes, guint n)
{
	g_autoptr(placement_t) p = placement_copy(placement);

	for (guint i = 0; i < n; i++) {
		if (!can_stay(p, &wishes[i]))
			continue;
		set_chosen(&wishes[i], g_array_copy((GArray *)wishes[i].current));
		placement_add(p, wishes[i].chosen, wishes[i].n, wishes[i].reserve);
	}
	for (guint i = 0; i < n; i++) {
		if (!wishes[i].chosen)
			choose(p, &wishes[i]);
	}
}

/* Chooses anew for one, as if it came last; whether that was for the better, else it stays. */
static gboolean move_one(const struct placement *placement, struct placement_wish *wishes, guint n,
			 guint which, struct measure *measure)
{
	g_autoptr(placement_t) p = placement_copy(placement);
	g_autoptr(GArray) old = g_array_ref(wishes[which].chosen);
	struct measure moved;

	for (guint i = 0; i < n; i++) {
		if (i != which)
			placement_add(p, wishes[i].chosen, wishes[i].n, wishes[i].reserve);
	}
	choose(p, &wishes[which]);
	if (sched_cpus_equal(wishes[which].chosen, old))
		return FALSE;
	moved = placement_measure(placement, wishes, n);
	if (placement_is_better(&moved, measure)) {
		*measure = moved;
		return TRUE;
	}
	set_chosen(&wishes[which], g_steal_pointer(&old));
	return FALSE;
}

/* The newest are asked first: who was there before them moves only if that is not enough. */
static void improve(const struct placement *placement, struct placement_wish *wishes, guint n,
		    struct measure *measure)
{
	gboolean better = TRUE;

	for (guint round = 0; better && round < ROUNDS_MAX; round++) {
		better = FALSE;
		for (guint i = n; i-- > 0;)
			better |= move_one(placement, wishes, n, i, measure);
	}
}

static gboolean is_alike(const struct placement_wish *a, const struct placement_wish *b)
{
	return a->mode == b->mode && a->n == b->n && a->reserve == b->reserve &&
	       sched_cpus_equal(a->allowed, b->allowed);
}

/* Two that ask for the same change places when one of them was where the other is to go. */
static void exchange(const struct placement *placement, struct placement_wish *wishes, guint n,
		     guint which)
{
	const GArray *current = wishes[which].current;

	if (!can_stay(placement, &wishes[which]) || sched_cpus_equal(wishes[which].chosen, current))
		return;
	for (guint i = 0; i < n; i++) {
		GArray *chosen = wishes[i].chosen;

		if (!is_alike(&wishes[i], &wishes[which]) || !sched_cpus_equal(chosen, current))
			continue;
		/* Not from one who was there, too. */
		if (wishes[i].current && sched_cpus_equal(wishes[i].current, chosen))
			continue;
		wishes[i].chosen = wishes[which].chosen;
		wishes[which].chosen = chosen;
		return;
	}
}

/* Who was moved by a placement from nothing goes back where the whole does not lose by it. */
static void go_back(const struct placement *placement, struct placement_wish *wishes, guint n,
		    struct measure *measure)
{
	for (guint i = 0; i < n; i++)
		exchange(placement, wishes, n, i);
	for (guint i = 0; i < n; i++) {
		struct measure back;
		GArray *chosen;

		if (!can_stay(placement, &wishes[i]))
			continue;
		chosen = g_steal_pointer(&wishes[i].chosen);
		set_chosen(&wishes[i], g_array_copy((GArray *)wishes[i].current));
		back = placement_measure(placement, wishes, n);
		if (placement_is_better(measure, &back)) {
			set_chosen(&wishes[i], chosen);
		} else {
			g_array_unref(chosen);
			*measure = back;
		}
	}
}

void placement_settle(const struct placement *placement, struct placement_wish *wishes, guint n)
{
	g_autofree struct placement_wish *fresh = g_memdup2(wishes, n * sizeof(*wishes));
	g_autoptr(placement_t) empty = placement_copy(placement);
	struct measure measure, measure_fresh;

	if (n == 0)
		return;
	for (guint i = 0; i < n; i++)
		choose(empty, &fresh[i]);
	keep(placement, wishes, n);
	measure = placement_measure(placement, wishes, n);
	improve(placement, wishes, n, &measure);
	measure_fresh = placement_measure(placement, fresh, n);
	if (placement_is_better(&measure_fresh, &measure)) {
		go_back(placement, fresh, n, &measure_fresh);
		for (guint i = 0; i < n; i++)
			set_chosen(&wishes[i], g_array_ref(fresh[i].chosen));
	}
	for (guint i = 0; i < n; i++)
		g_array_unref(fresh[i].chosen);
}
