/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets, cores, threads and memory nodes as sysfs tells them now. Only CPUs that are online. */
#ifndef HOST_TOPOLOGY_H
#define HOST_TOPOLOGY_H

#include <glib.h>
#include <stdint.h>

struct host_cpu {
	uint32_t id;
	int64_t socket, core, node; /* -1: the kernel does not say */
	char *siblings;		    /* the threads of its core, itself included: "0,4" */
};

struct host_node {
	uint32_t id;
	char *cpus;	 /* "0-3" */
	uint64_t memory; /* bytes, 0: the kernel does not say */
};

struct host_topology {
	gboolean
		known; /* FALSE: sysfs has no topology; every CPU is taken for a core of socket 0 */
	guint sockets, cores, threads, threads_per_core;
	char *online, *offline; /* "0-7"; offline is what is present and not online */
	GArray *every;		/* uint32_t: what can ever be online; never empty */
	GArray *cpus;		/* struct host_cpu, ascending */
	GArray *nodes;		/* struct host_node, ascending; empty without NUMA */
};
typedef struct host_topology host_topology_t;

/* NULL and FAILED when sysfs does not even list the CPUs. */
struct host_topology *host_topology_read(const char *sysfs_root, GError **error);
void host_topology_free(struct host_topology *topology); /* NULL is fine */

/* The numbers (uint32_t, ascending) of its memory nodes; never empty; g_array_unref. */
GArray *host_topology_every_node(const struct host_topology *topology);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(host_topology_t, host_topology_free)

#endif
