/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmmsd is killed, and finds its VMs again with their true state. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "vmmsd_fixture.h"

static void test_five_survive(void)
{
	struct fixture *f = fixture_new(NULL);
	char *vms[5];
	guint32 pids[5];

	for (guint i = 0; i < 5; i++) {
		g_autofree char *name = g_strdup_printf("vm%u", i);

		vms[i] = fixture_define(f, name, "run");
		fixture_do(f, vms[i], "Start");
		pids[i] = fixture_worker_pid(f, vms[i]);
	}
	fixture_do(f, vms[3], "Pause");
	fixture_restart(f);
	for (guint i = 0; i < 5; i++) {
		fixture_expect_state(f, vms[i], i == 3 ? "paused" : "running", "");
		g_assert_cmpuint(fixture_worker_pid(f, vms[i]), ==, pids[i]);
	}
	fixture_do(f, vms[3], "Resume"); /* the new link works */
	fixture_do(f, vms[0], "Stop");
	fixture_restart(f);
	fixture_expect_state(f, vms[0], "off", "turned off");
	fixture_expect_state(f, vms[3], "running", "");
	for (guint i = 0; i < 5; i++)
		g_free(vms[i]);
	fixture_free(f);
}

static void test_ended_while_down(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *dies = fixture_define(f, "dies", "run");
	g_autofree char *lives = fixture_define(f, "lives", "run");
	pid_t pid;

	fixture_do(f, dies, "Start");
	fixture_do(f, lives, "Start");
	pid = (pid_t)fixture_worker_pid(f, dies);
	(void)fixture_end(f, SIGKILL);
	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	/* The worker is init's child now; until its socket refuses, it has not ended. */
	while (kill(pid, 0) == 0)
		g_usleep(1000);
	fixture_start(f);
	fixture_expect_state(f, dies, "crashed", "the worker died while vmmsd was down");
	fixture_expect_state(f, lives, "running", "");
	fixture_free(f);
}

/* Killed in the middle: what the worker says decides. */
static void test_in_the_middle(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "never-answer");
	g_autofree char *state = NULL;

	g_free(fixture_run(f, vm, "Start"));
	state = fixture_get(f, vm, "State");
	g_assert_cmpstr(state, ==, "starting");
	fixture_restart(f);
	fixture_wait_state(f, vm, "off");
	fixture_free(f);
}

static void test_orderly_end_leaves_vms(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");

	fixture_do(f, vm, "Start");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	fixture_expect_state(f, vm, "running", "");
	fixture_free(f);
}

static void test_second_is_refused(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *text = fixture_run_failing(f);

	g_test_message("%s", text);
	g_assert_nonnull(strstr(text, "is in use by vmmsd (pid"));
	fixture_do(f, vm, "Start"); /* the first one is undisturbed */
	fixture_free(f);
}

/* Of another boot of the host nothing runs any more; autostart begins again. */
static void test_new_boot(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *plain = fixture_define(f, "plain", "run");
	g_autofree char *autostart = fixture_define_with(f, "auto", "run", ",\"autostart\":true");
	pid_t pid;

	fixture_do(f, plain, "Start");
	pid = (pid_t)fixture_worker_pid(f, plain);
	(void)fixture_end(f, SIGKILL);
	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	fixture_pretend_boot(f);
	fixture_start(f);
	fixture_expect_state(f, plain, "off", "the host restarted");
	fixture_wait_state(f, autostart, "running");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/restart/five-survive", test_five_survive);
	g_test_add_func("/vmmsd/restart/ended-while-down", test_ended_while_down);
	g_test_add_func("/vmmsd/restart/in-the-middle", test_in_the_middle);
	g_test_add_func("/vmmsd/restart/orderly", test_orderly_end_leaves_vms);
	g_test_add_func("/vmmsd/restart/second", test_second_is_refused);
	g_test_add_func("/vmmsd/restart/new-boot", test_new_boot);
	return g_test_run();
}
