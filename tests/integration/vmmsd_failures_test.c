/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every way in which a worker, a kernel file or the host can fail a VM: one path, one sentence. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "vmmsd_fixture.h"

/* The worker fails the start in each phase; the VM is off and can be started again. */
static void test_start_fails(void)
{
	static const struct {
		const char *name, *behaviour, *error, *text;
	} rows[] = {
		{"dies-first", "run", "Worker", "did not start: the worker exited with status 3"},
		{"dies-connected", "run", "Worker",
		 "did not start: the worker was killed by signal 9"},
		{"in-start", "die-in-start", "Worker",
		 "did not start: the worker was killed by signal 9"},
		{"refuses", "refuse", "InvalidImage",
		 "VM refuses: initrd: does not fit; give the VM more memory"},
	};
	struct fixture *f = fixture_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *vm = fixture_define(f, rows[i].name, rows[i].behaviour);
		g_autofree char *job = fixture_run(f, vm, "Start");
		g_autofree char *again = NULL;

		fixture_expect_failed(fixture_wait(f, job), rows[i].error, rows[i].text);
		fixture_expect_state(f, vm, "off", "");
		again = fixture_run(f, vm, "Start");
		fixture_expect_failed(fixture_wait(f, again), rows[i].error, rows[i].text);
	}
	fixture_free(f);
}

/* Slow: the real time limits pass. */
static void test_start_unanswered(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *mute = fixture_define(f, "mute", "never-answer");
	g_autofree char *hangs = fixture_define(f, "hangs", "run");
	g_autofree char *first = fixture_run(f, mute, "Start");
	g_autofree char *second = fixture_run(f, hangs, "Start");

	fixture_expect_failed(fixture_wait(f, first), "Worker", "did not answer to Start in time");
	fixture_expect_failed(fixture_wait(f, second), "Worker",
			      "VM hangs did not start: the worker did not answer within 20 s");
	fixture_expect_state(f, mute, "off", "did not answer");
	fixture_free(f);
}

static void test_dies_while_running(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");

	fixture_do(f, vm, "Start");
	g_assert_cmpint(kill((pid_t)fixture_worker_pid(f, vm), SIGKILL), ==, 0);
	fixture_wait_state(f, vm, "crashed");
	fixture_expect_state(f, vm, "crashed", "the worker was killed by signal 9 (Killed)");
	fixture_do(f, vm, "Start");
	fixture_free(f);
}

static void test_dies_in_job(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *pauses = fixture_define(f, "pauses", "die-in-pause");
	g_autofree char *panics = fixture_define(f, "panics", "panic-at-button");
	g_autofree char *pause = NULL, *shutdown = NULL;

	fixture_do(f, pauses, "Start");
	pause = fixture_run(f, pauses, "Pause");
	fixture_expect_failed(fixture_wait(f, pause), "Worker",
			      "VM pauses ended: the worker was killed");
	fixture_expect_state(f, pauses, "crashed", "killed by signal 9");
	fixture_do(f, panics, "Start");
	shutdown = fixture_shutdown(f, panics, 0, FALSE);
	fixture_expect_failed(fixture_wait(f, shutdown), "Worker",
			      "crashed while it shut down: the guest");
	fixture_free(f);
}

static void test_refused_calls(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *runs = fixture_define(f, "runs", "refuse-pause");
	g_autofree char *paused = fixture_define(f, "paused", "refuse-resume");
	g_autofree char *pause = NULL, *resume = NULL;

	fixture_do(f, runs, "Start");
	pause = fixture_run(f, runs, "Pause");
	fixture_expect_failed(fixture_wait(f, pause), "Failed", "VM runs: a processor is stuck");
	fixture_expect_state(f, runs, "running", "");
	fixture_do(f, paused, "Start");
	fixture_do(f, paused, "Pause");
	resume = fixture_run(f, paused, "Resume");
	fixture_expect_failed(fixture_wait(f, resume), "Failed", "VM paused: a processor is stuck");
	fixture_expect_state(f, paused, "paused", "");
	fixture_free(f);
}

/* Slow: a worker that ignores Stop is killed after 5 s, one that hangs up after 3 s, and one that
 * does not answer to Pause after 10 s. */
static void test_unresponsive(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *stops = fixture_define(f, "stops", "hang-in-stop");
	g_autofree char *leaves = fixture_define(f, "leaves", "close-link");
	g_autofree char *pauses = fixture_define(f, "pauses", "hang-in-pause");
	g_autofree char *stop = NULL, *shutdown = NULL, *pause = NULL;

	fixture_do(f, stops, "Start");
	fixture_do(f, leaves, "Start");
	fixture_do(f, pauses, "Start");
	stop = fixture_run(f, stops, "Stop");
	shutdown = fixture_shutdown(f, leaves, 0, FALSE);
	pause = fixture_run(f, pauses, "Pause");
	fixture_expect_failed(fixture_wait(f, shutdown), "Worker", "closed its control link");
	g_assert_cmpstr(fixture_wait(f, stop)->state, ==, "done");
	fixture_expect_failed(fixture_wait(f, pause), "Worker", "did not answer to Pause in time");
	fixture_expect_state(f, stops, "off", "turned off");
	fixture_expect_state(f, leaves, "crashed", "closed its control link");
	fixture_expect_state(f, pauses, "crashed", "did not answer to Pause");
	fixture_free(f);
}

static char *define_kernel(struct fixture *f, const char *name, const char *content)
{
	g_autofree char *usual = g_steal_pointer(&f->kernel);
	char *vm;

	f->kernel = g_build_filename(f->dir, name, NULL);
	if (content)
		g_assert_true(g_file_set_contents(f->kernel, content, -1, NULL));
	vm = fixture_define(f, name, "run");
	g_free(f->kernel);
	f->kernel = g_steal_pointer(&usual);
	return vm;
}

static void test_bad_kernels(void)
{
	static const struct {
		const char *name, *content, *error, *text;
	} rows[] = {
		{"text", "hello", "InvalidImage", "not a kernel for this machine"},
		{"killed", "abort", "InvalidImage", "the unpacker was killed by signal 9"},
		{"garbage", "garbage", "Failed", "the unpacker gave no answer"},
		{"escape", "escape", "Failed", "the unpacker gave no answer"},
	};
	struct fixture *f = fixture_new(NULL);
	g_autofree char *missing = define_kernel(f, "missing", NULL);
	g_autofree char *empty = define_kernel(f, "empty", "");
	g_autofree char *fifo = define_kernel(f, "fifo", NULL);
	g_autofree char *fifo_path = g_build_filename(f->dir, "fifo", NULL);

	g_assert_cmpint(mkfifo(fifo_path, 0600), ==, 0);
	fixture_refuses(f, missing, "Start", "InvalidImage", "missing: No such file or directory");
	fixture_refuses(f, empty, "Start", "InvalidImage", "the file is empty");
	fixture_refuses(f, fifo, "Start", "InvalidImage", "not a regular file");
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *vm = define_kernel(f, rows[i].name, rows[i].content);
		g_autofree char *job = fixture_run(f, vm, "Start");

		fixture_expect_failed(fixture_wait(f, job), rows[i].error, rows[i].text);
		fixture_expect_state(f, vm, "off", rows[i].text);
	}
	fixture_free(f);
}

/* One kernel is unpacked once, however many VMs boot it, until the file changes. */
static void test_kernel_memory(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *one = define_kernel(f, "one", "bzimage");
	g_autofree char *runs_path = g_build_filename(f->dir, "cache", "runs", NULL);
	g_autofree char *entry = g_build_filename(f->dir, "cache", "0123.elf", NULL);
	g_autofree char *kernel = g_build_filename(f->dir, "one", NULL);
	g_autofree char *runs = NULL;

	for (int i = 0; i < 3; i++) {
		fixture_do(f, one, "Start");
		fixture_do(f, one, "Stop");
	}
	g_assert_true(g_file_get_contents(runs_path, &runs, NULL, NULL));
	g_assert_cmpstr(runs, ==, "y");
	g_clear_pointer(&runs, g_free);
	g_assert_cmpint(remove(entry), ==, 0); /* removed from the cache */
	fixture_do(f, one, "Start");
	fixture_do(f, one, "Stop");
	g_assert_true(g_file_set_contents(kernel, "elf", -1, NULL)); /* another kernel */
	fixture_do(f, one, "Start");
	g_assert_true(g_file_get_contents(runs_path, &runs, NULL, NULL));
	g_assert_cmpstr(runs, ==, "yyy");
	fixture_free(f);
}

static void test_no_hypervisor(void)
{
	struct fixture *f = fixture_new("{\"virtualization\":\"none\",\"usable\":false,"
					"\"reason\":\"/dev/kvm: permission denied; join the group "
					"kvm\",\"capabilities\":{}}");
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *job = fixture_run(f, vm, "Start");

	fixture_expect_failed(fixture_wait(f, job), "NoHypervisor", "join the group kvm");
	fixture_expect_state(f, vm, "off", "join the group kvm");
	fixture_free(f);
}

static void test_no_memory(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define_with(f, "web1", "run", "");

	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Edit", NULL, NULL, "s",
					   "{\"memory\":{\"size\":\"16T\"}}"),
			>=, 0);
	fixture_refuses(f, vm, "Start", "InsufficientMemory", "web1");
	fixture_free(f);
}

/* A guest that reports without end neither fills the log nor stops the service. */
static void test_flood(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "flood");

	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Pause");
	g_assert_cmpuint(fixture_events_count(f, NULL), >=, 20);
	g_assert_cmpuint(fixture_events_count(f, NULL), <, 60);
	fixture_free(f);
}

/* Nor does it hide that its disk failed, which is told once for each time. */
static void test_disk_fails_in_flood(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "disk-fails");

	fixture_do(f, vm, "Start");
	for (guint times = 1; times < 3; times++) {
		g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Type", NULL,
						   NULL, "sb", "x", 0),
				>=, 0);
		fixture_wait_state(f, vm, "paused");
		g_assert_cmpuint(fixture_events_count(f, VMMS_GUEST_EVENT_DISK), ==, times);
		fixture_do(f, vm, "Resume");
	}
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/failures/start", test_start_fails);
	g_test_add_func("/vmmsd/failures/start-unanswered", test_start_unanswered);
	g_test_add_func("/vmmsd/failures/running", test_dies_while_running);
	g_test_add_func("/vmmsd/failures/in-job", test_dies_in_job);
	g_test_add_func("/vmmsd/failures/refused", test_refused_calls);
	g_test_add_func("/vmmsd/failures/unresponsive", test_unresponsive);
	g_test_add_func("/vmmsd/failures/kernels", test_bad_kernels);
	g_test_add_func("/vmmsd/failures/kernel-memory", test_kernel_memory);
	g_test_add_func("/vmmsd/failures/no-hypervisor", test_no_hypervisor);
	g_test_add_func("/vmmsd/failures/no-memory", test_no_memory);
	g_test_add_func("/vmmsd/failures/flood", test_flood);
	g_test_add_func("/vmmsd/failures/disk-fails-in-flood", test_disk_fails_in_flood);
	return g_test_run();
}
