/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "placement_internal.h"
#include "sched_admit.h"

/* What there is of each core. */
struct core {
	guint busy;   /* CPUs that have somebody who is not packed */
	guint spread; /* processors of those who are spread */
	gboolean packed;
};

static double square(double value)
{
	return value * value;
}

static void count_cpus(const struct placement *p, struct measure *measure)
{
	for (guint i = 0; i < p->n; i++) {
		const struct place *place = &p->places[i];

		measure->values[MEASURE_RESERVED] += MAX(place->reserved - SCHED_RESERVABLE, 0);
		measure->values[MEASURE_SHARED] += MAX(place->load - 1, 0);
		measure->values[MEASURE_UNEVEN] += square(place->load);
	}
}

/* p: those who are fixed or spread; adds those who are packed. */
static void count_wishes(struct placement *p, const struct placement_wish *wishes, guint n,
			 struct core *cores, gboolean *packed_sockets)
{
	for (guint i = 0; i < n; i++) {
		const struct placement_wish *wish = &wishes[i];
		gboolean pack = wish->mode == PLACEMENT_PACK;

		for (guint k = 0; k < wish->chosen->len; k++) {
			const struct place *place =
				placement_find(p, g_array_index(wish->chosen, uint32_t, k));

			if (!place)
				continue;
			cores[place->core].spread += !pack;
			cores[place->core].packed |= pack;
			packed_sockets[place->socket] |= pack;
		}
		if (pack)
			placement_add(p, wish->chosen, wish->n, wish->reserve);
	}
}

static GArray *zeroed(guint size, guint n)
{
	GArray *array = g_array_new(FALSE, TRUE, size);

	return g_array_set_size(array, n);
}

struct measure placement_measure(const struct placement *fixed, const struct placement_wish *wishes,
				 guint n)
{
	g_autoptr(placement_t) p = placement_copy(fixed);
	g_autoptr(GArray) core_array = zeroed(sizeof(struct core), p->n_cores);
	g_autoptr(GArray) socket_array = zeroed(sizeof(gboolean), p->n_sockets);
	struct core *cores = (struct core *)(void *)core_array->data;
	gboolean *packed_sockets = (gboolean *)(void *)socket_array->data;
	struct measure ret = {0};

	for (guint i = 0; i < n; i++) {
		if (wishes[i].mode != PLACEMENT_PACK)
			placement_add(p, wishes[i].chosen, wishes[i].n, wishes[i].reserve);
	}
	for (guint i = 0; i < p->n; i++)
		cores[p->places[i].core].busy += p->places[i].load > 0;
	count_wishes(p, wishes, n, cores, packed_sockets);
	count_cpus(p, &ret);
	for (guint i = 0; i < p->n_cores; i++) {
		ret.values[MEASURE_SIBLINGS] += cores[i].spread > 0 ? cores[i].busy - 1 : 0;
		ret.values[MEASURE_CORES] += cores[i].packed;
	}
	for (guint i = 0; i < p->n_sockets; i++)
		ret.values[MEASURE_SOCKETS] += packed_sockets[i];
	return ret;
}

gboolean placement_is_better(const struct measure *a, const struct measure *b)
{
	for (guint i = 0; i < MEASURE_N; i++) {
		double difference = a->values[i] - b->values[i];

		if (difference < -1e-6 || difference > 1e-6)
			return difference < 0;
	}
	return FALSE;
}
