/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a VM goes through when everything behaves, and what is refused when asked wrongly. */
#include "vmmsd_fixture.h"

#include <signal.h>
#include <string.h>

static void assert_state(struct fixture *f, const char *vm, const char *state, const char *reason)
{
	g_autofree char *state_now = fixture_get(f, vm, "State");
	g_autofree char *reason_now = fixture_get(f, vm, "Reason");

	g_assert_cmpstr(state_now, ==, state);
	g_assert_cmpstr(reason_now, ==, reason);
}

static void test_lifecycle(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *job = NULL;

	assert_state(f, vm, "off", "");
	fixture_do(f, vm, "Start");
	assert_state(f, vm, "running", "");
	g_assert_cmpuint(fixture_worker_pid(f, vm), >, 1);
	fixture_refuses(f, vm, "Start", "WrongState", "VM web1 is running");
	fixture_refuses(f, vm, "Delete", "WrongState", "stop it first");
	fixture_refuses(f, vm, "Resume", "WrongState", "VM web1 is running");
	fixture_do(f, vm, "Pause");
	assert_state(f, vm, "paused", "");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Shutdown", "WrongState", "paused", "tb",
			     (uint64_t)0, 0);
	fixture_do(f, vm, "Resume");
	fixture_do(f, vm, "Reset");
	assert_state(f, vm, "running", "");
	job = fixture_shutdown(f, vm, 0, FALSE);
	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "done");
	assert_state(f, vm, "off", "the guest powered off");
	g_assert_cmpuint(fixture_worker_pid(f, vm), ==, 0);
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Stop");
	assert_state(f, vm, "off", "turned off");
	g_assert_cmpint(
		sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Delete", NULL, NULL, NULL), >=,
		0);
	fixture_free(f);
}

struct watcher {
	struct fixture *fixture; /* asks on the connection that does not dispatch */
	char *state;
};

/* The state is stored and shown before the job says that it is over. */
static int on_finished_check_state(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct watcher *watcher = userdata;
	const char *vm;

	(void)error;
	g_assert_cmpint(sd_bus_message_read(message, "oo", NULL, &vm), >=, 0);
	g_free(watcher->state);
	watcher->state = fixture_get(watcher->fixture, vm, "State");
	return 0;
}

static const char *state_at_finish(struct watcher *watcher, sd_bus *listener, const char *vm,
				   const char *method)
{
	g_clear_pointer(&watcher->state, g_free);
	fixture_do(watcher->fixture, vm, method);
	while (!watcher->state && sd_bus_process(listener, NULL) >= 0)
		if (!watcher->state)
			g_assert_cmpint(sd_bus_wait(listener, WAIT_US), >=, 0);
	return watcher->state;
}

static void test_finished_after_state(void)
{
	struct fixture *f = fixture_new(NULL);
	sd_bus *listener = fixture_connect(f);
	struct watcher watcher = {.fixture = f};
	g_autofree char *vm = fixture_define(f, "web1", "run");

	g_assert_cmpint(sd_bus_match_signal(listener, NULL, NULL, VMMS_ROOT_PATH,
					    VMMS_IFACE_MANAGER, "JobFinished",
					    on_finished_check_state, &watcher),
			>=, 0);
	g_assert_cmpstr(state_at_finish(&watcher, listener, vm, "Start"), ==, "running");
	g_assert_cmpstr(state_at_finish(&watcher, listener, vm, "Stop"), ==, "off");
	g_free(watcher.state);
	sd_bus_close_unref(listener);
	fixture_free(f);
}

static void test_ends(void)
{
	static const struct {
		const char *behaviour, *state, *reason;
	} ends[] = {
		{"power-off", "off", "the guest powered off"},
		{"panic", "crashed", "the guest panicked"},
		{"garbage", "crashed", "the worker exited with status 0"},
	};
	struct fixture *f = fixture_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		g_autofree char *vm = fixture_define(f, ends[i].behaviour, ends[i].behaviour);

		fixture_do(f, vm, "Start");
		fixture_wait_state(f, vm, ends[i].state);
		assert_state(f, vm, ends[i].state, ends[i].reason);
	}
	fixture_free(f);
}

static void test_shutdown_ignored(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "ignore-button");
	g_autofree char *patient = NULL, *forced = NULL;
	const struct outcome *outcome;

	fixture_do(f, vm, "Start");
	patient = fixture_shutdown(f, vm, 1, FALSE);
	outcome = fixture_wait(f, patient);
	g_assert_cmpstr(outcome->state, ==, "failed");
	g_assert_cmpstr(outcome->error, ==, VMMS_ERROR_PREFIX "TimedOut");
	g_assert_nonnull(strstr(outcome->message, "did not shut down within"));
	g_assert_nonnull(strstr(outcome->message, "use --force or hvctl stop web1"));
	assert_state(f, vm, "running", "");
	forced = fixture_shutdown(f, vm, 1, TRUE);
	g_assert_cmpstr(fixture_wait(f, forced)->state, ==, "done");
	assert_state(f, vm, "off", "turned off");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Shutdown", "WrongState", "VM web1 is off", "tb",
			     (uint64_t)0, 0);
	fixture_free(f);
}

/* While a shutdown waits, everything else gets a clear answer and a stop takes over. */
static void test_busy(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "ignore-button");
	g_autofree char *waiting = NULL;
	const struct outcome *outcome;

	fixture_do(f, vm, "Start");
	waiting = fixture_shutdown(f, vm, 3600 * (guint64)G_USEC_PER_SEC, FALSE);
	fixture_refuses(f, vm, "Start", "Busy", "a shutdown job");
	fixture_refuses(f, vm, "Pause", "Busy", "VM web1");
	fixture_refuses(f, vm, "Delete", "Busy", "VM web1");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Rename", "Busy", "VM web1", "s", "web2");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Edit", "Busy", "VM web1", "s",
			     "{\"description\":\"x\"}");
	fixture_do(f, vm, "Stop");
	outcome = fixture_wait(f, waiting);
	g_assert_cmpstr(outcome->state, ==, "canceled");
	g_assert_cmpstr(outcome->error, ==, VMMS_ERROR_PREFIX "Canceled");
	assert_state(f, vm, "off", "turned off");
	fixture_free(f);
}

static void test_cancel(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "never-answer");
	g_autofree char *start = fixture_run(f, vm, "Start");
	const struct outcome *outcome;

	fixture_refuses(f, vm, "Start", "Busy", "a start job");
	fixture_cancel(f, start);
	outcome = fixture_wait(f, start);
	g_assert_cmpstr(outcome->state, ==, "canceled");
	assert_state(f, vm, "off", "the start was canceled");
	fixture_expect_error(f, start, VMMS_IFACE_JOB, "Cancel", "WrongState", "canceled already",
			     NULL);
	fixture_free(f);
}

static void test_stop_during_start(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "never-answer");
	g_autofree char *start = fixture_run(f, vm, "Start");

	fixture_do(f, vm, "Stop");
	g_assert_cmpstr(fixture_wait(f, start)->state, ==, "canceled");
	assert_state(f, vm, "off", "turned off");
	fixture_free(f);
}

struct order {
	GString *names; /* in the order in which they stopped */
};

static int on_event(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct order *order = userdata;
	const char *name, *event;

	(void)error;
	g_assert_cmpint(sd_bus_message_read(message, "ttsss", NULL, NULL, NULL, &name, &event), >=,
			0);
	if (g_str_equal(event, "stopped"))
		g_string_append_printf(order->names, "%s ", name);
	return 0;
}

static void test_stop_all_in_order(void)
{
	struct fixture *f = fixture_new(NULL);
	struct order order = {.names = g_string_new(NULL)};
	g_autofree char *low = fixture_define_with(f, "low", "run", ",\"stopOrder\":1");
	g_autofree char *high = fixture_define_with(f, "high", "run", ",\"stopOrder\":9");
	g_autofree char *stubborn = fixture_define_with(f, "mid", "ignore-button",
							",\"stopOrder\":5,\"stopTimeout\":1");
	g_autofree char *plug = fixture_define_with(f, "plug", "ignore-button",
						    ",\"stopOrder\":3,\"stopAction\":\"off\"");
	g_autofree char *off = fixture_define(f, "idle", "run");
	g_autofree char *job = NULL;

	fixture_do(f, low, "Start");
	fixture_do(f, high, "Start");
	fixture_do(f, stubborn, "Start");
	fixture_do(f, plug, "Start");
	g_assert_cmpint(sd_bus_match_signal(f->bus, NULL, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					    "Event", on_event, &order),
			>=, 0);
	job = fixture_stop_all(f);
	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "StopAll", "Busy",
			     "being stopped already", NULL);
	fixture_refuses(f, off, "Start", "Busy", "while every VM is being stopped");
	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "done");
	g_assert_cmpstr(order.names->str, ==, "high mid plug low ");
	g_string_free(order.names, TRUE);
	fixture_free(f);
}

static void test_rename_and_edit(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *name = NULL;

	g_free(fixture_define(f, "web2", "run"));
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Rename", "NameExists", "web2", "s", "web2");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Rename", "InvalidName", "we b", "s", "we b");
	HVCTL_EXPECT(2, "$.boot.cmdline: \"a\\nb\" is not valid; give one line without control",
		     "create", "lines", "--cmdline", "a\nb");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Edit", "InvalidDefinition", "$.cpus.count", "s",
			     "{\"cpus\":{\"count\":0}}");
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Rename", NULL, NULL,
					   "s", "web3"),
			>=, 0);
	name = fixture_get(f, vm, "Name");
	g_assert_cmpstr(name, ==, "web3");
	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Lookup", "NoSuchVm", "web1",
			     "s", "web1");
	fixture_free(f);
}

static void test_restart_on_crash(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define_with(f, "web1", "run", ",\"onCrash\":\"restart\"");
	guint32 first;

	fixture_do(f, vm, "Start");
	first = fixture_worker_pid(f, vm);
	g_assert_cmpint(kill((pid_t)first, SIGKILL), ==, 0);
	for (guint32 pid = first; pid == first || pid == 0; pid = fixture_worker_pid(f, vm))
		fixture_turn(f);
	fixture_wait_state(f, vm, "running");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/lifecycle", test_lifecycle);
	g_test_add_func("/vmmsd/finished-after-state", test_finished_after_state);
	g_test_add_func("/vmmsd/ends", test_ends);
	g_test_add_func("/vmmsd/shutdown-ignored", test_shutdown_ignored);
	g_test_add_func("/vmmsd/busy", test_busy);
	g_test_add_func("/vmmsd/cancel", test_cancel);
	g_test_add_func("/vmmsd/stop-during-start", test_stop_during_start);
	g_test_add_func("/vmmsd/stop-all-in-order", test_stop_all_in_order);
	g_test_add_func("/vmmsd/rename-and-edit", test_rename_and_edit);
	g_test_add_func("/vmmsd/restart-on-crash", test_restart_on_crash);
	return g_test_run();
}
