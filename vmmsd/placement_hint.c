/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_cpu_list.h"
#include "placement.h"
#include "sched_cpus.h"

static const struct host_cpu *find_cpu(const struct host_topology *topology, uint32_t id)
{
	for (guint i = 0; i < topology->cpus->len; i++) {
		const struct host_cpu *cpu = &g_array_index(topology->cpus, struct host_cpu, i);
		if (cpu->id == id)
			return cpu;
	}
	return NULL;
}

static GArray *online_of(const struct host_topology *topology)
{
	GArray *online = host_cpu_list_parse(topology->online);

	return online ? online : g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

/* As many CPUs as asked, of as many cores as there are. */
static char *suggest(const struct host_topology *topology, uint32_t n)
{
	g_autoptr(placement_t) empty = placement_new(topology);
	g_autoptr(GArray) online = online_of(topology);
	g_autoptr(GArray) chosen = placement_choose(empty, PLACEMENT_SPREAD, online, n, 0);

	return host_cpu_list_format(chosen);
}

static char *hint_spare(const struct host_topology *topology, const GArray *cpus, uint32_t vcpus)
{
	g_autofree char *words = sched_cpus_words(cpus);
	g_autofree char *better = suggest(topology, vcpus + 1);

	if (cpus->len > vcpus || topology->cpus->len <= vcpus)
		return NULL;
	return g_strdup_printf("%s %s all that %u virtual processor%s may use: leave one CPU more, "
			       "on which its devices are served, such as %s",
			       words, cpus->len == 1 ? "is" : "are", vcpus, vcpus == 1 ? "" : "s",
			       better);
}

/* The first two CPUs of one core, where a CPU of another core could have been taken. */
static char *hint_siblings(const struct host_topology *topology, const GArray *cpus)
{
	g_autoptr(GHashTable) cores = g_hash_table_new(g_str_hash, g_str_equal);
	gpointer first;

	for (guint i = 0; i < cpus->len; i++) {
		uint32_t id = g_array_index(cpus, uint32_t, i);
		const struct host_cpu *cpu = find_cpu(topology, id);

		if (!cpu || !g_hash_table_lookup_extended(cores, cpu->siblings, NULL, &first)) {
			if (cpu)
				g_hash_table_insert(cores, cpu->siblings, GUINT_TO_POINTER(id));
			continue;
		}
		/* All cores in use: a second thread is all that was left to take. */
		g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
		for (guint k = 0; k < cpus->len; k++) {
			cpu = find_cpu(topology, g_array_index(cpus, uint32_t, k));
			if (cpu)
				g_hash_table_add(used, cpu->siblings);
		}
		if (g_hash_table_size(used) == topology->cores)
			return NULL;
		g_autofree char *better = suggest(topology, cpus->len);
		return g_strdup_printf("CPUs %u and %u are two threads of one core, not two cores: "
				       "take a CPU of each core first, such as %s",
				       GPOINTER_TO_UINT(first), id, better);
	}
	return NULL;
}

GPtrArray *placement_hints(const struct host_topology *topology, const GArray *cpus, uint32_t vcpus)
{
	GPtrArray *hints = g_ptr_array_new_with_free_func(g_free);
	char *spare = hint_spare(topology, cpus, vcpus);
	char *siblings = hint_siblings(topology, cpus);

	if (spare)
		g_ptr_array_add(hints, spare);
	if (siblings)
		g_ptr_array_add(hints, siblings);
	return hints;
}
