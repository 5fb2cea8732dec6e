/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temporary_directory.h"
#include "vmms1.h"

static void control_address(const struct worker_process *worker, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	g_snprintf(address->sun_path, sizeof(address->sun_path), "%s/control", worker->dir);
}

static int control_listen(const struct worker_process *worker)
{
	struct sockaddr_un address;

	control_address(worker, &address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(fd, 8), ==, 0);
	return fd;
}

/* In the child. */
static G_NORETURN void worker_exec(const struct worker_process *worker, int listen_fd,
				   const char *const *extra)
{
	const char *argv[16] = {g_getenv("VMMS_WORKER"), "--uuid",   WORKER_UUID, "--name", "tiny",
				"--runtime-dir",	 worker->dir};
	size_t n = 7;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails aborts */
	for (; extra && *extra && n < G_N_ELEMENTS(argv) - 1; extra++)
		argv[n++] = *extra;
	if (listen_fd >= 0) {
		g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
		g_setenv("LISTEN_FDS", "1", TRUE);
		g_setenv("LISTEN_PID", pid, TRUE);
		if (listen_fd == 3)
			(void)fcntl(3, F_SETFD, 0);
		else
			(void)dup2(listen_fd, 3);
	}
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

struct worker_process *worker_spawn(bool pass_socket, const char *const *extra)
{
	struct worker_process *worker = g_new0(struct worker_process, 1);

	worker->dir = temporary_directory_new();
	worker->ring_fd = worker->state_fd = -1;
	worker->result_fd = memfd_create("result", MFD_CLOEXEC);
	worker->kernel_fd = open(g_getenv("VMMS_TINY_GUEST"), O_RDONLY | O_CLOEXEC);
	g_assert_cmpint(worker->kernel_fd, >=, 0);
	int listen_fd = pass_socket ? control_listen(worker) : -1;
	worker->pid = fork();
	g_assert_cmpint(worker->pid, >=, 0);
	if (worker->pid == 0)
		worker_exec(worker, listen_fd, extra);
	if (listen_fd >= 0)
		close(listen_fd);
	worker->pidfd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
	g_assert_cmpint(worker->pidfd, >=, 0);
	worker->bus = worker_connect(worker);
	return worker;
}

void worker_reap(struct worker_process *worker)
{
	sd_bus_flush_close_unref(worker->bus);
	if (worker->pid > 0) {
		kill(worker->pid, SIGKILL);
		waitpid(worker->pid, NULL, 0);
	}
	close(worker->pidfd);
	close(worker->result_fd);
	close(worker->kernel_fd);
	temporary_directory_free(worker->dir);
	g_free(worker);
}

/* The socket that a worker makes itself appears some time after it was spawned. */
static int control_connect(const struct worker_process *worker)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WORKER_WAIT_MS * 1000;
	struct sockaddr_un address;

	control_address(worker, &address);
	do {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		close(fd);
		g_usleep(1000);
	} while (g_get_monotonic_time() < deadline);
	return -1;
}

sd_bus *worker_connect(struct worker_process *worker)
{
	sd_bus *bus = NULL;
	int fd = control_connect(worker);

	if (fd < 0)
		return NULL;
	g_assert_cmpint(sd_bus_new(&bus), >=, 0);
	g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
	g_assert_cmpint(sd_bus_negotiate_fds(bus, 1), >=, 0);
	g_assert_cmpint(sd_bus_set_method_call_timeout(bus, (uint64_t)WORKER_WAIT_MS * 1000), >=,
			0);
	if (sd_bus_start(bus) < 0)
		return sd_bus_close_unref(bus);
	return bus;
}

char *worker_definition(const char *cmdline, const char *members)
{
	return g_strdup_printf("{\"version\":1,\"name\":\"tiny\",\"uuid\":\"" WORKER_UUID "\","
			       "\"memory\":{\"size\":\"128M\"},"
			       "\"boot\":{\"kernel\":\"/boot/tiny\",\"cmdline\":\"%s\"}%s}",
			       cmdline, members);
}

void worker_add_file(sd_bus_message *message, const char *tag, int fd)
{
	if (fd >= 0)
		g_assert_cmpint(sd_bus_message_append(message, "(sh)", tag, fd), >=, 0);
}

int worker_call_start(struct worker_process *worker, const char *definition,
		      sd_bus_error *ret_error)
{
	sd_bus_message *message = NULL;

	g_assert_cmpint(sd_bus_message_new_method_call(worker->bus, &message, NULL,
						       VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
						       "Start"),
			>=, 0);
	g_assert_cmpint(sd_bus_message_append(message, "s", definition), >=, 0);
	g_assert_cmpint(sd_bus_message_open_container(message, 'a', "(sh)"), >=, 0);
	worker_add_file(message, VMMS_FILE_KERNEL, worker->kernel_fd);
	worker_add_file(message, VMMS_FILE_RESULT, worker->result_fd);
	worker_add_file(message, VMMS_FILE_CONSOLE0, worker->ring_fd);
	worker_add_file(message, VMMS_FILE_STATE, worker->state_fd);
	if (worker->add_files)
		worker->add_files(message, worker->context);
	g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
	int r = sd_bus_call(worker->bus, message, 0, ret_error, NULL);
	sd_bus_message_unref(message);
	return r;
}

int worker_call(sd_bus *bus, const char *method, sd_bus_error *ret_error)
{
	return sd_bus_call_method(bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER, method, ret_error,
				  NULL, NULL);
}

int worker_call_save(struct worker_process *worker, int fd, sd_bus_error *ret_error)
{
	return sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER, "Save",
				  ret_error, NULL, "h", fd);
}

void worker_start_guest(struct worker_process *worker, const char *cmdline, const char *members)
{
	g_autofree char *definition = worker_definition(cmdline, members);
	sd_bus_error error = SD_BUS_ERROR_NULL;

	if (worker_call_start(worker, definition, &error) < 0)
		g_error("Start: %s: %s", error.name, error.message);
}

char *worker_state_property(sd_bus *bus)
{
	char *text = NULL;

	g_assert_cmpint(sd_bus_get_property_string(bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
						   "State", NULL, &text),
			>=, 0);
	return text;
}

int worker_open_console(struct worker_process *worker)
{
	sd_bus_message *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int fd = -1;

	if (sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
			       "OpenConsole", &error, &reply, "uu", 0u, VMMS_CONSOLE_REPLAY) < 0)
		g_error("OpenConsole: %s: %s", error.name, error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "h", &fd), >, 0);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	g_assert_cmpint(fd, >=, 0);
	sd_bus_message_unref(reply);
	return fd;
}

bool worker_expect(int console_fd, const char *text, GString *seen)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WORKER_WAIT_MS * 1000;

	while (!strstr(seen->str, text)) {
		struct pollfd p = {.fd = console_fd, .events = POLLIN};
		gint64 left = (deadline - g_get_monotonic_time()) / 1000;
		char buffer[512];

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		ssize_t n = read(console_fd, buffer, sizeof(buffer));
		if (n <= 0)
			return false;
		g_string_append_len(seen, buffer, n);
	}
	return true;
}

uint64_t worker_counter(struct worker_process *worker, const char *name)
{
	sd_bus_message *reply = NULL;
	uint64_t found = 0, value;
	const char *key;

	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "GetStatistics", NULL, &reply, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "{st}"), >, 0);
	while (sd_bus_message_read(reply, "{st}", &key, &value) > 0) {
		if (strcmp(key, name) == 0)
			found = value;
	}
	sd_bus_message_unref(reply);
	return found;
}

int worker_wait(struct worker_process *worker)
{
	struct pollfd p = {.fd = worker->pidfd, .events = POLLIN};
	int status = -1;

	if (poll(&p, 1, WORKER_WAIT_MS) != 1)
		g_error("the worker did not exit within %d ms", WORKER_WAIT_MS);
	g_assert_cmpint(waitpid(worker->pid, &status, 0), ==, worker->pid);
	worker->pid = -1;
	return status;
}

char *worker_wait_result(struct worker_process *worker)
{
	char line[1024] = "";

	int status = worker_wait(worker);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		g_error("the worker's wait status is 0x%x", (unsigned int)status);
	ssize_t n = pread(worker->result_fd, line, sizeof(line) - 1, 0);
	g_assert_cmpint(n, >, 0);
	g_assert_cmpint(line[n - 1], ==, '\n');
	return g_strndup(line, (size_t)n);
}
