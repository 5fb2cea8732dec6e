/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_threads.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "host_cpu_list.h"
#include "host_file.h"

/* "vp12", "CPU 12/TCG" -> 12, of less than vcpus. */
static uint32_t parse_vp(const char *name, uint32_t vcpus)
{
	static const struct {
		const char *before, *behind;
	} patterns[] = {{"vp", ""}, {"CPU ", "/TCG"}};
	char *end;

	/* Where a guest's memory model does not allow more QEMU has one thread for all. */
	if (g_str_equal(name, "ALL CPUs/TCG"))
		return 0;
	for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
		const char *digits = name + strlen(patterns[i].before);
		guint64 number;

		if (!g_str_has_prefix(name, patterns[i].before) || !g_ascii_isdigit(*digits))
			continue;
		number = g_ascii_strtoull(digits, &end, 10);
		if (number < vcpus && g_str_equal(end, patterns[i].behind))
			return (uint32_t)number;
	}
	return SCHED_THREADS_NO_VP;
}

static int by_tid(gconstpointer a, gconstpointer b)
{
	const struct sched_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* The number that an entry of a directory has as its name. */
static gboolean next_number(GDir *dir, pid_t *ret)
{
	const char *entry;
	guint64 number;

	while (dir && (entry = g_dir_read_name(dir))) {
		if (g_ascii_string_to_unsigned(entry, 10, 1, INT32_MAX, &number, NULL)) {
			*ret = (pid_t)number;
			return TRUE;
		}
	}
	return FALSE;
}

GArray *sched_processes_list(const char *proc_root, pid_t pid)
{
	GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	g_autofree char *path = g_strdup_printf("%s/%d/task", proc_root, (int)pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	pid_t tid;

	g_array_append_val(pids, pid);
	while (next_number(dir, &tid)) {
		g_autofree char *text = host_file_read(path, "%d/children", (int)tid);
		g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);

		for (char **word = words; *word; word++) {
			guint64 child;
			if (!g_ascii_string_to_unsigned(*word, 10, 1, INT32_MAX, &child, NULL))
				continue;
			pid_t value = (pid_t)child;
			g_array_append_val(pids, value);
		}
	}
	return pids;
}

static void add_threads(GArray *threads, GHashTable *seen, const char *proc_root, pid_t pid,
			uint32_t vcpus)
{
	g_autofree char *path = g_strdup_printf("%s/%d/task", proc_root, (int)pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	pid_t tid;

	while (next_number(dir, &tid)) {
		g_autofree char *comm = host_file_read(path, "%d/comm", (int)tid);
		struct sched_thread thread;

		if (!comm)
			continue;
		thread = (struct sched_thread){pid, tid, parse_vp(comm, vcpus)};
		if (thread.vp != SCHED_THREADS_NO_VP &&
		    !g_hash_table_add(seen, GUINT_TO_POINTER(thread.vp)))
			thread.vp = SCHED_THREADS_NO_VP;
		g_array_append_val(threads, thread);
	}
}

GArray *sched_threads_list(const char *proc_root, pid_t pid, uint32_t vcpus)
{
	GArray *threads = g_array_new(FALSE, FALSE, sizeof(struct sched_thread));
	g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
	g_autoptr(GArray) pids = sched_processes_list(proc_root, pid);

	for (guint i = 0; i < pids->len; i++)
		add_threads(threads, seen, proc_root, g_array_index(pids, pid_t, i), vcpus);
	g_array_sort(threads, by_tid);
	return threads;
}

int sched_thread_bind(pid_t tid, const GArray *cpus)
{
	cpu_set_t *set = CPU_ALLOC(HOST_CPU_MAX);
	size_t size = CPU_ALLOC_SIZE(HOST_CPU_MAX);
	int r;

	CPU_ZERO_S(size, set);
	for (guint i = 0; i < cpus->len; i++)
		CPU_SET_S(g_array_index(cpus, uint32_t, i), size, set);
	r = sched_setaffinity(tid, size, set) < 0 ? -errno : 0;
	CPU_FREE(set);
	return r;
}

GArray *sched_thread_bound(pid_t tid)
{
	cpu_set_t *set = CPU_ALLOC(HOST_CPU_MAX);
	size_t size = CPU_ALLOC_SIZE(HOST_CPU_MAX);
	GArray *cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	if (sched_getaffinity(tid, size, set) < 0)
		CPU_ZERO_S(size, set);
	for (uint32_t cpu = 0; cpu < HOST_CPU_MAX; cpu++) {
		if (CPU_ISSET_S(cpu, size, set))
			g_array_append_val(cpus, cpu);
	}
	CPU_FREE(set);
	return cpus;
}

/* The 39th field of stat, counted behind the name, which may hold anything. */
static int64_t read_cpu(const char *proc_root, pid_t pid, pid_t tid)
{
	g_autofree char *stat = host_file_read(proc_root, "%d/task/%d/stat", (int)pid, (int)tid);
	const char *behind = stat ? strrchr(stat, ')') : NULL;
	g_auto(GStrv) fields = behind ? g_strsplit(behind, " ", 39) : NULL;
	guint64 cpu;

	/* fields[0] is ")", fields[1] is the 3rd of stat. */
	if (!fields || g_strv_length(fields) < 38 ||
	    !g_ascii_string_to_unsigned(fields[37], 10, 0, HOST_CPU_MAX, &cpu, NULL))
		return -1;
	return (int64_t)cpu;
}

gboolean sched_thread_read(const char *proc_root, pid_t pid, pid_t tid,
			   struct sched_thread_time *ret)
{
	g_autofree char *text =
		host_file_read(proc_root, "%d/task/%d/schedstat", (int)pid, (int)tid);
	g_auto(GStrv) fields = NULL;

	*ret = (struct sched_thread_time){.cpu = -1};
	fields = text ? g_strsplit(text, " ", 4) : NULL;
	if (!fields || g_strv_length(fields) < 3 ||
	    !g_ascii_string_to_unsigned(fields[0], 10, 0, UINT64_MAX, &ret->used, NULL) ||
	    !g_ascii_string_to_unsigned(fields[1], 10, 0, UINT64_MAX, &ret->ready, NULL) ||
	    !g_ascii_string_to_unsigned(fields[2], 10, 0, UINT64_MAX, &ret->slices, NULL))
		return FALSE;
	ret->cpu = read_cpu(proc_root, pid, tid);
	return TRUE;
}
