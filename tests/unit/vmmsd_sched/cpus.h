/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of CPUs in tests: written as lists, or made at random. */
#ifndef CPUS_H
#define CPUS_H

#include "host_cpu_list.h"

static inline GArray *cpus(const char *list)
{
	GArray *set = host_cpu_list_parse(list);

	g_assert_nonnull(set);
	return set;
}

static inline void assert_cpus(const GArray *set, const char *list)
{
	g_autofree char *text = host_cpu_list_format(set);

	g_assert_cmpstr(text, ==, list);
}

/* A subset of 0 to n - 1, perhaps empty. */
static inline GArray *random_cpus(GRand *rand, guint n)
{
	GArray *set = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	guint32 bits = g_rand_int(rand);

	for (uint32_t cpu = 0; cpu < n; cpu++) {
		if (bits & (1u << cpu))
			g_array_append_val(set, cpu);
	}
	return set;
}

#endif
