/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host in a directory that looks like sysfs. */
#ifndef FAKE_TOPOLOGY_H
#define FAKE_TOPOLOGY_H

#include <glib.h>

#include "fake_file.h"
#include "host_topology.h"
#include "temporary_directory.h"

/* Threads of a core are n CPUs apart, as Intel numbers them, or next to each other. */
static inline void fake_topology_put(const char *root, guint sockets, guint cores, guint threads,
				     gboolean neighbours)
{
	guint n = sockets * cores * threads, n_cores = sockets * cores;

	fake_put(root, "devices/system/cpu/online", n == 1 ? "0\n" : "0-%u\n", n - 1);
	fake_put(root, "devices/system/cpu/present", n == 1 ? "0\n" : "0-%u\n", n - 1);
	for (guint cpu = 0; cpu < n; cpu++) {
		guint core = neighbours ? cpu / threads : cpu % n_cores;
		g_autoptr(GString) siblings = g_string_new(NULL);
		g_autofree char *base = g_strdup_printf("devices/system/cpu/cpu%u/topology/", cpu);
		g_autofree char *package = g_strconcat(base, "physical_package_id", NULL);
		g_autofree char *id = g_strconcat(base, "core_id", NULL);
		g_autofree char *list = g_strconcat(base, "core_cpus_list", NULL);

		for (guint thread = 0; thread < threads; thread++)
			g_string_append_printf(siblings, "%s%u", thread > 0 ? "," : "",
					       neighbours ? core * threads + thread
							  : core + thread * n_cores);
		fake_put(root, package, "%u\n", core / cores);
		fake_put(root, id, "%u\n", core % cores);
		fake_put(root, list, "%s\n", siblings->str);
	}
}

static inline host_topology_t *fake_topology_new(guint sockets, guint cores, guint threads,
						 gboolean neighbours)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();
	g_autoptr(GError) error = NULL;

	fake_topology_put(root, sockets, cores, threads, neighbours);
	host_topology_t *topology = host_topology_read(root, &error);
	g_assert_no_error(error);
	return topology;
}

#endif
