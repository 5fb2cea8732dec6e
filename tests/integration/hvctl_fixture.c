// SPDX-License-Identifier: LGPL-2.1-or-later
#include "hvctl_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t spawn(char *const *argv, int in, int out, int err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, err, 2);
	posix_spawnattr_init(&attributes);
	sigfillset(&all);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	int r = posix_spawn(&pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (r != 0)
		g_error("cannot run %s: %s", argv[0], g_strerror(r));
	return pid;
}

int wait_bounded(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), status;
	struct pollfd fd = {.fd = pidfd, .events = POLLIN};

	g_assert_cmpint(pidfd, >=, 0);
	if (poll(&fd, 1, DEADLINE_MS) != 1) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		g_error("process %d did not end in time", (int)pid);
	}
	close(pidfd);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void service_start(struct service *service, int vms)
{
	g_autofree char *count = g_strdup_printf("%d", vms);
	int in[2], out[2];
	char line[8];

	service->directory = g_dir_make_tmp("hvctl-XXXXXX", NULL);
	g_assert_nonnull(service->directory);
	g_assert_cmpint(pipe2(in, O_CLOEXEC), ==, 0);
	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	char *argv[] = {FAKE_SERVICE, service->directory, count, NULL};
	service->pid = spawn(argv, in[0], out[1], STDERR_FILENO);
	close(in[0]);
	close(out[1]);
	service->keep = in[1];
	struct pollfd fd = {.fd = out[0], .events = POLLIN};
	g_assert_cmpint(poll(&fd, 1, DEADLINE_MS), ==, 1);
	g_assert_cmpint(read(out[0], line, sizeof(line)), ==, 6); /* "ready\n" */
	close(out[0]);
}

void service_signal(struct service *service, int signal)
{
	g_assert_cmpint(kill(service->pid, signal), ==, 0);
	wait_bounded(service->pid);
	service->pid = 0;
}

void service_stop(struct service *service)
{
	g_autofree char *socket = g_build_filename(service->directory, "bus", NULL);

	close(service->keep);
	if (service->pid)
		g_assert_cmpint(wait_bounded(service->pid), ==, 0);
	g_unlink(socket);
	g_assert_cmpint(g_rmdir(service->directory), ==, 0);
	g_free(service->directory);
}

static char *slurp(int fd)
{
	GString *text = g_string_new(NULL);
	char part[4096];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, part, sizeof(part))) > 0)
		g_string_append_len(text, part, n);
	close(fd);
	return g_string_free(text, FALSE);
}

struct result hvctl_argv(const struct service *service, const char *input, char *const *args)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	struct result result;

	g_ptr_array_add(argv, (char *)HVCTL);
	if (service) {
		g_ptr_array_add(argv, (char *)"--connect");
		g_ptr_array_add(argv, service->directory);
	}
	for (; *args; args++)
		g_ptr_array_add(argv, *args);
	g_ptr_array_add(argv, NULL);
	/* Files, not pipes: nobody can block. */
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	int err = memfd_create("err", MFD_CLOEXEC);
	if (input)
		g_assert_cmpint(write(in, input, strlen(input)), ==, (gssize)strlen(input));
	lseek(in, 0, SEEK_SET);
	pid_t pid = spawn((char *const *)argv->pdata, in, out, err);
	result.status = wait_bounded(pid);
	close(in);
	result.out = slurp(out);
	result.err = slurp(err);
	return result;
}

struct result hvctl(const struct service *service, const char *arg, ...)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	va_list ap;

	va_start(ap, arg);
	while (arg) {
		g_ptr_array_add(argv, (char *)arg);
		arg = va_arg(ap, const char *); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	}
	va_end(ap);
	g_ptr_array_add(argv, NULL);
	return hvctl_argv(service, NULL, (char *const *)argv->pdata);
}

void result_clear(struct result *result)
{
	g_free(result->out);
	g_free(result->err);
}

void check_result(struct result *result, int code, const char *text, const char *file, int line)
{
	const char *where = code == 0 ? result->out : result->err;
	gboolean ok = result->status == code && strstr(where, text) != NULL;

	if (ok && code == 0)
		ok = result->err[0] == '\0';
	/* A failure is one sentence, prefixed; nothing on it moves a terminal's cursor. */
	if (ok && code != 0)
		ok = g_str_has_prefix(result->err, "hvctl: ") &&
		     g_str_has_suffix(result->err, "\n");
	if (!ok)
		g_error("%s:%d: expected exit code %d and '%s'; got %d\nout: %s\nerr: %s", file,
			line, code, text, result->status, result->out, result->err);
	result_clear(result);
}
