/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker answers to wrong, early, late and hostile callers. */
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmms1.h"
#include "worker_fixture.h"

/* Start fails with that name and a message with that part, and the worker leaves. */
static void start_expect_error(const char *definition, int kernel_fd, const char *name,
			       const char *part)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	sd_bus_error error = SD_BUS_ERROR_NULL;

	if (kernel_fd >= 0) {
		close(worker->kernel_fd);
		worker->kernel_fd = kernel_fd;
	}
	g_assert_cmpint(worker_call_start(worker, definition, &error), <, 0);
	g_assert_cmpstr(error.name, ==, name);
	assert_contains(error.message, part);
	sd_bus_error_free(&error);
	int status = worker_wait(worker);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 1);
	worker_reap(worker);
}

static void test_bad_definition(void)
{
	static const struct {
		const char *members, *part;
	} cases[] = {
		{",\"cpus\":{\"count\":0}", "$.cpus.count"},
		{",\"cpus\":{\"count\":241}", "$.cpus.count"},
		{",\"cpus\":{\"count\":\"1\"}", "$.cpus.count"},
		{",\"cpus\":[]", "$.cpus"},
		{",\"turbo\":true", "$.turbo"},
		{",\"onReboot\":\"maybe\"", "$.onReboot"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = worker_definition("", cases[i].members);
		start_expect_error(text, -1, "org.vmms1.Error.InvalidDefinition", cases[i].part);
	}
	g_autofree char *engine = worker_definition("", ",\"engine\":\"translate\"");
	start_expect_error(engine, -1, "org.vmms1.Error.NotSupported", "$.engine");
}

static void test_hostile_json(void)
{
	g_autofree char *deep = g_strnfill(100000, '[');
	g_autofree char *big = g_strnfill(VMMS_MAX_MESSAGE + 1, ' ');

	start_expect_error("", -1, "org.vmms1.Error.InvalidDefinition", "not a JSON document");
	start_expect_error("{\"version\":1,", -1, "org.vmms1.Error.InvalidDefinition", "JSON");
	start_expect_error(deep, -1, "org.vmms1.Error.InvalidDefinition", "JSON");
	start_expect_error(big, -1, "org.vmms1.Error.InvalidDefinition", "bytes");
	start_expect_error("null", -1, "org.vmms1.Error.InvalidDefinition", "$");
}

static int memory_file(const void *data, size_t size)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, data, size), ==, (ssize_t)size);
	return fd;
}

static void test_bad_kernel(void)
{
	g_autofree char *text = worker_definition("", "");
	g_autofree char *noise = g_strnfill(65536, 'x');

	start_expect_error(text, memory_file(noise, 65536), "org.vmms1.Error.InvalidImage",
			   "/boot/tiny");
	start_expect_error(text, memory_file("", 0), "org.vmms1.Error.InvalidImage", "/boot/tiny");
}

static void test_bad_files(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autofree char *text = worker_definition("", "");
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int pipe_fds[2];

	/* A message that cannot be decoded or names odd files does not use up the worker. */
	g_assert_cmpint(pipe(pipe_fds), ==, 0);
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Start", &error, NULL, "sa(sh)", text, 1, "kernel",
					   pipe_fds[0]),
			<, 0);
	g_assert_cmpstr(error.name, ==, "org.vmms1.Error.InvalidArgument");
	assert_contains(error.message, "regular file");
	sd_bus_error_free(&error);
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Start", &error, NULL, "sa(sh)", text, 1, "disk",
					   worker->kernel_fd),
			<, 0);
	assert_contains(error.message, "\"disk\"");
	sd_bus_error_free(&error);
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Start", &error, NULL, "sa(sh)", text, 2, "kernel",
					   worker->kernel_fd, "kernel", worker->kernel_fd),
			<, 0);
	assert_contains(error.message, "twice");
	sd_bus_error_free(&error);
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Start", &error, NULL, "sa(sh)", text, 1, "vsock",
					   worker->kernel_fd),
			<, 0);
	assert_contains(error.message, "no socket that listens");
	sd_bus_error_free(&error);
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "idle");

	/* Without a result file there would be no telling how the machine ended. */
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Start", &error, NULL, "sa(sh)", text, 1, "kernel",
					   worker->kernel_fd),
			<, 0);
	assert_contains(error.message, "\"result\"");
	sd_bus_error_free(&error);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	worker_reap(worker);
}

static void test_wrong_state(void)
{
	static const char *const methods[] = {"Pause",	     "Resume", "Reset",
					      "PowerButton", "Reboot", "Hibernate"};
	struct worker_process *worker = worker_spawn(true, NULL);
	sd_bus_error error = SD_BUS_ERROR_NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
		g_assert_cmpint(worker_call(worker->bus, methods[i], &error), <, 0);
		g_assert_cmpstr(error.name, ==, "org.vmms1.Error.WrongState");
		sd_bus_error_free(&error);
	}
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "OpenConsole", &error, NULL, "uu", 0u, 0u),
			<, 0);
	g_assert_cmpstr(error.name, ==, "org.vmms1.Error.WrongState");
	sd_bus_error_free(&error);
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Type", &error, NULL, "sb", "x", 0),
			<, 0);
	g_assert_cmpstr(error.name, ==, "org.vmms1.Error.WrongState");
	sd_bus_error_free(&error);
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "SetPair", &error, NULL, "ss", "k", "v"),
			<, 0);
	g_assert_cmpstr(error.name, ==, "org.vmms1.Error.WrongState");
	sd_bus_error_free(&error);
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "Copy", &error, NULL, "hsb", worker->kernel_fd, "/x", 0),
			<, 0);
	g_assert_cmpstr(error.name, ==, "org.vmms1.Error.WrongState");
	sd_bus_error_free(&error);
	g_assert_cmpuint(worker_counter(worker, "exits.io"), ==, 0);

	/* Stop ends an idle worker. */
	g_assert_cmpint(worker_call(worker->bus, "Stop", NULL), >=, 0);
	int status = worker_wait(worker);
	g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	worker_reap(worker);
}

static void test_never_started(void)
{
	static const char *const options[] = {"--start-timeout", "100", NULL};
	struct worker_process *worker = worker_spawn(true, options);

	int status = worker_wait(worker);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 1);
	worker_reap(worker);
}

/* Unit mode: the worker makes the socket, over a stale one, for its user only. */
static void test_own_socket(void)
{
	struct worker_process *worker = worker_spawn(false, NULL);
	g_autofree char *path = g_build_filename(worker->dir, "control", NULL);
	struct stat st;

	g_assert_nonnull(worker->bus);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "idle");
	g_autofree char *uuid = NULL;
	g_assert_cmpint(sd_bus_get_property_string(worker->bus, NULL, VMMS_WORKER_PATH,
						   VMMS_IFACE_WORKER, "Uuid", NULL, &uuid),
			>=, 0);
	g_assert_cmpstr(uuid, ==, WORKER_UUID);
	worker_reap(worker);
}

/* A connection beyond the fourth is closed; one that says nonsense costs its own place only. */
static void test_connections(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	sd_bus *more[3];

	for (size_t i = 0; i < G_N_ELEMENTS(more); i++) {
		more[i] = worker_connect(worker);
		g_autofree char *state = worker_state_property(more[i]);
		g_assert_cmpstr(state, ==, "idle");
	}
	sd_bus *fifth = worker_connect(worker);
	g_assert_cmpint(worker_call(fifth, "Pause", NULL), <, 0);
	g_assert_false(fifth && sd_bus_is_ready(fifth) > 0);
	sd_bus_close_unref(fifth);
	for (size_t i = 0; i < G_N_ELEMENTS(more); i++)
		sd_bus_flush_close_unref(more[i]);

	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", worker->dir);
	for (int i = 0; i < 20; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char answer;
		g_assert_cmpint(connect(fd, (const struct sockaddr *)&address, sizeof(address)), ==,
				0);
		/* It may be closed at once, while the worker has not seen the others go. */
		(void)!send(fd, "\0GET / HTTP/1.0\r\n\r\n", 19, MSG_NOSIGNAL);
		(void)shutdown(fd, SHUT_WR);
		while (read(fd, &answer, 1) > 0)
			; /* until the worker closes */
		close(fd);
	}
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "idle");
	sd_bus *again = worker_connect(worker);
	g_assert_nonnull(again);
	g_autofree char *second = worker_state_property(again);
	g_assert_cmpstr(second, ==, "idle");
	sd_bus_flush_close_unref(again);
	worker_reap(worker);
}

static void command_expect(const char *const *arguments, int code, const char *out, const char *err)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *stdout_text = NULL, *stderr_text = NULL;
	int status = 0;

	g_ptr_array_add(argv, (gpointer)g_getenv("VMMS_WORKER"));
	for (; *arguments; arguments++)
		g_ptr_array_add(argv, (gpointer)*arguments);
	g_ptr_array_add(argv, NULL);
	g_assert_true(g_spawn_sync(NULL, (char **)argv->pdata, NULL, 0, NULL, NULL, &stdout_text,
				   &stderr_text, &status, NULL));
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, code);
	assert_contains(stdout_text, out);
	assert_contains(stderr_text, err);
}

static void test_command_line(void)
{
	command_expect((const char *const[]){"--help", NULL}, 0, "Usage: vmworker", "");
	command_expect((const char *const[]){"--version", NULL}, 0, "vmworker ", "");
	command_expect((const char *const[]){"--probe", NULL}, 0, "\"virtualization\":\"", "");
	command_expect((const char *const[]){"--probe", NULL}, 0, "\"capabilities\":{", "");
	command_expect((const char *const[]){NULL}, 2, "", "--uuid is missing");
	command_expect((const char *const[]){"--uuid", "x", NULL}, 2, "", "--uuid is not");
	command_expect((const char *const[]){"--frob", NULL}, 2, "", "\"--frob\"");
	command_expect((const char *const[]){"--uuid", WORKER_UUID, "--name", "a", "--runtime-dir",
					     "/nonexistent/dir", NULL},
		       1, "", "runtime directory /nonexistent/dir");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/protocol/bad-definition", test_bad_definition);
	g_test_add_func("/worker/protocol/hostile-json", test_hostile_json);
	if (access("/dev/kvm", R_OK | W_OK) == 0)
		g_test_add_func("/worker/protocol/bad-kernel", test_bad_kernel);
	g_test_add_func("/worker/protocol/bad-files", test_bad_files);
	g_test_add_func("/worker/protocol/wrong-state", test_wrong_state);
	g_test_add_func("/worker/protocol/never-started", test_never_started);
	g_test_add_func("/worker/protocol/own-socket", test_own_socket);
	g_test_add_func("/worker/protocol/connections", test_connections);
	g_test_add_func("/worker/protocol/command-line", test_command_line);
	return g_test_run();
}
