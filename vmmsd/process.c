/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cleanup.h"

#define LISTEN_BACKLOG 16

/* What the child needs, made before fork: between fork and execve nothing is allocated. */
struct child_plan {
	const struct process_spec *spec;
	char **env;
	char *listen_pid; /* inside env: "LISTEN_PID=" with room for the number */
	int error_pipe;
};

#define LISTEN_PID_TEXT "LISTEN_PID="
#define LISTEN_PID_SIZE (sizeof(LISTEN_PID_TEXT) + 12)

static char **plan_environment(const struct process_spec *spec, char **ret_listen_pid)
{
	g_auto(GStrv) env = g_get_environ();
	static const char *const not_for_children[] = {
		"NOTIFY_SOCKET", "WATCHDOG_USEC",  "WATCHDOG_PID",  "LISTEN_FDS",
		"LISTEN_PID",	 "LISTEN_FDNAMES", "INVOCATION_ID", "JOURNAL_STREAM",
	};
	guint size;

	for (size_t i = 0; i < G_N_ELEMENTS(not_for_children); i++)
		env = g_environ_unsetenv(env, not_for_children[i]);
	*ret_listen_pid = NULL;
	if (spec->listen) {
		env = g_environ_setenv(env, "LISTEN_FDS", "1", TRUE);
		size = g_strv_length(env);
		env = g_renew(char *, env, size + 2);
		env[size] = g_malloc0(LISTEN_PID_SIZE);
		memcpy(env[size], LISTEN_PID_TEXT, sizeof(LISTEN_PID_TEXT));
		*ret_listen_pid = env[size];
		env[size + 1] = NULL;
	}
	return g_steal_pointer(&env);
}

static void child_put_pid(char *variable)
{
	char digits[12];
	size_t n = 0;
	char *at = variable + sizeof(LISTEN_PID_TEXT) - 1;

	for (pid_t pid = getpid(); pid > 0 && n < sizeof(digits); pid /= 10)
		digits[n++] = (char)('0' + pid % 10);
	while (n > 0)
		*at++ = digits[--n];
	*at = '\0';
}

/* Two steps, since a source may have the number that is another's target. */
static int child_place_fds(const struct process_spec *spec, int *error_pipe)
{
	int high[PROCESS_FDS_MAX];

	for (int i = 0; i < spec->n_fds; i++) {
		high[i] = fcntl(spec->fds[i], F_DUPFD, PROCESS_FDS_MAX + 1);
		if (high[i] < 0)
			return -errno;
	}
	*error_pipe = fcntl(*error_pipe, F_DUPFD_CLOEXEC, PROCESS_FDS_MAX + 1);
	if (*error_pipe < 0)
		return -errno;
	for (int i = 0; i < spec->n_fds; i++)
		if (dup2(high[i], i) < 0)
			return -errno;
	/* The pipe closes itself on exec; the rest of the table does too, by this flag. */
	if (close_range((unsigned)spec->n_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static void child_reset_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < _NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_run(const struct child_plan *plan)
{
	int error_pipe = plan->error_pipe;
	int r;

	child_reset_signals();
	r = child_place_fds(plan->spec, &error_pipe);
	if (r == 0 && plan->spec->new_session && setsid() < 0)
		r = -errno;
	if (r == 0 && plan->listen_pid) {
		child_put_pid(plan->listen_pid);
		/* Listening again makes this process the one that SO_PEERCRED names to whoever
		 * connects, which is how a later vmmsd learns the pid of its worker. */
		if (listen(3, LISTEN_BACKLOG) < 0)
			r = -errno;
	}
	if (r == 0) {
		execve(plan->spec->argv[0], (char *const *)plan->spec->argv, plan->env);
		r = -errno;
	}
	(void)!write(error_pipe, &r, sizeof(r));
	_exit(127);
}

/* 0 when execve succeeded (the pipe closed without a word), else what went wrong. */
static int child_wait_exec(int read_fd)
{
	ssize_t size;
	int r;

	do {
		size = read(read_fd, &r, sizeof(r));
	} while (size < 0 && errno == EINTR);
	if (size < 0)
		return -errno;
	return size == (ssize_t)sizeof(r) ? r : 0;
}

int process_spawn(const struct process_spec *spec, pid_t *ret_pid)
{
	struct child_plan plan = {.spec = spec};
	g_auto(GStrv) env = plan_environment(spec, &plan.listen_pid);
	autofd int pidfd = -1, read_end = -1, write_end = -1;
	int pipe_fds[2], r;
	pid_t pid;

	g_assert(spec->n_fds >= 3 && spec->n_fds <= PROCESS_FDS_MAX);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	read_end = pipe_fds[0];
	write_end = pipe_fds[1];
	plan.env = env;
	plan.error_pipe = write_end;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_run(&plan);
	fd_closep(&write_end);
	/* The child is ours and not reaped: its pid cannot have been given to another. */
	pidfd = pidfd_open(pid, 0);
	r = pidfd < 0 ? -errno : child_wait_exec(read_end);
	if (r < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	return fd_steal(&pidfd);
}

int process_reap(int pidfd)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return INT_MIN;
	return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

static int on_ended(sd_event_source *source, int pidfd, uint32_t events, void *userdata)
{
	(void)events;
	(void)userdata;
	(void)process_reap(pidfd);
	(void)sd_event_source_set_floating(source, 0); /* the loop's was the last reference */
	return 0;
}

void process_reap_later(sd_event *event, int pidfd)
{
	sd_event_source *source = NULL;

	if (sd_event_add_io(event, &source, pidfd, EPOLLIN, on_ended, NULL) < 0) {
		fd_close(pidfd);
		return;
	}
	(void)sd_event_source_set_io_fd_own(source, 1);
	(void)sd_event_source_set_floating(source, 1); /* the loop has a reference of its own */
	sd_event_source_unref(source);
}

char *process_describe_end(int status)
{
	if (status == INT_MIN)
		return g_strdup("ended");
	if (status < 0)
		return g_strdup_printf("was killed by signal %d (%s)", -status, strsignal(-status));
	return g_strdup_printf("exited with status %d", status);
}
