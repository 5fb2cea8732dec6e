/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine translate: the real vmmsd, its worker, libvirt's embedded driver, QEMU and the tiny
 * guest. One service for all, so that QEMU is probed once. Skipped where QEMU is not installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-c/json.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmmsd_tools.h"

/* GLib has no data that a test may change. */
#define FIXTURE(data) ((struct fixture *)(uintptr_t)(data))

#define TRANSLATE ",\"engine\":\"translate\""

static char *vm_file(const struct fixture *f, const char *vm, const char *name)
{
	g_autofree char *uuid = g_strdelimit(g_strdup(strrchr(vm, '/') + 1), "_", '-');

	return g_build_filename(f->dir, "run", uuid, name, NULL);
}

static pid_t qemu_pid(const struct fixture *f, const char *vm)
{
	g_autofree char *path = vm_file(f, vm, "translate/run/qemu/vm.pid");
	g_autofree char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

static int qemu_pidfd(const struct fixture *f, const char *vm)
{
	int fd = pidfd_open(qemu_pid(f, vm), 0);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

/* Takes pidfd. */
static void assert_ends(int pidfd)
{
	struct pollfd fd = {.fd = pidfd, .events = POLLIN};

	g_assert_cmpint(poll(&fd, 1, (int)(WAIT_US / 1000)), ==, 1);
	close(pidfd);
}

static void assert_reason(struct fixture *f, const char *vm, const char *text)
{
	g_autofree char *reason = fixture_get(f, vm, "Reason");

	if (!strstr(reason, text))
		g_error("\"%s\" is not in the reason \"%s\"", text, reason);
}

static void assert_state(struct fixture *f, const char *vm, const char *expected)
{
	g_autofree char *state = fixture_get(f, vm, "State");

	g_assert_cmpstr(state, ==, expected);
}

static int console_open(struct fixture *f, const char *vm)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int fd;

	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "OpenConsole", &error, &reply, "uu",
			       0, VMMS_CONSOLE_REPLAY) < 0)
		g_error("OpenConsole: %s", error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "h", &fd), >=, 0);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	sd_bus_message_unref(reply);
	return fd;
}

static void console_expect(int console, const char *text)
{
	g_autoptr(GString) seen = g_string_new(NULL);

	while (!strstr(seen->str, text)) {
		struct pollfd fd = {.fd = console, .events = POLLIN};
		char part[256];

		g_assert_cmpint(poll(&fd, 1, (int)(WAIT_US / 1000)), ==, 1);
		ssize_t n = read(console, part, sizeof(part));
		g_assert_cmpint(n, >, 0);
		g_string_append_len(seen, part, n);
	}
}

/* NULL when it cannot be run; g_free. */
static char *translator_answer(const char *option)
{
	char *argv[] = {(char *)g_getenv("VMMS_TRANSLATOR"), (char *)option, NULL};
	char *answer = NULL;

	(void)g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &answer, NULL, NULL,
			   NULL);
	return answer;
}

/* ---- a guest's own ways ---------------------------------------------------------------------- */

static void test_console(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "echo", "echo", TRANSLATE);

	fixture_do(f, vm, "Start");
	g_autofree char *engine = fixture_get(f, vm, "Engine");
	g_assert_cmpstr(engine, ==, "translate");
	int console = console_open(f, vm);
	console_expect(console, "tiny guest up\n");
	g_assert_cmpint(write(console, "hello\n", 6), ==, 6);
	console_expect(console, "hello\n");
	close(console);
	fixture_wait_state(f, vm, "off");
	assert_reason(f, vm, "the guest powered off (ACPI S5)");
	g_autofree char *left = vm_file(f, vm, "translate");
	g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
}

/* The run that takes up a saved machine has a new ring, and what the guest wrote before in it. */
static void test_scrollback(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "keeps", "loop", TRANSLATE);

	fixture_do(f, vm, "Start");
	int console = console_open(f, vm);
	console_expect(console, "tiny guest up\n");
	close(console);
	fixture_do(f, vm, "Save");
	fixture_wait_state(f, vm, "saved");
	fixture_do(f, vm, "Start");
	console = console_open(f, vm);
	console_expect(console, "tiny guest up\n");
	close(console);
	fixture_do(f, vm, "Stop");
}

static void test_panic(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "panic", "panic", TRANSLATE);

	fixture_do(f, vm, "Start");
	fixture_wait_state(f, vm, "crashed");
	assert_reason(f, vm, "the guest panicked: Kernel panic - not syncing: tiny");
}

static void test_reboot_stop(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm =
		fixture_define_with(f, "reboot", "reboot", TRANSLATE ",\"onReboot\":\"stop\"");

	fixture_do(f, vm, "Start");
	fixture_wait_state(f, vm, "off");
	assert_reason(f, vm, "the guest reset itself");
}

/* ---- what a user does ------------------------------------------------------------------------ */

static void disk_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
	close(fd);
}

static void test_verbs(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *disk = g_build_filename(f->dir, "disk.img", NULL);
	g_autofree char *members =
		g_strdup_printf(TRANSLATE ",\"cpus\":{\"count\":2},\"nics\":[{\"type\":\"none\"}],"
					  "\"disks\":[{\"path\":\"%s\",\"iops\":100,\"lun\":7}]",
				disk);
	g_autofree char *vm = fixture_define_with(f, "loop", "loop", members);

	disk_make(disk);
	fixture_do(f, vm, "Start");
	int console = console_open(f, vm);
	console_expect(console, "tiny guest up\n");
	fixture_do(f, vm, "Pause");
	fixture_wait_state(f, vm, "paused");
	fixture_do(f, vm, "Resume");
	fixture_do(f, vm, "Reset");
	console_expect(console, "tiny guest up\n"); /* the second time */
	close(console);
	fixture_expect_error(
		f, vm, VMMS_IFACE_VM, "AttachDisk", "NotSupported",
		"VM loop is of the engine translate, which cannot attach devices while "
		"it runs: stop it, and use hvctl edit loop --disk",
		"s", "{\"path\":\"/srv/b.img\"}");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "DetachDisk", "NotSupported",
			     "VM loop is of the engine translate, which cannot detach devices", "s",
			     "0:7");
	int pidfd = qemu_pidfd(f, vm);
	fixture_do(f, vm, "Stop");
	fixture_wait_state(f, vm, "off");
	assert_reason(f, vm, "turned off");
	assert_ends(pidfd);
}

/* The thread of QEMU with that name. */
static pid_t qemu_thread(const struct fixture *f, const char *vm, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)qemu_pid(f, vm));
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *entry;

	while (dir && (entry = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, entry, "comm", NULL);
		g_autofree char *comm = NULL;

		if (g_file_get_contents(file, &comm, NULL, NULL) &&
		    g_str_equal(g_strchomp(comm), name))
			return (pid_t)g_ascii_strtoll(entry, NULL, 10);
	}
	g_error("QEMU has no thread %s", name);
}

static void assert_bound_to(pid_t tid, size_t cpu)
{
	cpu_set_t cpus;

	g_assert_cmpint(sched_getaffinity(tid, sizeof(cpus), &cpus), ==, 0);
	g_assert_cmpint(CPU_COUNT(&cpus), ==, 1);
	g_assert_true(CPU_ISSET(cpu, &cpus));
}

static gint64 vcpu_number(struct fixture *f, const char *vm, size_t vcpu, const char *member)
{
	sd_bus_message *reply = NULL;
	const char *text;

	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "GetStatistics", NULL,
					   &reply, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "s", &text), >=, 0);
	json_object *root = json_tokener_parse(text), *vcpus = NULL, *value = NULL;
	g_assert_true(json_object_object_get_ex(root, "vcpus", &vcpus));
	g_assert_true(
		json_object_object_get_ex(json_object_array_get_idx(vcpus, vcpu), member, &value));
	gint64 number = value ? json_object_get_int64(value) : -1;
	json_object_put(root);
	sd_bus_message_unref(reply);
	return number;
}

/* Two processors are two threads of a QEMU that vmmsd did not make. */
static void test_processors(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	const size_t one = 1;
	g_autofree char *vm = NULL;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		g_test_skip("there is one CPU");
		return;
	}
	vm = fixture_define_with(f, "processors", "loop",
				 TRANSLATE ",\"cpus\":{\"count\":2,\"scheduling\":"
					   "{\"vcpuAffinity\":[\"1\",\"0\"]}}");
	fixture_do(f, vm, "Start");
	assert_bound_to(qemu_thread(f, vm, "CPU 0/TCG"), one);
	assert_bound_to(qemu_thread(f, vm, "CPU 1/TCG"), 0);
	/* The first one loops: nobody but the guest uses this thread. */
	while (vcpu_number(f, vm, 0, "used") < INT64_C(50000000))
		g_thread_yield();
	g_assert_cmpint(vcpu_number(f, vm, 0, "cpu"), ==, (gint64)one);
	g_assert_cmpint(vcpu_number(f, vm, 0, "ready"), >=, 0);
	g_assert_cmpint(vcpu_number(f, vm, 1, "used"), >, 0);
	fixture_do(f, vm, "Stop");
}

/* A qcow2 image; FALSE: the test is skipped. */
static gboolean image_make(const char *path)
{
	g_autofree char *image = g_find_program_in_path("qemu-img");
	g_autofree char *server = g_find_program_in_path("qemu-nbd");

	if (!image || !server) {
		g_test_skip("qemu-img or qemu-nbd is not installed");
		return FALSE;
	}
	RUN("qemu-img", "create", "-q", "-f", "qcow2", path, "1M");
	return TRUE;
}

/* An image that is not raw comes by the socket of its server, behind a limit. */
static void test_served(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *disk = g_build_filename(f->dir, "disk.qcow2", NULL);
	g_autofree char *members =
		g_strdup_printf(TRANSLATE ",\"disks\":[{\"path\":\"%s\",\"format\":\"qcow2\","
					  "\"iops\":100,\"serial\":\"q1\"}]",
				disk);

	if (!image_make(disk))
		return;
	g_autofree char *vm = fixture_define_with(f, "served", "loop", members);
	fixture_do(f, vm, "Start");
	/* By the same name as with the engine direct. */
	HVCTL_EXPECT(0, "\"disk.0.reads\": ", "stats", "served", "-o", "json");
	fixture_do(f, vm, "Reset");
	fixture_do(f, vm, "Stop");
	wait_unlocked(disk);
}

/* The qemu-nbd of all VMs' one served disk; 0: none. */
static guint64 server_pid(const struct fixture *f)
{
	guint64 keeper = child_of((guint64)f->pid, "vmms-nbd");

	return keeper ? child_of(keeper, "qemu-nbd") : 0;
}

static void wait_events(struct fixture *f, const char *event, guint n)
{
	gint64 end = g_get_monotonic_time() + WAIT_US;

	while (fixture_events_count(f, event) < n) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(20000);
	}
}

/* A server that dies is noticed, told of, and followed by another, to which QEMU connects: a save
 * has QEMU flush the disk. */
static void test_server_killed(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *disk = g_build_filename(f->dir, "killed.qcow2", NULL);
	g_autofree char *members = g_strdup_printf(
		TRANSLATE ",\"disks\":[{\"path\":\"%s\",\"format\":\"qcow2\"}]", disk);
	g_autofree char *name = g_strdup_printf("disk %s (0:0): ", disk);
	g_autofree char *lost =
		g_strconcat(name, "its server ended; another is being started", NULL);
	g_autofree char *again =
		g_strconcat(name, "what its guest had written and not flushed may be lost", NULL);

	if (!image_make(disk))
		return;
	g_autofree char *vm = fixture_define_with(f, "bereft", "loop", members);
	fixture_do(f, vm, "Start");
	g_assert_cmpint(try_lock(disk), ==, EAGAIN);
	for (guint i = 1; i <= 2; i++) {
		guint64 server = server_pid(f);

		g_assert_cmpuint(server, !=, 0);
		g_assert_cmpint(kill((pid_t)server, SIGKILL), ==, 0);
		wait_events(f, "served-again", i);
		g_assert_cmpuint(fixture_events_count(f, "server-lost"), ==, i);
		g_assert_cmpint(try_lock(disk), ==, EAGAIN);
		g_assert_cmpuint(server_pid(f), !=, server);
		fixture_do(f, vm, "Save");
		fixture_wait_state(f, vm, "saved");
		fixture_do(f, vm, "Start");
	}
	HVCTL_EXPECT(0, lost, "events", "bereft", "--last", "20", "--no-follow");
	HVCTL_EXPECT(0, again, "events", "bereft", "--last", "20", "--no-follow");
	fixture_do(f, vm, "Stop");
	wait_unlocked(disk);
}

/* Nobody can serve it for a while. */
static void test_server_missing(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *disk = g_build_filename(f->dir, "gone.qcow2", NULL);
	g_autofree char *away = g_strconcat(disk, ".away", NULL);
	g_autofree char *members =
		g_strdup_printf(TRANSLATE ",\"disks\":[{\"path\":\"%s\",\"format\":\"qcow2\","
					  "\"onError\":\"pause\"}]",
				disk);
	g_autofree char *waits = g_strdup_printf(
		"VM gone: disk %s waits for its server, and what the guest asked of it", disk);
	guint before = fixture_events_count(f, "served-again");

	if (!image_make(disk))
		return;
	g_autofree char *vm = fixture_define_with(f, "gone", "loop", members);
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Pause");
	g_assert_cmpint(g_rename(disk, away), ==, 0);
	g_assert_cmpint(kill((pid_t)server_pid(f), SIGKILL), ==, 0);
	wait_unlocked(away);
	HVCTL_EXPECT(4, waits, "save", "gone");
	HVCTL_EXPECT(4, "has no server, and would pause the VM again;", "resume", "gone");
	g_assert_cmpuint(fixture_events_count(f, "served-again"), ==, before);
	g_assert_cmpint(g_rename(away, disk), ==, 0);
	wait_events(f, "served-again", before + 1); /* it asks again */
	fixture_do(f, vm, "Resume");
	fixture_do(f, vm, "Save");
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Stop");
	wait_unlocked(disk);
}

static void test_adopted(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "adopted", "loop", TRANSLATE);

	fixture_do(f, vm, "Start");
	(void)fixture_end(f, SIGKILL);
	fixture_start(f);
	fixture_wait_state(f, vm, "running");
	g_autofree char *engine = fixture_get(f, vm, "Engine");
	g_assert_cmpstr(engine, ==, "translate");
	fixture_do(f, vm, "Pause");
	fixture_do(f, vm, "Stop");
}

/* Whatever this machine is: what it says that auto takes is what a VM gets. */
static void test_auto(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define(f, "auto", "loop");

	fixture_do(f, vm, "Start");
	g_autofree char *engine = fixture_get(f, vm, "Engine");
	g_autofree char *text =
		g_strdup_printf("\"engine\": \"%s\",\n    \"reason\": \"chosen by auto", engine);
	fixture_hvctl(f, 0, text, "host -o json");
	fixture_do(f, vm, "Stop");
}

/* QEMU's own speed, measured here. */
static void test_speed(gconstpointer unused)
{
	g_autofree char *answer = translator_answer("--measure");

	(void)unused;
	g_assert_nonnull(strstr(answer, "\"kernel\":"));
	g_assert_nonnull(strstr(answer, "\"user\":"));
}

static void test_refused(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);

	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Define", "InvalidDefinition",
			     "$.nics[0].type: the engine translate has adapters of the types", "s",
			     "{\"version\":1,\"name\":\"x\",\"engine\":\"translate\","
			     "\"nics\":[{\"type\":\"private\",\"network\":\"n\"}]}");
	fixture_hvctl(f, 2, "$.nics[0].type: the engine translate has adapters of the types",
		      "create x --engine translate --nic type=private,network=n");
	g_autofree char *device = g_build_filename(f->dir, "device", NULL);
	g_autofree char *disk = g_strdup_printf("path=%s", device);
	if (mknod(device, S_IFBLK | 0600, makedev(7, 0)) < 0)
		return; /* only root can; unit tests have more of it */
	HVCTL_EXPECT(2, "$.disks[0].path: the engine translate takes no block device as a raw disk",
		     "create", "x", "--engine", "translate", "--disk", disk);
	HVCTL_EXPECT(0, "", "create", "x", "--disk", disk);
	HVCTL_EXPECT(2, "is one; give an image file, or set the engine to direct", "edit", "x",
		     "--engine", "translate");
	HVCTL_EXPECT(0, "", "delete", "x");
}

/* ---- when QEMU fails ------------------------------------------------------------------------- */

static void test_killed(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "killed", "loop", TRANSLATE);

	fixture_do(f, vm, "Start");
	int pidfd = qemu_pidfd(f, vm);
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGKILL, NULL, 0), ==, 0);
	close(pidfd);
	fixture_wait_state(f, vm, "crashed");
	assert_reason(f, vm, "QEMU ended");
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Stop");
}

/* Nobody waits for what is left of a QEMU that ended before it was there. */
static void test_start_fails(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *initrd = g_build_filename(f->dir, "initrd", NULL);
	g_autofree char *json = g_strdup_printf(
		"{\"version\":1,\"name\":\"large\",\"memory\":{\"size\":\"32M\"}" TRANSLATE
		",\"boot\":{\"kernel\":\"%s\",\"initrd\":\"%s\"}}",
		f->kernel, initrd);
	int fd = open(initrd, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	gint64 start = g_get_monotonic_time();
	sd_bus_message *reply = NULL;
	const char *vm;

	g_assert_cmpint(ftruncate(fd, 64 << 20), ==, 0);
	close(fd);
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					   "Define", NULL, &reply, "s", json),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "o", &vm), >=, 0);
	g_autofree char *job = fixture_run(f, vm, "Start");
	const struct outcome *outcome = fixture_wait(f, job);
	g_assert_cmpstr(outcome->error, !=, "");
	g_assert_nonnull(strstr(outcome->message, "initrd is too large"));
	g_assert_cmpint(g_get_monotonic_time() - start, <, 30 * G_USEC_PER_SEC);
	sd_bus_message_unref(reply);
}

/* It does not answer, and still can be turned off. */
static void test_hung(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "hung", "loop", TRANSLATE);

	fixture_do(f, vm, "Start");
	int pidfd = qemu_pidfd(f, vm);
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGSTOP, NULL, 0), ==, 0);
	g_autofree char *job = fixture_run(f, vm, "Pause");
	g_assert_cmpstr(fixture_wait(f, job)->error, ==, VMMS_ERROR_PREFIX "TimedOut");
	fixture_do(f, vm, "Stop");
	assert_ends(pidfd);
}

/* It answers too late: the verb has failed, and the guest goes on as if it had not been asked. */
static void test_late(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "late", "echo", TRANSLATE);

	fixture_do(f, vm, "Start");
	int pidfd = qemu_pidfd(f, vm);
	int console = console_open(f, vm);
	console_expect(console, "tiny guest up\n");
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGSTOP, NULL, 0), ==, 0);
	fixture_hvctl(f, 6, "VM late: QEMU did not answer within 4 s", "pause late");
	assert_state(f, vm, "running");
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGCONT, NULL, 0), ==, 0);
	g_assert_cmpint(write(console, "a", 1), ==, 1);
	console_expect(console, "a");
	fixture_hvctl(f, 0, "", "pause late");
	assert_state(f, vm, "paused");
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGSTOP, NULL, 0), ==, 0);
	fixture_hvctl(f, 6, "VM late: QEMU did not answer within 4 s", "resume late");
	assert_state(f, vm, "paused");
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGCONT, NULL, 0), ==, 0);
	fixture_hvctl(f, 0, "", "resume late");
	g_assert_cmpint(write(console, "b", 1), ==, 1);
	console_expect(console, "b");
	close(console);
	fixture_do(f, vm, "Stop");
	assert_ends(pidfd);
}

/* Nobody asks it for anything, and it is found out. */
static void test_silent(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "silent", "loop", TRANSLATE);

	fixture_do(f, vm, "Start");
	int pidfd = qemu_pidfd(f, vm);
	g_assert_cmpint(pidfd_send_signal(pidfd, SIGSTOP, NULL, 0), ==, 0);
	fixture_wait_state(f, vm, "crashed");
	assert_reason(f, vm, "QEMU does not answer any more");
	assert_ends(pidfd);
}

static void test_worker_killed(gconstpointer data)
{
	struct fixture *f = FIXTURE(data);
	g_autofree char *vm = fixture_define_with(f, "orphan", "loop", TRANSLATE);

	fixture_do(f, vm, "Start");
	int pidfd = qemu_pidfd(f, vm);
	g_assert_cmpint(kill((pid_t)fixture_worker_pid(f, vm), SIGKILL), ==, 0);
	fixture_wait_state(f, vm, "crashed");
	assert_ends(pidfd);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*run)(gconstpointer data);
	} tests[] = {
		{"/vmmsd/translate/console", test_console},
		{"/vmmsd/translate/scrollback", test_scrollback},
		{"/vmmsd/translate/panic", test_panic},
		{"/vmmsd/translate/reboot-stop", test_reboot_stop},
		{"/vmmsd/translate/verbs", test_verbs},
		{"/vmmsd/translate/processors", test_processors},
		{"/vmmsd/translate/served", test_served},
		{"/vmmsd/translate/server-killed", test_server_killed},
		{"/vmmsd/translate/server-missing", test_server_missing},
		{"/vmmsd/translate/adopted", test_adopted},
		{"/vmmsd/translate/refused", test_refused},
		{"/vmmsd/translate/auto", test_auto},
		{"/vmmsd/translate/speed", test_speed},
		{"/vmmsd/translate/killed", test_killed},
		{"/vmmsd/translate/start-fails", test_start_fails},
		{"/vmmsd/translate/hung", test_hung},
		{"/vmmsd/translate/late", test_late},
		{"/vmmsd/translate/silent", test_silent},
		{"/vmmsd/translate/worker-killed", test_worker_killed},
	};
	g_autofree char *probe = translator_answer("--probe");
	struct fixture *f;
	int r;

	g_test_init(&argc, &argv, NULL);
	if (!probe || !strstr(probe, "\"usable\":true")) {
		g_test_message("QEMU or libvirt's driver for it is not installed");
		return 77;
	}
	f = fixture_new_real();
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add_data_func(tests[i].path, f, tests[i].run);
	r = g_test_run();
	fixture_free(f);
	return r;
}
