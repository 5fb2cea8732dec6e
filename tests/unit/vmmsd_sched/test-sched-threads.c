/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of this very process, called as a worker calls its own. */
#include "sched_threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cpus.h"
#include "fake_topology.h"
#include "sched_cpus.h"

struct sleeper {
	pthread_t id;
	const char *name;
	int go;
	_Atomic pid_t tid;
};

static void *sleeper_main(void *arg)
{
	struct sleeper *sleeper = arg;
	char byte;

	prctl(PR_SET_NAME, sleeper->name);
	sleeper->tid = gettid();
	(void)!read(sleeper->go, &byte, 1);
	return NULL;
}

static uint32_t vp_of(const GArray *threads, pid_t tid)
{
	for (guint i = 0; i < threads->len; i++) {
		const struct sched_thread *t = &g_array_index(threads, struct sched_thread, i);
		if (t->tid == tid)
			return t->vp;
	}
	g_error("thread %d is not listed", (int)tid);
}

static void test_threads(void)
{
	struct sleeper s[] = {{.name = "vp0"}, {.name = "vp1"},	 {.name = "vp2"},
			      {.name = "vp"},  {.name = "vp-1"}, {.name = "storage"}};
	struct sched_thread_time time;
	cpu_set_t before, after;
	int go[2];

	g_assert_cmpint(pipe(go), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(s); i++) {
		s[i].go = go[0];
		g_assert_cmpint(pthread_create(&s[i].id, NULL, sleeper_main, &s[i]), ==, 0);
		while (!s[i].tid)
			(void)sched_yield();
	}
	g_autoptr(GArray) threads = sched_threads_list("/proc", getpid(), 2);
	g_assert_cmpuint(threads->len, >=, G_N_ELEMENTS(s) + 1);
	g_assert_cmpuint(vp_of(threads, s[0].tid), ==, 0);
	g_assert_cmpuint(vp_of(threads, s[1].tid), ==, 1);
	for (size_t i = 2; i < G_N_ELEMENTS(s); i++) /* vp2: there are two processors only */
		g_assert_cmpuint(vp_of(threads, s[i].tid), ==, SCHED_THREADS_NO_VP);
	g_assert_cmpuint(vp_of(threads, getpid()), ==, SCHED_THREADS_NO_VP);

	g_assert_true(sched_thread_read("/proc", getpid(), getpid(), &time));
	g_assert_cmpuint(time.used, >, 0);
	g_assert_cmpuint(time.slices, >, 0);
	g_assert_cmpint(time.cpu, >=, 0);
	g_assert_false(sched_thread_read("/proc", getpid(), 1, &time));

	g_assert_cmpint(sched_getaffinity(s[0].tid, sizeof(before), &before), ==, 0);
	g_autoptr(GArray) one = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE && one->len == 0; cpu++) {
		if (CPU_ISSET(cpu, &before))
			g_array_append_val(one, cpu);
	}
	g_assert_cmpint(sched_thread_bind(s[0].tid, one), ==, 0);
	g_assert_cmpint(sched_getaffinity(s[0].tid, sizeof(after), &after), ==, 0);
	g_assert_cmpint(CPU_COUNT(&after), ==, 1);
	g_autoptr(GArray) bound = sched_thread_bound(s[0].tid);
	g_assert_true(sched_cpus_equal(bound, one));
	g_autoptr(GArray) nobody = sched_thread_bound(G_MAXINT32); /* beyond any pid_max */
	g_assert_cmpuint(nobody->len, ==, 0);
	g_autoptr(GArray) none = cpus("8191");
	g_assert_cmpint(sched_thread_bind(s[0].tid, none), ==, -EINVAL);

	for (size_t i = 0; i < G_N_ELEMENTS(s); i++)
		(void)!write(go[1], "", 1);
	for (size_t i = 0; i < G_N_ELEMENTS(s); i++)
		g_assert_cmpint(pthread_join(s[i].id, NULL), ==, 0);
	close(go[0]);
	close(go[1]);
	g_autoptr(GArray) gone = sched_threads_list("/nonexistent", 1, 2);
	g_assert_cmpuint(gone->len, ==, 0);
}

/* Two threads that both claim to be a processor: one of them is, and names may hold anything. */
static void test_fake(void)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();
	struct sched_thread_time time;
	guint vps = 0;

	fake_put(root, "5/task/5/comm", "vmworker\n");
	fake_put(root, "5/task/6/comm", "vp0\n");
	fake_put(root, "5/task/7/comm", "vp0\n");
	fake_put(root, "5/task/8/comm", "vp4294967296\n");
	fake_put(root, "5/task/x/comm", "vp1\n");
	fake_put(root, "5/task/6/schedstat", "1000 20 3\n");
	fake_put(root, "5/task/6/stat",
		 "6 (vp) 0 (x) S 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 9 9 9 9 9 9 9 9 9 9 9 "
		 "9 9 9 9 9 17 5 0 0\n");
	g_autoptr(GArray) threads = sched_threads_list(root, 5, 4);
	g_assert_cmpuint(threads->len, ==, 4);
	for (guint i = 0; i < threads->len; i++)
		vps += g_array_index(threads, struct sched_thread, i).vp == 0 ? 1 : 0;
	g_assert_cmpuint(vps, ==, 1);
	g_assert_true(sched_thread_read(root, 5, 6, &time));
	g_assert_cmpuint(time.used, ==, 1000);
	g_assert_cmpuint(time.ready, ==, 20);
	g_assert_cmpuint(time.slices, ==, 3);
	g_assert_cmpint(time.cpu, ==, 5);
	fake_put(root, "5/task/7/schedstat", "1000\n");
	g_assert_false(sched_thread_read(root, 5, 7, &time));
}

/* QEMU is a child of its worker, and names the threads of its processors in its own way. */
static void test_children(void)
{
	static const struct {
		const char *tid, *name;
		guint32 vp;
	} rows[] = {{"21", "CPU 0/TCG", 0},
		    {"22", "CPU 1/TCG", 1},
		    {"23", "CPU 4/TCG", SCHED_THREADS_NO_VP},
		    {"24", "CPU x/TCG", SCHED_THREADS_NO_VP},
		    {"25", "CPU 2/TCGX", SCHED_THREADS_NO_VP},
		    {"26", "CPU  3/TCG", SCHED_THREADS_NO_VP},
		    {"27", "ALL CPUs/TCG", 0},
		    {"28", "CPU ", SCHED_THREADS_NO_VP}};
	g_autoptr(temporary_directory_t) root = temporary_directory_new();

	fake_put(root, "5/task/5/comm", "vmworker\n");
	fake_put(root, "5/task/5/children", "9 \n");
	fake_put(root, "5/task/6/comm", "libvirt\n");
	fake_put(root, "5/task/6/children", "20 x -1 99\n");
	fake_put(root, "9/task/9/comm", "vmworker-keeper\n");
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *file = g_strdup_printf("20/task/%s/comm", rows[i].tid);
		fake_put(root, file, rows[i].name);
	}
	g_autoptr(GArray) pids = sched_processes_list(root, 5);
	g_assert_cmpuint(pids->len, ==, 4);
	g_assert_cmpint(g_array_index(pids, pid_t, 0), ==, 5);
	g_autoptr(GArray) threads = sched_threads_list(root, 5, 4);
	g_assert_cmpuint(threads->len, ==, 3 + G_N_ELEMENTS(rows));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		pid_t tid = (pid_t)g_ascii_strtoll(rows[i].tid, NULL, 10);
		if (!g_str_equal(rows[i].tid, "21") && !g_str_equal(rows[i].tid, "27"))
			g_assert_cmpuint(vp_of(threads, tid), ==, rows[i].vp);
	}
	/* One of the two that may be processor 0 is. */
	g_assert_true((vp_of(threads, 21) == 0) != (vp_of(threads, 27) == 0));
	g_assert_cmpint(g_array_index(threads, struct sched_thread, 0).pid, ==, 5);
	g_assert_cmpint(g_array_index(threads, struct sched_thread, 3).pid, ==, 20);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-threads/threads", test_threads);
	g_test_add_func("/sched-threads/fake", test_fake);
	g_test_add_func("/sched-threads/children", test_children);
	return g_test_run();
}
