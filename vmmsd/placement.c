/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "placement.h"

#include <stdlib.h>

#include "host_cpu_list.h"
#include "placement_internal.h"
#include "sched_admit.h"

/* A dense index for each value that is seen. */
static guint index_of(GHashTable *table, const char *key)
{
	gpointer value;

	if (g_hash_table_lookup_extended(table, key, NULL, &value))
		return GPOINTER_TO_UINT(value);
	guint index = g_hash_table_size(table);
	g_hash_table_insert(table, g_strdup(key), GUINT_TO_POINTER(index));
	return index;
}

struct placement *placement_new(const struct host_topology *topology)
{
	struct placement *p = g_new0(struct placement, 1);
	g_autoptr(GHashTable) cores = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) sockets =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	p->n = topology->cpus->len;
	p->places = g_new0(struct place, p->n);
	for (guint i = 0; i < p->n; i++) {
		const struct host_cpu *cpu = &g_array_index(topology->cpus, struct host_cpu, i);
		g_autofree char *socket = g_strdup_printf("%" G_GINT64_FORMAT, cpu->socket);

		p->places[i].cpu = cpu->id;
		p->places[i].core = index_of(cores, cpu->siblings);
		p->places[i].socket = index_of(sockets, socket);
	}
	p->n_cores = g_hash_table_size(cores);
	p->n_sockets = g_hash_table_size(sockets);
	p->core_load = g_new0(double, p->n_cores);
	p->core_taken = g_new0(guint, p->n_cores);
	p->socket_load = g_new0(double, p->n_sockets);
	p->socket_taken = g_new0(guint, p->n_sockets);
	return p;
}

void placement_free(struct placement *placement)
{
	if (!placement)
		return;
	g_free(placement->places);
	g_free(placement->core_load);
	g_free(placement->core_taken);
	g_free(placement->socket_load);
	g_free(placement->socket_taken);
	g_free(placement);
}

static void load_add(struct placement *p, struct place *place, double load)
{
	place->load += load;
	p->core_load[place->core] += load;
	p->socket_load[place->socket] += load;
}

struct placement *placement_copy(const struct placement *placement)
{
	struct placement *p = g_memdup2(placement, sizeof(*placement));

	p->places = g_memdup2(p->places, p->n * sizeof(*p->places));
	p->core_load = g_memdup2(p->core_load, p->n_cores * sizeof(*p->core_load));
	p->socket_load = g_memdup2(p->socket_load, p->n_sockets * sizeof(*p->socket_load));
	p->core_taken = g_new0(guint, p->n_cores);
	p->socket_taken = g_new0(guint, p->n_sockets);
	return p;
}

static int by_cpu(const void *a, const void *b)
{
	uint32_t cpu = ((const struct place *)a)->cpu, other = ((const struct place *)b)->cpu;

	return (cpu > other) - (cpu < other);
}

struct place *placement_find(const struct placement *placement, uint32_t cpu)
{
	const struct place key = {.cpu = cpu};

	return placement->n == 0 ? NULL
				 : bsearch(&key, placement->places, placement->n,
					   sizeof(*placement->places), by_cpu);
}

void placement_add(struct placement *placement, const GArray *cpus, uint32_t n, uint32_t reserve)
{
	for (guint i = 0; i < cpus->len; i++) {
		struct place *place = placement_find(placement, g_array_index(cpus, uint32_t, i));

		if (!place)
			continue;
		load_add(placement, place, (double)n / cpus->len);
		place->reserved += (double)reserve / cpus->len;
	}
}

/* -1, 0, 1 as for sorting; the first difference decides. */
static int by(double a, double b)
{
	return (a > b) - (a < b);
}

/* 0: nobody is on its core, 1: nobody on the CPU itself, 2: somebody. */
static guint company(const struct placement *p, const struct place *place)
{
	if (p->core_load[place->core] <= 0 && p->core_taken[place->core] == 0)
		return 0;
	return place->load <= 0 ? 1 : 2;
}

/*
 * Free cores first, then siblings that are free, then the CPU with the least; of equal ones that of
 * the core, and then of the socket, with the least. The load of a core alone says nothing: its
 * other threads may be offline, or bear all of it.
 */
static int compare_spread(const struct placement *p, const struct place *a, const struct place *b)
{
	int order = by(company(p, a), company(p, b));

	if (order == 0)
		order = by(a->load, b->load);
	if (order == 0)
		order = by(p->core_load[a->core] + p->core_taken[a->core],
			   p->core_load[b->core] + p->core_taken[b->core]);
	if (order == 0)
		order = by(p->socket_load[a->socket] + p->socket_taken[a->socket],
			   p->socket_load[b->socket] + p->socket_taken[b->socket]);
	return order;
}

/*
 * Free CPUs first, of a core and a socket that this choice uses already, then of those that others
 * use.
 */
static int compare_pack(const struct placement *p, const struct place *a, const struct place *b)
{
	int order = by(a->load, b->load);

	if (order == 0)
		order = by(p->core_taken[b->core] > 0, p->core_taken[a->core] > 0);
	if (order == 0)
		order = by(p->socket_taken[b->socket] > 0, p->socket_taken[a->socket] > 0);
	if (order == 0)
		order = by(p->core_load[b->core] > 0, p->core_load[a->core] > 0);
	if (order == 0)
		order = by(p->socket_load[b->socket], p->socket_load[a->socket]);
	return order;
}

/* percent: of each CPU that is chosen. */
static gboolean fits(const struct place *place, double percent)
{
	return percent <= 0 || place->reserved + percent <= SCHED_RESERVABLE + 1e-6;
}

static int compare(const struct placement *p, enum placement_mode mode, const struct place *a,
		   const struct place *b, double percent)
{
	int order = fits(b, percent) - fits(a, percent);

	if (order != 0)
		return order;
	return mode == PLACEMENT_PACK ? compare_pack(p, a, b) : compare_spread(p, a, b);
}

static struct place *find_best(struct placement *p, enum placement_mode mode, const GArray *allowed,
			       double percent)
{
	struct place *best = NULL;

	for (guint i = 0; i < p->n; i++) {
		struct place *place = &p->places[i];
		int order = -1;

		if (place->taken || !host_cpu_list_has(allowed, place->cpu))
			continue;
		if (best)
			order = compare(p, mode, place, best, percent);
		if (order < 0)
			best = place;
	}
	return best;
}

GArray *placement_choose(struct placement *placement, enum placement_mode mode,
			 const GArray *allowed, uint32_t n, uint32_t reserve)
{
	double percent = (double)reserve / MAX(MIN(n, allowed->len), 1);
	GArray *chosen = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct place *place;

	for (uint32_t i = 0; i < n && (place = find_best(placement, mode, allowed, percent)); i++) {
		place->taken = TRUE;
		placement->core_taken[place->core]++;
		placement->socket_taken[place->socket]++;
	}
	for (guint i = 0; i < placement->n; i++) {
		place = &placement->places[i];
		if (!place->taken)
			continue;
		place->taken = FALSE;
		placement->core_taken[place->core] = placement->socket_taken[place->socket] = 0;
		g_array_append_val(chosen, place->cpu);
	}
	placement_add(placement, chosen, n, reserve);
	return chosen;
}
