/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What vmmsd tells of a guest and passes on to it, through a worker that does as it is told. */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmmsd_fixture.h"

static char *described(struct fixture *f, const char *vm)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *text;
	char *copy;

	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Describe", &error, &reply, NULL) <
	    0)
		g_error("Describe: %s", error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "s", &text), >=, 0);
	copy = g_strdup(text);
	sd_bus_message_unref(reply);
	return copy;
}

static char *vsock_path(const struct fixture *f, const char *vm)
{
	g_autofree char *uuid = g_strdelimit(g_strdup(strrchr(vm, '/') + 1), "_", '-');

	return g_build_filename(f->dir, "run", uuid, "vsock", NULL);
}

static void assert_described(struct fixture *f, const char *vm, const char *guest)
{
	g_autofree char *text = described(f, vm);
	g_autofree char *vsock = vsock_path(f, vm);
	g_autofree char *place =
		strstr(guest, "\"synic\"") ? g_strdup_printf("\"%s\"", vsock) : g_strdup("null");
	g_autofree char *full =
		g_strdup_printf("%.*s,\"vsock\":%s}", (int)strlen(guest) - 1, guest, place);
	gboolean runs = guest[0] == '{';
	g_autofree char *end = g_strdup_printf(",\"guest\":%s}", runs ? full : guest);

	if (!g_str_has_suffix(text, end))
		g_error("%s does not end with %s", text, end);
}

static void test_describe(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	struct stat st;

	assert_described(f, vm, "null");
	fixture_do(f, vm, "Start");
	assert_described(
		f, vm,
		"{\"state\":\"not responding\",\"os\":\"Linux 6.1.158\",\"vmbus\":null,"
		"\"hostName\":\"web1.example\",\"system\":null,\"systemVersion\":null,\"frozen\":false,"
		"\"enlightenments\":[\"synic\",\"crash\"],"
		"\"usedEnlightenments\":{\"hypercalls\":false,\"synic\":true,\"crash\":null},"
		"\"addresses\":[{\"mac\":\"56:4d:53:00:00:01\","
		"\"addresses\":[\"192.0.2.1\",\"fe80::1\"]},"
		"{\"mac\":\"56:4d:53:00:00:02\",\"addresses\":[\"192.0.2.2\"]}],"
		"\"facts\":{\"FullyQualifiedDomainName\":\"web1.example\"},"
		"\"pairs\":{\"role\":\"db\"}}");
	g_autofree char *vsock = vsock_path(f, vm);
	g_assert_cmpint(stat(vsock, &st), ==, 0);
	g_assert_cmphex(st.st_mode & 07777, ==, 0600);
	fixture_do(f, vm, "Stop");
	assert_described(f, vm, "null");
	g_assert_cmpint(stat(vsock, &st), <, 0);
	fixture_free(f);
}

/* A worker that says nothing, or nonsense, of its guest costs only that. */
static void test_describe_odd(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *mute = fixture_define(f, "mute", "mute-guest");
	g_autofree char *odd = fixture_define(f, "odd", "odd-guest");

	fixture_do(f, mute, "Start");
	fixture_do(f, odd, "Start");
	assert_described(f, mute, "null");
	assert_described(
		f, odd,
		"{\"state\":\"responding\",\"os\":null,\"vmbus\":null,"
		"\"hostName\":null,\"system\":null,\"systemVersion\":null,\"frozen\":false,"
		"\"enlightenments\":[],\"usedEnlightenments\":{},\"addresses\":[],\"facts\":{},\"pairs\":{}}");
	fixture_free(f);
}

static int on_event(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	GString *said = userdata;
	const char *uuid, *name, *event, *detail;
	uint64_t id, time;

	(void)error;
	g_assert_cmpint(
		sd_bus_message_read(message, "ttssss", &id, &time, &uuid, &name, &event, &detail),
		>=, 0);
	if (g_str_has_prefix(event, "guest-"))
		g_string_append_printf(said, "%s %s;", event + 6, detail);
	return 0;
}

static void hear_events(struct fixture *f, GString *said)
{
	g_assert_cmpint(sd_bus_match_signal(f->bus, NULL, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					    "Event", on_event, said),
			>=, 0);
}

static void heard(struct fixture *f, GString *said, const char *text)
{
	while (!strchr(said->str, ';'))
		fixture_turn(f);
	g_assert_cmpstr(said->str, ==, text);
	g_string_truncate(said, 0);
}

static void test_forward(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autoptr(GString) said = g_string_new(NULL);
	g_autofree char *huge = g_strnfill(VMMS_MAX_GUEST_TEXT + 1, 'x');

	hear_events(f, said);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Type", "WrongState",
			     "VM web1 is off, so its guest cannot answer; start it first", "sb",
			     "x", 0);
	fixture_do(f, vm, "Start");
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Type", NULL, NULL,
					   "sb", "a b", 1),
			>=, 0);
	heard(f, said, "Type a b 1;");
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "SetPair", NULL, NULL,
					   "ss", "k", "v"),
			>=, 0);
	heard(f, said, "SetPair k=v;");
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "DeletePair", NULL,
					   NULL, "s", "k"),
			>=, 0);
	heard(f, said, "DeletePair k;");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Type", "InvalidArgument", "the text", "sb",
			     huge, 0);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "SetPair", "InvalidArgument", "the text", "ss",
			     "k", huge);
	fixture_do(f, vm, "Pause");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "SetPair", "WrongState",
			     "VM web1 is paused, so its guest cannot answer; resume it first", "ss",
			     "k", "v");
	fixture_free(f);
}

static void test_forward_fails(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *deaf = fixture_define(f, "deaf", "deaf-guest");
	g_autofree char *dying = fixture_define(f, "dying", "die-in-guest");

	fixture_do(f, deaf, "Start");
	fixture_do(f, dying, "Start");
	fixture_expect_error(f, deaf, VMMS_IFACE_VM, "Type", "NotSupported",
			     "VM deaf: the guest has no driver for it", "sb", "x", 0);
	fixture_expect_error(f, dying, VMMS_IFACE_VM, "SetPair", "Worker",
			     "VM dying ended before it had answered; see hvctl show for its state",
			     "ss", "k", "v");
	fixture_wait_state(f, dying, "crashed");
	fixture_free(f);
}

/* ---- connections that the guest begins ---------------------------------------------------------
 */

static int program_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(fd, 4), ==, 0);
	return fd;
}

/* What a program in the guest would see; the fake's guest takes the port for a text to type. */
static void guest_is_refused(struct fixture *f, const char *vm, const char *port, const char *why)
{
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Type", "NotSupported", why, "sb", port, 0);
}

static void test_host_port(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "greets-host");
	g_autofree char *vsock = vsock_path(f, vm);
	g_autofree char *port = g_strconcat(vsock, "_80", NULL);
	g_autofree char *link = g_strconcat(vsock, "_81", NULL);
	g_autofree char *file = g_strconcat(vsock, "_82", NULL);
	g_autofree char *directory = g_path_get_dirname(vsock);
	int listener, fd;
	char data[8];

	fixture_do(f, vm, "Start");
	guest_is_refused(f, vm, "80",
			 "nobody serves port 80 of the host (No such file or directory)");
	listener = program_listen(port);
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Type", NULL, NULL,
					   "sb", "80", 0),
			>=, 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	g_assert_cmpint(read(fd, data, sizeof(data)), ==, 5);
	g_assert_cmpint(memcmp(data, "hello", 5), ==, 0);
	close(fd);
	/* Nothing but a socket of that name itself, which nobody could make a link to another. */
	g_assert_cmpint(symlink(port, link), ==, 0);
	guest_is_refused(f, vm, "81", "port 81 of the host (Socket operation on non-socket)");
	g_assert_true(g_file_set_contents(file, "x", 1, NULL));
	guest_is_refused(f, vm, "82", "port 82 of the host (Socket operation on non-socket)");
	close(listener);
	guest_is_refused(f, vm, "80", "port 80 of the host (Connection refused)");
	/* It goes with the VM, not with its end. */
	fixture_do(f, vm, "Stop");
	g_assert_true(g_file_test(port, G_FILE_TEST_EXISTS));
	g_assert_cmpint(
		sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Delete", NULL, NULL, NULL), >=,
		0);
	g_assert_false(g_file_test(directory, G_FILE_TEST_EXISTS));
	fixture_free(f);
}

/* ---- freeze and thaw ---------------------------------------------------------------------------
 */

static const struct outcome *freeze(struct fixture *f, const char *vm, uint64_t timeout)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const struct outcome *outcome;
	const char *job;

	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Freeze", &error, &reply, "t",
			       timeout) < 0)
		g_error("Freeze: %s", error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "o", &job), >=, 0);
	outcome = fixture_wait(f, job);
	sd_bus_message_unref(reply);
	return outcome;
}

static void test_freeze(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "frozen-guest");
	g_autofree char *deaf = fixture_define(f, "deaf", "deaf-guest");
	g_autoptr(GString) said = g_string_new(NULL);

	hear_events(f, said);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Freeze", "WrongState",
			     "VM web1 is off, so its guest cannot answer; start it first", "t",
			     (uint64_t)0);
	fixture_do(f, vm, "Start");
	g_assert_cmpstr(freeze(f, vm, 30000000)->state, ==, "done");
	heard(f, said, "Freeze 30000000;");
	/* It runs on, and says that it is frozen. */
	g_autofree char *state = fixture_get(f, vm, "State");
	g_assert_cmpstr(state, ==, "running");
	g_autofree char *text = described(f, vm);
	g_assert_nonnull(strstr(text, "\"frozen\":true"));
	fixture_do(f, vm, "Thaw");
	heard(f, said, "Thaw now;");
	fixture_do(f, vm, "Pause");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Thaw", "WrongState", "resume it first", NULL);
	fixture_do(f, deaf, "Start");
	g_assert_cmpstr(freeze(f, deaf, 0)->state, ==, "failed");
	g_assert_cmpstr(freeze(f, deaf, 0)->message, ==, "VM deaf: the guest has no driver for it");
	fixture_free(f);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static char *copy_begin(struct fixture *f, const char *vm)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path;
	char *job;

	g_assert_cmpint(write(fd, "hello", 5), ==, 5);
	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Copy", &error, &reply, "hsb", fd,
			       "/etc/motd", 1) < 0)
		g_error("Copy: %s", error.message);
	close(fd);
	g_assert_cmpint(sd_bus_message_read(reply, "o", &path), >=, 0);
	job = g_strdup(path);
	sd_bus_message_unref(reply);
	return job;
}

static uint32_t progress(struct fixture *f, const char *job)
{
	uint32_t percent = 0;

	g_assert_cmpint(sd_bus_get_property_trivial(f->bus, NULL, job, VMMS_IFACE_JOB, "Progress",
						    NULL, 'u', &percent),
			>=, 0);
	return percent;
}

static void test_copy(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autoptr(GString) said = g_string_new(NULL);

	hear_events(f, said);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Copy", "WrongState", "VM web1 is off", "hsb",
			     STDIN_FILENO, "/x", 0);
	fixture_do(f, vm, "Start");
	g_autofree char *job = copy_begin(f, vm);
	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "done");
	g_assert_cmpuint(progress(f, job), ==, 100);
	heard(f, said, "Copy /etc/motd hello 1;");
	fixture_free(f);
}

static void test_copy_canceled(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "slow-copy");

	fixture_do(f, vm, "Start");
	g_autofree char *job = copy_begin(f, vm);
	while (progress(f, job) != 42)
		fixture_turn(f);
	fixture_refuses(f, vm, "Pause", "Busy", "VM web1: a copy job is running on it");
	fixture_cancel(f, job);
	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "canceled");
	g_assert_cmpstr(fixture_wait(f, job)->message, ==, "VM web1: the copy was canceled");
	fixture_do(f, vm, "Pause");
	fixture_free(f);
}

/* Whatever ends the VM ends the copy. */
static void test_copy_ends(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *slow = fixture_define(f, "slow", "slow-copy");
	g_autofree char *dying = fixture_define(f, "dying", "die-in-guest");
	g_autofree char *deaf = fixture_define(f, "deaf", "deaf-guest");

	fixture_do(f, slow, "Start");
	fixture_do(f, dying, "Start");
	fixture_do(f, deaf, "Start");
	g_autofree char *first = copy_begin(f, slow);
	fixture_do(f, slow, "Stop");
	g_assert_cmpstr(fixture_wait(f, first)->state, ==, "canceled");
	g_autofree char *second = copy_begin(f, dying);
	g_assert_cmpstr(fixture_wait(f, second)->state, ==, "failed");
	g_autofree char *third = copy_begin(f, deaf);
	g_assert_cmpstr(fixture_wait(f, third)->error, ==, VMMS_ERROR_PREFIX "NotSupported");
	g_assert_cmpstr(fixture_wait(f, third)->message, ==,
			"VM deaf: the guest has no driver for it");
	fixture_free(f);
}

static void assert_powered_off(struct fixture *f, const char *vm)
{
	g_autofree char *reason = fixture_get(f, vm, "Reason");

	g_assert_cmpstr(reason, ==, "the guest powered off");
}

/* A copy holds up neither a user's shutdown nor the host's, and costs no guest its own end. */
static void test_copy_yields(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *one = fixture_define(f, "one", "slow-copy");
	g_autofree char *two = fixture_define(f, "two", "slow-copy");
	g_autofree char *all = NULL;

	fixture_do(f, one, "Start");
	fixture_do(f, two, "Start");
	g_autofree char *first = copy_begin(f, one);
	g_autofree char *second = copy_begin(f, two);
	g_autofree char *shutdown = fixture_shutdown(f, one, 0, FALSE);
	g_assert_cmpstr(fixture_wait(f, shutdown)->state, ==, "done");
	g_assert_cmpstr(fixture_wait(f, first)->state, ==, "canceled");
	g_assert_cmpstr(fixture_wait(f, first)->message, ==,
			"VM one: a shutdown took the place of this copy");
	assert_powered_off(f, one);
	all = fixture_stop_all(f);
	g_assert_cmpstr(fixture_wait(f, all)->state, ==, "done");
	g_assert_cmpstr(fixture_wait(f, second)->state, ==, "canceled");
	assert_powered_off(f, two);
	fixture_free(f);
}

/* A freeze that the guest does not answer does not keep it from its end. */
static void test_freeze_yields(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "one", "slow-freeze");
	sd_bus_message *reply = NULL;
	const char *job;

	fixture_do(f, vm, "Start");
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Freeze", NULL, &reply,
					   "t", (uint64_t)0),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "o", &job), >=, 0);
	g_autofree char *shutdown = fixture_shutdown(f, vm, 0, FALSE);
	g_assert_cmpstr(fixture_wait(f, shutdown)->state, ==, "done");
	g_assert_cmpstr(fixture_wait(f, job)->message, ==,
			"VM one: a shutdown took the place of this freeze");
	assert_powered_off(f, vm);
	sd_bus_message_unref(reply);
	fixture_free(f);
}

/* ---- reboot and hibernate ----------------------------------------------------------------------
 */

/* Path of its job; g_free. */
static char *ask(struct fixture *f, const char *vm, const char *method, uint64_t timeout_us)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path;
	char *job;

	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, method, &error, &reply, "t",
			       timeout_us) < 0)
		g_error("%s: %s", method, error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "o", &path), >=, 0);
	job = g_strdup(path);
	sd_bus_message_unref(reply);
	return job;
}

static void asked(struct fixture *f, const char *vm, const char *method)
{
	g_autofree char *job = ask(f, vm, method, 0);

	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "done");
}

static void asked_in_vain(struct fixture *f, const char *vm, const char *method, const char *error,
			  const char *text)
{
	g_autofree char *job = ask(f, vm, method, G_USEC_PER_SEC);

	fixture_expect_failed(fixture_wait(f, job), error, text);
}

static void test_reboot(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	guint32 pid;

	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Reboot", "WrongState",
			     "VM web1 is off: start it first", "t", (uint64_t)0);
	fixture_do(f, vm, "Start");
	pid = fixture_worker_pid(f, vm);
	asked(f, vm, "Reboot");
	fixture_expect_state(f, vm, "running", "");
	g_assert_cmpuint(fixture_worker_pid(f, vm), ==, pid);
	g_assert_cmpuint(fixture_events_count(f, "guest-reset"), ==, 1);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Reboot", "InvalidArgument",
			     "VM web1: a timeout of 86401 s is more than a day", "t",
			     UINT64_C(86401000000));
	fixture_do(f, vm, "Pause");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Reboot", "WrongState",
			     "VM web1 is paused: resume it first", "t", (uint64_t)0);
	fixture_do(f, vm, "Save");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Hibernate", "WrongState",
			     "VM web1 is saved: start it", "t", (uint64_t)0);
	fixture_free(f);
}

static void test_reboot_fails(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *deaf = fixture_define(f, "deaf", "deaf-guest");
	g_autofree char *dying = fixture_define(f, "dying", "die-in-guest");
	g_autofree char *lazy = fixture_define(f, "lazy", "ignore-reboot");
	g_autofree char *weak = fixture_define(f, "weak", "crash-at-reboot");
	g_autofree char *off = fixture_define(f, "off", "off-at-reboot");

	fixture_do(f, deaf, "Start");
	fixture_do(f, dying, "Start");
	fixture_do(f, lazy, "Start");
	fixture_do(f, weak, "Start");
	fixture_do(f, off, "Start");
	asked_in_vain(f, deaf, "Reboot", "NotSupported", "VM deaf: the guest has no driver for it");
	fixture_expect_state(f, deaf, "running", "");
	asked_in_vain(f, dying, "Reboot", "Worker", "VM dying crashed at its reboot: ");
	asked_in_vain(f, lazy, "Reboot", "TimedOut",
		      "VM lazy did not restart within 1 s, which it was asked for; wait, or use "
		      "hvctl reset lazy");
	fixture_expect_state(f, lazy, "running", "");
	asked_in_vain(f, weak, "Reboot", "Worker",
		      "VM weak crashed at its reboot: the guest panicked: at its end");
	asked_in_vain(f, off, "Reboot", "Failed",
		      "VM off is off instead of restarting: the guest powered off; start it");
	fixture_free(f);
}

/* A restart that the definition makes an end of is one. */
static void test_reboot_stops(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm =
		fixture_define_with(f, "web1", "off-at-reboot", ",\"onReboot\":\"stop\"");

	fixture_do(f, vm, "Start");
	asked(f, vm, "Reboot");
	fixture_expect_state(f, vm, "off", "the guest powered off");
	fixture_free(f);
}

static void test_hibernate(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *deaf = fixture_define(f, "deaf", "deaf-guest");
	g_autofree char *lazy = fixture_define(f, "lazy", "ignore-reboot");
	g_autofree char *other = fixture_define(f, "other", "reset-at-hibernate");

	fixture_do(f, vm, "Start");
	fixture_do(f, deaf, "Start");
	fixture_do(f, lazy, "Start");
	fixture_do(f, other, "Start");
	asked(f, vm, "Hibernate");
	fixture_expect_state(f, vm, "off", "the guest powered off (ACPI S4)");
	asked_in_vain(f, deaf, "Hibernate", "NotSupported",
		      "VM deaf: the guest has no driver for it");
	asked_in_vain(f, lazy, "Hibernate", "TimedOut",
		      "VM lazy did not hibernate within 1 s: it may lack the swap space");
	asked_in_vain(f, other, "Hibernate", "Failed",
		      "VM other restarted instead of hibernating: the guest reset itself; use "
		      "hvctl save other");
	fixture_free(f);
}

/* It waits for the guest: others have to wait for it, but not who ends the VM. */
static void test_reboot_yields(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "one", "ignore-reboot");
	g_autofree char *canceled = NULL, *job = NULL, *shutdown = NULL;

	fixture_do(f, vm, "Start");
	canceled = ask(f, vm, "Reboot", 0);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Hibernate", "Busy", "a reboot job", "t",
			     (uint64_t)0);
	fixture_cancel(f, canceled);
	g_assert_cmpstr(fixture_wait(f, canceled)->state, ==, "canceled");
	g_assert_cmpstr(
		fixture_wait(f, canceled)->message, ==,
		"VM one: the wait for the reboot was canceled; the guest may still restart");
	job = ask(f, vm, "Reboot", 0);
	shutdown = fixture_shutdown(f, vm, 0, FALSE);
	g_assert_cmpstr(fixture_wait(f, shutdown)->state, ==, "done");
	g_assert_cmpstr(fixture_wait(f, job)->message, ==,
			"VM one: a shutdown took the place of this reboot");
	assert_powered_off(f, vm);
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/guest/describe", test_describe);
	g_test_add_func("/vmmsd/guest/describe-odd", test_describe_odd);
	g_test_add_func("/vmmsd/guest/forward", test_forward);
	g_test_add_func("/vmmsd/guest/forward-fails", test_forward_fails);
	g_test_add_func("/vmmsd/guest/host-port", test_host_port);
	g_test_add_func("/vmmsd/guest/freeze", test_freeze);
	g_test_add_func("/vmmsd/guest/freeze-yields", test_freeze_yields);
	g_test_add_func("/vmmsd/guest/copy", test_copy);
	g_test_add_func("/vmmsd/guest/copy-canceled", test_copy_canceled);
	g_test_add_func("/vmmsd/guest/copy-ends", test_copy_ends);
	g_test_add_func("/vmmsd/guest/copy-yields", test_copy_yields);
	g_test_add_func("/vmmsd/guest/reboot", test_reboot);
	g_test_add_func("/vmmsd/guest/reboot-fails", test_reboot_fails);
	g_test_add_func("/vmmsd/guest/reboot-stops", test_reboot_stops);
	g_test_add_func("/vmmsd/guest/hibernate", test_hibernate);
	g_test_add_func("/vmmsd/guest/reboot-yields", test_reboot_yields);
	return g_test_run();
}
