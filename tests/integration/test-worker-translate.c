/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine translate saves a guest and takes it up again: its worker, libvirt's embedded driver,
 * QEMU and the tiny guest, which counts in its memory. Skipped where QEMU is not installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "saved_head.h"
#include "temporary_directory.h"
#include "vmms1.h"
#include "worker_fixture.h"

#define BUSY_US UINT64_C(60000000) /* the first start of all asks QEMU what it can do */

/* What lasts from one worker to the next. */
struct machine {
	temporary_directory_t *dir; /* what libvirt learns of QEMU, and images */
	int ring_fd, state_fd;
	uint64_t timeout_us; /* of a call */
	struct worker_process *worker;
	const char *members;
	void (*add_files)(sd_bus_message *message, void *machine);
	GString *seen; /* of the console */
	int console;
	pid_t server; /* of the image; 0: none */
	int life;     /* the server's end of what tells of it; -1: none */
};

static struct machine *machine_new(const char *members)
{
	struct machine *m = g_new0(struct machine, 1);

	m->dir = temporary_directory_new();
	m->ring_fd = memfd_create("ring", MFD_CLOEXEC);
	m->state_fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	m->timeout_us = BUSY_US;
	m->members = members;
	m->console = m->life = -1;
	m->seen = g_string_new(NULL);
	return m;
}

static void machine_end(struct machine *m)
{
	if (m->console >= 0)
		close(m->console);
	m->console = -1;
	if (m->worker)
		worker_reap(m->worker);
	m->worker = NULL;
	if (m->server > 0) {
		(void)kill(m->server, SIGTERM);
		g_assert_cmpint(waitpid(m->server, NULL, 0), ==, m->server);
	}
	m->server = 0;
	if (m->life >= 0)
		close(m->life);
	m->life = -1;
}

static void machine_free(struct machine *m)
{
	machine_end(m);
	close(m->ring_fd);
	close(m->state_fd);
	g_string_free(m->seen, TRUE);
	temporary_directory_free(m->dir);
	g_free(m);
}

static int machine_call_start(struct machine *m, gboolean from_state, sd_bus_error *error)
{
	const char *cache = g_getenv("VMMS_TEST_CACHE");
	const char *extra[] = {"--cache-dir", cache, NULL};
	g_autofree char *definition = worker_definition("answer", m->members);

	machine_end(m);
	m->worker = worker_spawn(true, extra);
	(void)sd_bus_set_method_call_timeout(m->worker->bus, m->timeout_us);
	m->worker->ring_fd = m->ring_fd;
	m->worker->state_fd = from_state ? m->state_fd : -1;
	m->worker->add_files = m->add_files;
	m->worker->context = m;
	return worker_call_start(m->worker, definition, error);
}

/* The console has its scroll-back, and the text in it. */
static void machine_start(struct machine *m, gboolean from_state, const char *text)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	if (machine_call_start(m, from_state, &error) < 0)
		g_error("Start: %s: %s", error.name, error.message);
	g_string_truncate(m->seen, 0);
	m->console = worker_open_console(m->worker);
	if (!worker_expect(m->console, text, m->seen))
		g_error("\"%s\" did not come, but \"%s\"", text, m->seen->str);
}

/* The guest counts on. */
static void machine_type(struct machine *m, const char *text)
{
	g_assert_cmpint(write(m->console, "x", 1), ==, 1);
	if (!worker_expect(m->console, text, m->seen))
		g_error("\"%s\" did not come, but \"%s\"", text, m->seen->str);
}

static int machine_save(struct machine *m, sd_bus_error *error)
{
	return sd_bus_call_method(m->worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER, "Save",
				  error, NULL, "h", m->state_fd);
}

static void machine_saved(struct machine *m)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	g_assert_cmpint(ftruncate(m->state_fd, 0), ==, 0);
	if (machine_save(m, &error) < 0)
		g_error("Save: %s: %s", error.name, error.message);
	g_autofree char *result = worker_wait_result(m->worker);
	assert_contains(result, "\"state\":\"saved\"");
	assert_contains(result, "\"how\":\"save\"");
}

static void machine_refused(struct machine *m, const char *name, const char *text)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	g_assert_cmpint(machine_call_start(m, TRUE, &error), <, 0);
	g_assert_cmpstr(error.name, ==, name);
	assert_contains(error.message, "VM tiny: ");
	assert_contains(error.message, text);
	g_assert_null(strchr(error.message, '\n'));
	g_test_message("%s", error.message);
	sd_bus_error_free(&error);
	g_assert_cmpint(WEXITSTATUS(worker_wait(m->worker)), ==, EXIT_FAILURE);
}

static pid_t machine_qemu(const struct machine *m)
{
	g_autofree char *path =
		g_build_filename(m->worker->dir, VMMS_TRANSLATE_DIR, "run/qemu/vm.pid", NULL);
	g_autofree char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

static void machine_lacks(const struct machine *m, const char *method, const char *remedy)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	g_assert_cmpint(worker_call(m->worker->bus, method, &error), <, 0);
	g_assert_cmpstr(error.name, ==, VMMS_ERROR_PREFIX "NotSupported");
	assert_contains(error.message, "the engine translate cannot ask the guest");
	assert_contains(error.message, remedy);
	sd_bus_error_free(&error);
}

/* ---- saved and taken up ---------------------------------------------------------------------- */

static void test_goes_on(void)
{
	struct machine *m = machine_new("");

	machine_start(m, FALSE, "tiny guest up\n");
	machine_type(m, "up\na");
	machine_type(m, "up\nab");
	machine_saved(m);
	/* What it wrote before is there as well, once. */
	machine_start(m, TRUE, "tiny guest up\nab");
	machine_type(m, "up\nabc");
	g_assert_cmpint(worker_call(m->worker->bus, "Pause", NULL), >=, 0);
	machine_saved(m);
	machine_start(m, TRUE, "up\nabc");
	machine_type(m, "up\nabcd");
	g_assert_cmpstr(m->seen->str, ==, "tiny guest up\nabcd");
	machine_lacks(m, "Reboot", "use hvctl reset");
	machine_lacks(m, "Hibernate", "use hvctl save instead");
	/* A reset is a new start, not another return to what was saved. */
	g_assert_cmpint(worker_call(m->worker->bus, "Reset", NULL), >=, 0);
	g_assert_true(worker_expect(m->console, "abcdtiny guest up\n", m->seen));
	machine_type(m, "abcdtiny guest up\na");
	g_assert_cmpint(worker_call(m->worker->bus, "Stop", NULL), >=, 0);
	g_autofree char *result = worker_wait_result(m->worker);
	assert_contains(result, "\"state\":\"off\"");
	machine_free(m);
}

/* A program of that name stands before all others of it while the machine starts. */
static int machine_start_with(struct machine *m, const char *program, const char *script,
			      sd_bus_error *error)
{
	g_autofree char *file = g_build_filename(m->dir, program, NULL);
	g_autofree char *before = g_strdup(g_getenv("PATH"));
	g_autofree char *path = g_strdup_printf("%s:%s", m->dir, before);

	g_assert_true(
		g_file_set_contents_full(file, script, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
	(void)g_setenv("PATH", path, TRUE);
	int r = machine_call_start(m, FALSE, error);
	(void)g_setenv("PATH", before, TRUE);
	return r;
}

/* However many are installed, only the QEMU that is used is asked what it can do. */
static void test_one_probe(void)
{
	struct machine *m = machine_new("");
	g_autofree char *asked = g_build_filename(m->dir, "qemu-system-aarch64.asked", NULL);

	g_assert_cmpint(
		machine_start_with(m, "qemu-system-aarch64", "#!/bin/sh\n: >\"$0.asked\"\n", NULL),
		>=, 0);
	g_assert_false(g_file_test(asked, G_FILE_TEST_EXISTS));
	machine_free(m);
}

static void ends_at_start(const char *script, const char *text)
{
	struct machine *m = machine_new("");
	sd_bus_error error = SD_BUS_ERROR_NULL;

	g_assert_cmpint(machine_start_with(m, "qemu-system-x86_64", script, &error), <, 0);
	assert_contains(error.message, "VM tiny: QEMU ");
	assert_contains(error.message, text);
	g_assert_null(strchr(error.message, '\n'));
	g_test_message("%s", error.message);
	sd_bus_error_free(&error);
	g_assert_cmpint(WEXITSTATUS(worker_wait(m->worker)), ==, EXIT_FAILURE);
	machine_free(m);
}

/* When it is asked what it can do. One that ends as the machine itself: vmmsd_translate_test.c. */
static void test_ends_at_start(void)
{
	ends_at_start("#!/bin/sh\necho one >&2\necho two >&2\nexit 1\n", "for probing: one two");
}

/* A worker that is killed meanwhile leaves nothing behind. */
static void test_hangs_at_start(void)
{
	struct machine *m = machine_new("");
	g_autofree char *note = g_build_filename(m->dir, "qemu-system-x86_64.pid", NULL);
	g_autofree char *text = NULL;
	gint64 deadline = g_get_monotonic_time() + (gint64)BUSY_US;

	m->timeout_us = 1; /* nobody waits for the answer */
	g_assert_cmpint(machine_start_with(m, "qemu-system-x86_64",
					   "#!/bin/sh\ncase \"$*\" in *guest=*)\n"
					   "echo $$ >\"$0.new\"; mv \"$0.new\" \"$0.pid\"\n"
					   "kill -STOP $$;; esac\n"
					   "exec /usr/bin/qemu-system-x86_64 \"$@\"\n",
					   NULL),
			==, -ETIMEDOUT);
	while (!g_file_get_contents(note, &text, NULL, NULL)) {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_usleep(1000);
	}
	int pidfd = pidfd_open((pid_t)g_ascii_strtoll(text, NULL, 10), 0);
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	g_assert_cmpint(pidfd, >=, 0);
	g_assert_cmpint(kill(m->worker->pid, SIGKILL), ==, 0);
	g_assert_cmpint(poll(&end, 1, (int)(BUSY_US / 1000)), ==, 1);
	close(pidfd);
	machine_free(m);
}

/* ---- with devices -----------------------------------------------------------------------------
 */

/* A qemu-nbd whose socket has the name of the second disk; a connection that nobody uses. */
static int image_serve(struct machine *m, const char *image)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/" VMMS_DISK_SOCKET,
		   m->worker->dir, 0u, 0u);
	g_assert_cmpint(bind(listener, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(listener, 1), ==, 0);
	m->server = fork();
	if (m->server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails aborts */
		g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
		(void)g_setenv("LISTEN_FDS", "1", TRUE);
		(void)g_setenv("LISTEN_PID", pid, TRUE);
		if (listener == 3)
			(void)fcntl(3, F_SETFD, 0);
		else
			(void)dup2(listener, 3);
		(void)execlp("qemu-nbd", "qemu-nbd", "--persistent", "--format=qcow2", image, NULL);
		_exit(127);
	}
	g_assert_cmpint(connect(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
	close(listener);
	(void)shutdown(fd, SHUT_RDWR);
	return fd;
}

static void add_devices(sd_bus_message *message, void *machine)
{
	struct machine *m = machine;
	g_autofree char *raw = g_build_filename(m->dir, "raw", NULL);
	g_autofree char *image = g_build_filename(m->dir, "image", NULL);
	int fd = open(raw, O_RDWR | O_CLOEXEC), served = image_serve(m, image), life[2], net[2];

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life), ==, 0);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, net), ==, 0);
	worker_add_file(message, VMMS_FILE_DISK "0", fd);
	worker_add_file(message, VMMS_FILE_DISK "1", served);
	worker_add_file(message, VMMS_FILE_DISK "1" VMMS_FILE_DISK_LIFE, life[0]);
	worker_add_file(message, VMMS_FILE_NIC "0.0", net[0]);
	const int fds[] = {fd, served, life[0], net[0], net[1]};
	m->life = life[1];
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
}

/* libvirt does not know of the second disk and of the adapters. */
static void test_devices(void)
{
	struct machine *m = machine_new(
		",\"cpus\":{\"count\":2},\"disks\":[{\"path\":\"/raw\",\"lun\":5},"
		"{\"path\":\"/image\",\"format\":\"qcow2\",\"lun\":0,\"iops\":100,\"serial\":\"q1\"}],"
		"\"nics\":[{\"type\":\"user\",\"mac\":\"02:00:00:00:00:01\"},{\"type\":\"none\",\"mac\":\"02:00:00:00:00:02\"}]");
	g_autofree char *raw = g_build_filename(m->dir, "raw", NULL);
	g_autofree char *image = g_build_filename(m->dir, "image", NULL);
	g_autofree char *server = g_find_program_in_path("qemu-nbd");
	char *make[] = {(char *)"qemu-img", (char *)"create",
			(char *)"-q",	    (char *)"-f",
			(char *)"qcow2",    image,
			(char *)"1M",	    NULL};

	if (!server || !g_spawn_sync(NULL, make, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
				     NULL, NULL)) {
		g_test_skip("qemu-img or qemu-nbd is not installed");
		machine_free(m);
		return;
	}
	int fd = open(raw, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
	close(fd);
	m->add_files = add_devices;
	machine_start(m, FALSE, "tiny guest up\n");
	machine_type(m, "up\na");
	machine_saved(m);
	machine_start(m, TRUE, "up\na");
	machine_type(m, "up\nab");
	machine_saved(m);
	machine_start(m, TRUE, "up\nab");
	machine_type(m, "up\nabc");
	machine_free(m);
}

/* ---- what was saved is not right ---------------------------------------------------------------
 */

#define INVALID VMMS_ERROR_PREFIX "InvalidImage"

static void flip(int fd, off_t at)
{
	uint8_t byte;

	g_assert_cmpint(pread(fd, &byte, 1, at), ==, 1);
	byte ^= 1;
	g_assert_cmpint(pwrite(fd, &byte, 1, at), ==, 1);
}

static void test_broken(void)
{
	struct machine *m = machine_new("");
	struct saved_head head;
	struct stat st;
	uint8_t uuid[16];

	machine_refused(m, INVALID, "was not saved by the engine translate");
	machine_start(m, FALSE, "tiny guest up\n");
	machine_type(m, "up\na");
	machine_saved(m);
	g_assert_cmpint(fstat(m->state_fd, &st), ==, 0);
	/* Somewhere in it. */
	flip(m->state_fd, st.st_size / 2);
	machine_refused(m, INVALID, "the file is damaged");
	flip(m->state_fd, st.st_size / 2);
	/* And with a right sum: QEMU looks for the end of its description. */
	for (size_t i = 0; i < sizeof(uuid); i++)
		uuid[i] = (uint8_t)(15 - i); /* WORKER_UUID */
	g_assert_true(saved_head_read(m->state_fd, uuid, &head, NULL));
	flip(m->state_fd, SAVED_HEAD_SIZE);
	g_assert_true(saved_head_write(m->state_fd, &head, NULL));
	machine_refused(m, INVALID, "QEMU refuses it (");
	flip(m->state_fd, SAVED_HEAD_SIZE);
	g_assert_true(saved_head_write(m->state_fd, &head, NULL));
	/* Nobody writes to it. */
	machine_start(m, TRUE, "tiny guest up\na");
	machine_type(m, "up\nab");
	g_assert_cmpint(ftruncate(m->state_fd, st.st_size - 1), ==, 0);
	machine_refused(m, INVALID, "the file was cut short or has grown");
	machine_free(m);
}

/* ---- saving fails ------------------------------------------------------------------------------
 */

static void machine_not_saved(struct machine *m, const char *name)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	g_assert_cmpint(machine_save(m, &error), <, 0);
	g_assert_cmpstr(error.name, ==, name);
	assert_contains(error.message, "VM tiny: ");
	g_assert_null(strchr(error.message, '\n'));
	g_test_message("%s", error.message);
	sd_bus_error_free(&error);
}

static void machine_crashes(struct machine *m)
{
	char line[1024] = "";

	g_assert_cmpint(WEXITSTATUS(worker_wait(m->worker)), ==, EXIT_FAILURE);
	g_assert_cmpint(pread(m->worker->result_fd, line, sizeof(line) - 1, 0), >, 0);
	assert_contains(line, "\"state\":\"crashed\"");
}

/* The machine is as it was. */
static void test_no_room(void)
{
	struct machine *m = machine_new("");

	machine_start(m, FALSE, "tiny guest up\n");
	machine_type(m, "up\na");
	/* Nor when whoever asked wants it no more. */
	g_assert_cmpint(fchmod(m->state_fd, 0), ==, 0);
	machine_not_saved(m, VMMS_ERROR_PREFIX "Canceled");
	machine_type(m, "up\nab");
	close(m->state_fd);
	m->state_fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	g_assert_cmpint(fcntl(m->state_fd, F_ADD_SEALS, F_SEAL_GROW), ==, 0);
	machine_not_saved(m, VMMS_ERROR_PREFIX "Failed");
	machine_type(m, "up\nabc");
	close(m->state_fd);
	m->state_fd = memfd_create("state", MFD_CLOEXEC);
	machine_saved(m);
	machine_start(m, TRUE, "tiny guest up\nabc");
	machine_type(m, "up\nabcd");
	machine_free(m);
}

static void test_killed(void)
{
	struct machine *m = machine_new("");

	machine_start(m, FALSE, "tiny guest up\n");
	g_assert_cmpint(worker_call(m->worker->bus, "Pause", NULL), >=, 0);
	g_assert_cmpint(kill(machine_qemu(m), SIGKILL), ==, 0);
	machine_not_saved(m, VMMS_ERROR_PREFIX "Failed");
	machine_crashes(m);
	machine_refused(m, INVALID, "or not to its end");
	machine_free(m);
}

static void test_hangs(void)
{
	struct machine *m = machine_new("");

	machine_start(m, FALSE, "tiny guest up\n");
	g_assert_cmpint(worker_call(m->worker->bus, "Pause", NULL), >=, 0);
	g_assert_cmpint(kill(machine_qemu(m), SIGSTOP), ==, 0);
	machine_not_saved(m, VMMS_ERROR_PREFIX "TimedOut");
	machine_crashes(m);
	machine_free(m);
}

int main(int argc, char **argv)
{
	g_autoptr(temporary_directory_t) cache = NULL;
	char *probe[] = {(char *)g_getenv("VMMS_WORKER"), (char *)"--probe", NULL};
	g_autofree char *answer = NULL;

	g_test_init(&argc, &argv, NULL);
	(void)g_spawn_sync(NULL, probe, NULL, G_SPAWN_DEFAULT, NULL, NULL, &answer, NULL, NULL,
			   NULL);
	if (!answer || !strstr(answer, "\"usable\":true")) {
		g_test_message("QEMU or libvirt's driver for it is not installed");
		return 77;
	}
	cache = temporary_directory_new();
	(void)g_setenv("VMMS_TEST_CACHE", cache, TRUE);
	g_test_add_func("/worker/translate/goes-on", test_goes_on);
	g_test_add_func("/worker/translate/one-probe", test_one_probe);
	g_test_add_func("/worker/translate/ends-at-start", test_ends_at_start);
	g_test_add_func("/worker/translate/hangs-at-start", test_hangs_at_start);
	g_test_add_func("/worker/translate/devices", test_devices);
	g_test_add_func("/worker/translate/broken", test_broken);
	g_test_add_func("/worker/translate/no-room", test_no_room);
	g_test_add_func("/worker/translate/killed", test_killed);
	g_test_add_func("/worker/translate/hangs", test_hangs);
	return g_test_run();
}
