/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a guest's life ends, and what a user can do to it: the real worker, on /dev/kvm. */
#include <dirent.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmms1.h"
#include "worker_fixture.h"

static void guest_expect_result(const char *cmdline, const char *members, const char *const *parts)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, cmdline, members);
	g_autofree char *result = worker_wait_result(worker);
	for (; *parts; parts++)
		assert_contains(result, *parts);
	worker_reap(worker);
}

static void test_power_off(void)
{
	guest_expect_result("off", "",
			    (const char *const[]){"\"state\":\"off\"", "\"how\":\"power-off\"",
						  "the guest powered off (ACPI S5)", NULL});
}

static void test_reboot_stop(void)
{
	guest_expect_result("reboot", ",\"onReboot\":\"stop\"",
			    (const char *const[]){"\"state\":\"off\"", "\"how\":\"reset\"",
						  "port 0xcf9", NULL});
}

static void test_triple_fault(void)
{
	guest_expect_result("fault", "",
			    (const char *const[]){"\"state\":\"crashed\"",
						  "\"how\":\"triple-fault\"", "VP 0", "RIP", NULL});
}

static void test_panic(void)
{
	guest_expect_result("panic", "",
			    (const char *const[]){"\"state\":\"crashed\"", "\"how\":\"panic\"",
						  "Kernel panic - not syncing: tiny", NULL});
}

struct events {
	unsigned int resets, crashes, panics;
};

static int on_guest_event(sd_bus_message *message, void *context, sd_bus_error *ret_error)
{
	struct events *events = context;
	const char *event, *detail;

	(void)ret_error;
	g_assert_cmpint(sd_bus_message_read(message, "ss", &event, &detail), >, 0);
	g_assert_cmpint((int)strlen(detail), >, 0);
	events->resets += strcmp(event, "reset") == 0;
	events->crashes += strcmp(event, "crash") == 0;
	events->panics += strcmp(event, "panic") == 0;
	return 0;
}

/* A guest that reboots at once: restarts in place, in the sandbox, until it is called a storm. */
static void restart_expect(const char *cmdline, const char *members, struct events *events)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	g_assert_cmpint(sd_bus_match_signal(worker->bus, NULL, NULL, VMMS_WORKER_PATH,
					    VMMS_IFACE_WORKER, "GuestEvent", on_guest_event,
					    events),
			>=, 0);
	worker_start_guest(worker, cmdline, members);
	g_autofree char *result = worker_wait_result(worker);
	while (sd_bus_process(worker->bus, NULL) > 0)
		;
	assert_contains(result, "\"state\":\"crashed\"");
	assert_contains(result, "resets in a loop");
	worker_reap(worker);
}

static void test_reboot_restart(void)
{
	struct events events = {0};

	restart_expect("reboot", "", &events);
	g_assert_cmpuint(events.resets, ==, 10);
	g_assert_cmpuint(events.crashes, ==, 0);
}

static void test_panic_restart(void)
{
	struct events events = {0};

	restart_expect("panic", ",\"onCrash\":\"restart\"", &events);
	g_assert_cmpuint(events.crashes, ==, 10);
	g_assert_cmpuint(events.panics, ==, 11);
}

/* Whether a process has a file of KVM's open; one that has ended has not. */
static bool has_kvm(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	bool found = false;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_autofree char *target = g_file_read_link(file, NULL);
		found = found || (target && strstr(target, "anon_inode:kvm-vm"));
	}
	return found;
}

/* vmmsd ends a worker that takes long from the end of its link on: nothing slow may be left. */
static void test_link_is_last(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, "loop", ",\"memory\":{\"size\":1073741824}");
	g_assert_true(has_kvm(worker->pid));
	g_assert_cmpint(worker_call(worker->bus, "Stop", NULL), >=, 0);
	struct pollfd hangup = {.fd = sd_bus_get_fd(worker->bus), .events = POLLRDHUP};
	g_assert_cmpint(poll(&hangup, 1, WORKER_WAIT_MS), ==, 1);
	g_assert_false(has_kvm(worker->pid));
	worker_reap(worker);
}

static void test_console(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);

	worker_start_guest(worker, "echo", "");
	int console = worker_open_console(worker);
	g_assert_true(worker_expect(console, "tiny guest up\n", seen));
	g_assert_cmpint(write(console, "hello\n", 6), ==, 6);
	g_assert_true(worker_expect(console, "hello\n", seen));
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "\"how\":\"power-off\"");
	close(console);
	worker_reap(worker);
}

static uint64_t cpu_time_ns(pid_t pid)
{
	struct timespec t;
	clockid_t id;

	g_assert_cmpint(clock_getcpuclockid(pid, &id), ==, 0);
	g_assert_cmpint(clock_gettime(id, &t), ==, 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Waits until the process has used that much more CPU. */
static bool cpu_time_passes(pid_t pid, uint64_t ns)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WORKER_WAIT_MS * 1000;
	uint64_t goal = cpu_time_ns(pid) + ns;

	while (g_get_monotonic_time() < deadline) {
		if (cpu_time_ns(pid) >= goal)
			return true;
		g_usleep(1000);
	}
	return false;
}

static void test_pause(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, "loop", "");
	g_assert_true(cpu_time_passes(worker->pid, 20000000));
	for (int i = 0; i < 50; i++) {
		g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0);
		g_assert_cmpint(worker_call(worker->bus, "Resume", NULL), >=, 0);
	}
	g_assert_true(cpu_time_passes(worker->pid, 20000000));
	g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0);
	g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0); /* twice is fine */
	g_autofree char *paused = worker_state_property(worker->bus);
	g_assert_cmpstr(paused, ==, "paused");

	uint64_t before = cpu_time_ns(worker->pid);
	g_usleep(200000); /* the window that is measured */
	g_assert_cmpuint(cpu_time_ns(worker->pid) - before, <, 10000000);

	g_assert_cmpint(worker_call(worker->bus, "Resume", NULL), >=, 0);
	g_autofree char *running = worker_state_property(worker->bus);
	g_assert_cmpstr(running, ==, "running");
	g_assert_true(cpu_time_passes(worker->pid, 20000000));
	worker_reap(worker);
}

static void guest_refuses(struct worker_process *worker, const char *method, const char *name,
			  const char *part, const char *types, ...)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	va_list ap;

	g_assert_cmpint(sd_bus_message_new_method_call(worker->bus, &call, NULL, VMMS_WORKER_PATH,
						       VMMS_IFACE_WORKER, method),
			>=, 0);
	va_start(ap, types);
	g_assert_cmpint(sd_bus_message_appendv(call, types, ap), >=, 0);
	va_end(ap);
	g_assert_cmpint(sd_bus_call(worker->bus, call, 0, &error, NULL), <, 0);
	g_assert_cmpstr(error.name, ==, name);
	assert_contains(error.message, part);
	sd_bus_error_free(&error);
	sd_bus_message_unref(call);
}

/* What needs drivers is refused, in the sandbox, by a guest that has none. */
static void test_without_drivers(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	static const char no[] = "org.vmms1.Error.NotSupported";
	static const char bad[] = "org.vmms1.Error.InvalidArgument";

	worker_start_guest(worker, "loop", "");
	guest_refuses(worker, "Type", no, "load hyperv-keyboard", "sb", "x", 0);
	guest_refuses(worker, "Type", no, "load hyperv-keyboard", "sb", "ctrl-alt-del", 1);
	guest_refuses(worker, "Type", bad, "US keyboard", "sb", "\xc3\xa9", 0);
	guest_refuses(worker, "Type", bad, "names no keys", "sb", "ctrl-alt-hel", 1);
	guest_refuses(worker, "Reboot", no, "or use hvctl reset", "");
	guest_refuses(worker, "Hibernate", no, "or use hvctl save instead", "");
	guest_refuses(worker, "SetPair", no, "load hv_utils", "ss", "k", "v");
	guest_refuses(worker, "DeletePair", no, "load hv_utils", "s", "k");
	guest_refuses(worker, "Copy", no, "load hv_utils", "hsb", worker->kernel_fd, "/x", 0);
	guest_refuses(worker, "Copy", bad, "absolute", "hsb", worker->kernel_fd, "x", 0);
	g_assert_cmpint(worker_call(worker->bus, "CancelCopy", NULL), >=, 0);
	worker_reap(worker);
}

static bool guest_has(struct worker_process *worker, const char *section, const char *name,
		      const char *value)
{
	const char *s, *n, *v;
	sd_bus_message *reply = NULL;
	bool found = false;

	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "GetGuest", NULL, &reply, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "(sss)"), >=, 0);
	while (sd_bus_message_read(reply, "(sss)", &s, &n, &v) > 0)
		found = found || (!strcmp(s, section) && !strcmp(n, name) && !strcmp(v, value));
	sd_bus_message_unref(reply);
	return found;
}

static void test_described(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	g_assert_false(guest_has(worker, "guest", "state", "unknown")); /* no guest yet */
	worker_start_guest(worker, "loop", ",\"enlightenments\":{\"crash\":false,\"stimer\":true}");
	g_assert_true(guest_has(worker, "guest", "state", "unknown"));
	g_assert_true(guest_has(worker, "enlightenment", "synic", "on"));
	g_assert_true(guest_has(worker, "enlightenment", "stimer", "on"));
	g_assert_false(guest_has(worker, "enlightenment", "crash", "on"));
	/* It only loops. */
	g_assert_true(guest_has(worker, "used", "hypercalls", "no"));
	g_assert_true(guest_has(worker, "used", "synic", "no"));
	g_assert_false(guest_has(worker, "used", "crash", "no"));
	worker_reap(worker);
}

static int vsock_listen(struct worker_process *worker, struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	g_snprintf(address->sun_path, sizeof(address->sun_path), "%s/vsock", worker->dir);
	g_assert_cmpint(bind(fd, (const struct sockaddr *)address, sizeof(*address)), ==, 0);
	g_assert_cmpint(listen(fd, 4), ==, 0);
	return fd;
}

/* In the sandbox: who says nonsense is sent away, before a reset and after it; a hidden
 * hypervisor takes nobody. */
static void vsock_expect(const char *members, bool taken)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autofree char *definition = worker_definition("loop", members);
	struct sockaddr_un address;
	int listener = vsock_listen(worker, &address);
	char byte;

	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Start", NULL, NULL, "sa(sh)", definition, 3,
					   VMMS_FILE_KERNEL, worker->kernel_fd, VMMS_FILE_RESULT,
					   worker->result_fd, VMMS_FILE_VSOCK, listener),
			>=, 0);
	close(listener);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
		g_assert_cmpint(r, ==, taken ? 0 : -1);
		if (taken) {
			g_assert_cmpint(send(fd, "HELLO\n", 6, MSG_NOSIGNAL), ==, 6);
			g_assert_cmpint(read(fd, &byte, 1), <=, 0);
		}
		close(fd);
		g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	}
	g_assert_cmpint(unlink(address.sun_path), ==, 0);
	worker_reap(worker);
}

static void test_vsock(void)
{
	vsock_expect("", true);
	vsock_expect(",\"hypervisor\":\"hidden\"", false);
}

static void test_hidden(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, "loop", ",\"hypervisor\":\"hidden\"");
	g_assert_false(guest_has(worker, "enlightenment", "synic", "on"));
	guest_refuses(worker, "Type", "org.vmms1.Error.NotSupported", "make the hypervisor visible",
		      "sb", "x", 0);
	worker_reap(worker);
}

static void test_stop(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, "loop", "");
	g_assert_cmpint(worker_call(worker->bus, "Stop", NULL), >=, 0);
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "\"state\":\"off\"");
	assert_contains(result, "\"how\":\"stop\"");
	worker_reap(worker);
}

static void test_stop_paused(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, "loop", "");
	g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0);
	g_assert_cmpint(worker_call(worker->bus, "Stop", NULL), >=, 0);
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "\"how\":\"stop\"");
	worker_reap(worker);
}

static void signal_expect(int number)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, "loop", "");
	kill(worker->pid, number);
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "\"state\":\"off\"");
	assert_contains(result, "terminated by signal SIG");
	worker_reap(worker);
}

static void test_signals(void)
{
	signal_expect(SIGTERM);
	signal_expect(SIGINT);
}

static void test_reset(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);

	worker_start_guest(worker, "halt", "");
	int console = worker_open_console(worker);
	g_assert_true(worker_expect(console, "tiny guest up\n", seen));
	uint64_t exits = worker_counter(worker, "exits.io");
	g_assert_cmpuint(exits, >, 28);

	/* The viewer stays over the reset, and the counters go on. */
	g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0);
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "running");
	g_assert_true(worker_expect(console, "tiny guest up\ntiny guest up\n", seen));
	g_assert_cmpuint(worker_counter(worker, "exits.io"), >, exits + 28);
	g_assert_cmpuint(worker_counter(worker, "console.bytes"), ==, 28);
	g_assert_cmpint(worker_call(worker->bus, "PowerButton", NULL), >=, 0);
	close(console);
	worker_reap(worker);
}

static unsigned int vp_threads(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	unsigned int n = 0;
	const char *task;

	while (dir && (task = g_dir_read_name(dir))) {
		g_autofree char *comm = g_build_filename(path, task, "comm", NULL);
		g_autofree char *name = NULL;
		if (g_file_get_contents(comm, &name, NULL, NULL) && g_str_has_prefix(name, "vp"))
			n++;
	}
	return n;
}

/* The threads and descriptors of adapters, behind the closed sandbox, and made once more. */
static void test_adapters(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(
		worker, "loop",
		",\"nics\":[{\"type\":\"none\",\"mac\":\"56:4d:53:00:00:01\"},"
		"{\"type\":\"none\",\"mac\":\"56:4d:53:00:00:02\",\"connected\":false}]");
	worker_counter(worker, "nic.1.sent");
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	worker_counter(worker, "nic.1.sent");
	g_assert_cmpint(worker_call(worker->bus, "Stop", NULL), >=, 0);
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "\"state\":\"off\"");
	worker_reap(worker);
}

static void test_eight_vps(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	gint64 deadline = g_get_monotonic_time() + (gint64)WORKER_WAIT_MS * 1000;
	g_autoptr(GString) seen = g_string_new(NULL);

	worker_start_guest(worker, "halt", ",\"cpus\":{\"count\":8}");
	int console = worker_open_console(worker);
	g_assert_true(worker_expect(console, "tiny guest up\n", seen));
	while (vp_threads(worker->pid) != 8 && g_get_monotonic_time() < deadline)
		g_usleep(1000); /* a thread names itself */
	g_assert_cmpuint(vp_threads(worker->pid), ==, 8);
	for (int i = 0; i < 10; i++) {
		g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0);
		g_assert_cmpint(worker_call(worker->bus, "Resume", NULL), >=, 0);
	}
	g_assert_cmpuint(worker_counter(worker, "vp.0.exits.io"), >, 0);
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	g_assert_true(worker_expect(console, "tiny guest up\ntiny guest up\n", seen));
	close(console);
	worker_reap(worker);
}

/* vmmsd dies and comes back. */
static void test_reconnect(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	uint64_t started = 0;

	worker_start_guest(worker, "halt", "");
	worker->bus = sd_bus_close_unref(worker->bus);
	worker->bus = worker_connect(worker);
	g_assert_nonnull(worker->bus);
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "running");
	g_assert_cmpint(sd_bus_get_property_trivial(worker->bus, NULL, VMMS_WORKER_PATH,
						    VMMS_IFACE_WORKER, "Started", NULL, 't',
						    &started),
			>=, 0);
	g_assert_cmpuint(started, <=, (uint64_t)g_get_real_time());
	g_assert_cmpuint(started, >, (uint64_t)g_get_real_time() - 60000000u);
	g_assert_cmpint(worker_call(worker->bus, "Stop", NULL), >=, 0);
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "\"how\":\"stop\"");
	worker_reap(worker);
}

static void test_start_twice(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autofree char *definition = worker_definition("halt", "");
	sd_bus_error error = SD_BUS_ERROR_NULL;

	worker_start_guest(worker, "halt", "");
	g_assert_cmpint(worker_call_start(worker, definition, &error), <, 0);
	g_assert_cmpstr(error.name, ==, "org.vmms1.Error.WrongState");
	sd_bus_error_free(&error);
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "running");
	worker_reap(worker);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		puts("1..0 # SKIP /dev/kvm cannot be opened");
		return 77;
	}
	g_test_add_func("/worker/guest/power-off", test_power_off);
	g_test_add_func("/worker/guest/link-is-last", test_link_is_last);
	g_test_add_func("/worker/guest/reboot-stop", test_reboot_stop);
	g_test_add_func("/worker/guest/reboot-restart", test_reboot_restart);
	g_test_add_func("/worker/guest/triple-fault", test_triple_fault);
	g_test_add_func("/worker/guest/panic", test_panic);
	g_test_add_func("/worker/guest/panic-restart", test_panic_restart);
	g_test_add_func("/worker/guest/console", test_console);
	g_test_add_func("/worker/guest/pause", test_pause);
	g_test_add_func("/worker/guest/without-drivers", test_without_drivers);
	g_test_add_func("/worker/guest/described", test_described);
	g_test_add_func("/worker/guest/hidden", test_hidden);
	g_test_add_func("/worker/guest/vsock", test_vsock);
	g_test_add_func("/worker/guest/stop", test_stop);
	g_test_add_func("/worker/guest/stop-paused", test_stop_paused);
	g_test_add_func("/worker/guest/signals", test_signals);
	g_test_add_func("/worker/guest/reset", test_reset);
	g_test_add_func("/worker/guest/adapters", test_adapters);
	g_test_add_func("/worker/guest/eight-vps", test_eight_vps);
	g_test_add_func("/worker/guest/reconnect", test_reconnect);
	g_test_add_func("/worker/guest/start-twice", test_start_twice);
	return g_test_run();
}
