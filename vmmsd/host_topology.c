/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_topology.h"

#include "host_cpu_list.h"
#include "host_file.h"
#include "service_error.h"

#define CPU_DIR	 "devices/system/cpu"
#define NODE_DIR "devices/system/node"

static void clear_cpu(gpointer data)
{
	struct host_cpu *cpu = data;

	g_free(cpu->siblings);
}

static void clear_node(gpointer data)
{
	struct host_node *node = data;

	g_free(node->cpus);
}

GArray *host_topology_every_node(const struct host_topology *topology)
{
	GArray *every = g_array_new(FALSE, TRUE, sizeof(uint32_t));

	for (guint i = 0; i < topology->nodes->len; i++)
		g_array_append_val(every, g_array_index(topology->nodes, struct host_node, i).id);
	if (every->len == 0)
		g_array_set_size(every, 1); /* without NUMA all memory is node 0 */
	return every;
}

void host_topology_free(struct host_topology *topology)
{
	if (!topology)
		return;
	g_free(topology->online);
	g_free(topology->offline);
	g_array_unref(topology->every);
	g_array_unref(topology->cpus);
	g_array_unref(topology->nodes);
	g_free(topology);
}

static GArray *read_list(const char *sysfs_root, const char *name)
{
	g_autofree char *text = host_file_read(sysfs_root, "%s", name);

	return text ? host_cpu_list_parse(text) : NULL;
}

static char *list_offline(const char *sysfs_root, const GArray *online)
{
	g_autoptr(GArray) present = read_list(sysfs_root, CPU_DIR "/present");
	g_autoptr(GArray) offline = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (guint i = 0; present && i < present->len; i++) {
		uint32_t cpu = g_array_index(present, uint32_t, i);
		if (!host_cpu_list_has(online, cpu))
			g_array_append_val(offline, cpu);
	}
	return host_cpu_list_format(offline);
}

static char *read_siblings(const char *sysfs_root, uint32_t id)
{
	/* Kernels before 5.3 have only the second name. */
	char *list = host_file_read(sysfs_root, CPU_DIR "/cpu%u/topology/core_cpus_list", id);

	if (!list)
		list = host_file_read(sysfs_root, CPU_DIR "/cpu%u/topology/thread_siblings_list",
				      id);
	return list;
}

static void read_cpu(struct host_topology *topology, const char *sysfs_root, uint32_t id)
{
	struct host_cpu cpu = {
		.id = id,
		.socket = host_file_read_number(sysfs_root,
						CPU_DIR "/cpu%u/topology/physical_package_id", id),
		.core = host_file_read_number(sysfs_root, CPU_DIR "/cpu%u/topology/core_id", id),
		.node = -1,
		.siblings = read_siblings(sysfs_root, id),
	};

	if (!cpu.siblings) {
		topology->known = FALSE;
		cpu.siblings = g_strdup_printf("%u", id);
	}
	g_array_append_val(topology->cpus, cpu);
}

/*
 * Cores are counted by their sets of siblings, since a core_id alone repeats between sockets and,
 * on some processors, between dies.
 */
static void count(struct host_topology *topology)
{
	g_autoptr(GHashTable) cores = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) sockets = g_hash_table_new(g_int64_hash, g_int64_equal);

	for (guint i = 0; i < topology->cpus->len; i++) {
		struct host_cpu *cpu = &g_array_index(topology->cpus, struct host_cpu, i);
		g_autoptr(GArray) siblings = host_cpu_list_parse(cpu->siblings);
		g_hash_table_add(cores, cpu->siblings);
		g_hash_table_add(sockets, &cpu->socket);
		topology->threads_per_core =
			MAX(topology->threads_per_core, siblings ? siblings->len : 1);
	}
	topology->threads = topology->cpus->len;
	topology->cores = g_hash_table_size(cores);
	topology->sockets = g_hash_table_size(sockets);
}

static void set_node(struct host_topology *topology, const struct host_node *node)
{
	g_autoptr(GArray) cpus = host_cpu_list_parse(node->cpus);

	for (guint i = 0; cpus && i < topology->cpus->len; i++) {
		struct host_cpu *cpu = &g_array_index(topology->cpus, struct host_cpu, i);
		if (host_cpu_list_has(cpus, cpu->id))
			cpu->node = node->id;
	}
}

static void read_nodes(struct host_topology *topology, const char *sysfs_root)
{
	g_autoptr(GArray) online = read_list(sysfs_root, NODE_DIR "/online");

	for (guint i = 0; online && i < online->len; i++) {
		struct host_node node = {.id = g_array_index(online, uint32_t, i)};
		node.cpus = host_file_read(sysfs_root, NODE_DIR "/node%u/cpulist", node.id);
		if (!node.cpus)
			continue;
		g_autofree char *meminfo =
			host_file_read(sysfs_root, NODE_DIR "/node%u/meminfo", node.id);
		if (meminfo)
			(void)host_file_find_kb(meminfo, "MemTotal", &node.memory);
		set_node(topology, &node);
		g_array_append_val(topology->nodes, node);
	}
}

struct host_topology *host_topology_read(const char *sysfs_root, GError **error)
{
	g_autoptr(GArray) online = read_list(sysfs_root, CPU_DIR "/online");

	if (!online || online->len == 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "%s/" CPU_DIR
			    "/online does not list the CPUs of this host: mount sysfs",
			    sysfs_root);
		return NULL;
	}
	struct host_topology *topology = g_new0(struct host_topology, 1);
	topology->known = TRUE;
	topology->cpus = g_array_new(FALSE, FALSE, sizeof(struct host_cpu));
	g_array_set_clear_func(topology->cpus, clear_cpu);
	topology->nodes = g_array_new(FALSE, FALSE, sizeof(struct host_node));
	g_array_set_clear_func(topology->nodes, clear_node);
	topology->online = host_cpu_list_format(online);
	topology->offline = list_offline(sysfs_root, online);
	topology->every = read_list(sysfs_root, CPU_DIR "/possible");
	if (!topology->every || topology->every->len == 0) {
		g_clear_pointer(&topology->every, g_array_unref);
		topology->every = g_array_copy(online);
	}
	for (guint i = 0; i < online->len; i++)
		read_cpu(topology, sysfs_root, g_array_index(online, uint32_t, i));
	count(topology);
	read_nodes(topology, sysfs_root);
	return topology;
}
