/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's lists of CPUs, "0-3,5". Pure. */
#ifndef HOST_CPU_LIST_H
#define HOST_CPU_LIST_H

#include <glib.h>
#include <stdint.h>

/* A list with a higher number is not believed (Linux is built for at most 8192 CPUs). */
#define HOST_CPU_MAX 8192u

/* Ascending uint32_t, each once; NULL when the text is not such a list. "" is an empty list. */
GArray *host_cpu_list_parse(const char *text);

/* The other way round; g_free. cpus is ascending. */
char *host_cpu_list_format(const GArray *cpus);

gboolean host_cpu_list_has(const GArray *cpus, uint32_t cpu);

#endif
