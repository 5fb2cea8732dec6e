/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of logical CPUs: ascending arrays of uint32_t, as host_cpu_list.h makes them. Pure. */
#ifndef SCHED_CPUS_H
#define SCHED_CPUS_H

#include <glib.h>
#include <stdint.h>

/* New sets; g_array_unref. */
GArray *sched_cpus_and(const GArray *a, const GArray *b);
GArray *sched_cpus_minus(const GArray *a, const GArray *b);
GArray *sched_cpus_or(const GArray *a, const GArray *b);

gboolean sched_cpus_is_subset(const GArray *a, const GArray *of);
gboolean sched_cpus_overlap(const GArray *a, const GArray *b);
gboolean sched_cpus_equal(const GArray *a, const GArray *b);

/* "CPU 3" or "CPUs 0-3,8", for a sentence; g_free. */
char *sched_cpus_words(const GArray *cpus);

/*
 * Whether every CPU of asked is online. NO_CPU with the CPUs that are offline or that the host does
 * not have, and the ones that it has: "what: CPU 9 is not in this host, which has CPUs 0-3".
 */
gboolean sched_cpus_check(const GArray *asked, const GArray *online, const GArray *offline,
			  const char *what, GError **error);

#endif
