// SPDX-License-Identifier: LGPL-2.1-or-later
/* hvctl console on a pseudo-terminal: what it shows, and that the terminal comes back. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hvctl_session.h"

#define ESCAPE "\x1d"

static void setup(struct session *s, const void *data)
{
	(void)data;
	service_start(&s->service, 0);
	expect(&s->service, 0, "", "create", "web1", "flood-1");
	expect(&s->service, 0, "", "start", "web1", "flood-1");
	session_open(s);
}

static void teardown(struct session *s, const void *data)
{
	(void)data;
	session_close(s);
	service_stop(&s->service);
}

static gboolean is_raw(struct session *s)
{
	struct termios now;

	g_assert_cmpint(tcgetattr(s->slave, &now), ==, 0);
	return (now.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

/* Attached: greeted, the scroll-back replayed, keys go through (the fake's console echoes). */
static void attach(struct session *s)
{
	char *argv[] = {HVCTL, "-c", s->service.directory, "console", "web1", NULL};

	session_run(s, argv);
	session_await(s, "[hvctl: attached to web1; Ctrl-] detaches]");
	session_await(s, "boot of web1\r\n");
	session_type(s, "hello\x03\x1a");
	session_await(s, "hello\x03\x1a"); /* Ctrl-C and Ctrl-Z are the guest's */
	g_assert_true(is_raw(s));
}

static void test_detach(struct session *s, const void *data)
{
	(void)data;
	attach(s);
	session_type(s, "x" ESCAPE "y");
	session_await(s, "[hvctl: detached from web1]");
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	session_assert_restored(s);
}

static void test_signals(struct session *s, const void *data)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT};

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
		g_string_truncate(s->seen, 0);
		attach(s);
		kill(s->pid, signals[i]);
		g_assert_cmpint(wait_bounded(s->pid), ==, 128 + signals[i]);
		session_assert_restored(s);
	}
}

static void await_stopped(pid_t pid)
{
	siginfo_t info = {0};
	gint64 end = g_get_monotonic_time() + DEADLINE_US;

	while (info.si_pid == 0 && g_get_monotonic_time() < end) {
		g_assert_cmpint(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG), ==, 0);
		if (info.si_pid == 0)
			g_usleep(1000);
	}
	g_assert_cmpint(info.si_pid, ==, pid);
}

static void test_suspend(struct session *s, const void *data)
{
	(void)data;
	attach(s);
	kill(s->pid, SIGTSTP);
	await_stopped(s->pid);
	session_assert_restored(s);
	kill(s->pid, SIGCONT);
	gint64 end = g_get_monotonic_time() + DEADLINE_US;
	while (!is_raw(s)) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(1000);
	}
	session_type(s, "again\x03");
	session_await(s, "again\x03");
	session_type(s, ESCAPE);
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	session_assert_restored(s);
}

static void test_vm_ends(struct session *s, const void *data)
{
	(void)data;
	attach(s);
	expect(&s->service, 0, "", "stop", "web1");
	session_await(s, "[hvctl: the console of web1 was closed: it is off]");
	g_assert_nonnull(strstr(s->seen->str, "bye"));
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	session_assert_restored(s);
}

static void test_service_killed(struct session *s, const void *data)
{
	(void)data;
	attach(s);
	service_signal(&s->service, SIGKILL);
	session_await(s, "[hvctl: the console of web1 was closed]");
	session_await(s, "hvctl: ");
	g_assert_cmpint(wait_bounded(s->pid), ==, 7);
	session_assert_restored(s);
}

static void test_options(struct session *s, const void *data)
{
	(void)data;
	char *argv[] = {HVCTL,	    "-c", s->service.directory, "console",     "web1",
			"--escape", "^a", "--read-only",	"--no-replay", NULL};
	session_run(s, argv);
	session_await(s, "attached to web1 (read-only); Ctrl-A detaches");
	session_type(s, "secret\x01");
	session_await(s, "detached from web1");
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	g_assert_null(strstr(s->seen->str, "secret"));
	g_assert_null(strstr(s->seen->str, "boot of"));
	session_assert_restored(s);
}

/* Nobody reads the terminal, the guest floods it: the escape key still detaches. */
static void test_flood(struct session *s, const void *data)
{
	(void)data;
	char *argv[] = {HVCTL, "-c", s->service.directory, "console", "flood-1", NULL};
	session_run(s, argv);
	session_await(s, "boot of");
	for (int full = 0; full < 50;) {
		int queued = 0;
		ioctl(s->master, FIONREAD, &queued);
		full = queued > 2048 ? full + 1 : 0; /* stays full: the writer is stuck */
		g_usleep(1000);
	}
	kill(s->pid, SIGTERM);
	int status = wait_bounded(s->pid);
	g_assert_cmpint(status, ==, 128 + SIGTERM);
	session_assert_restored(s);
}

/* No terminal: output only, until the VM ends; nothing is typed into the VM. */
static void test_pipe(struct session *s, const void *data)
{
	char *argv[] = {HVCTL, "-c", s->service.directory, "console", "web1", NULL};
	int in = memfd_create("in", MFD_CLOEXEC), out[2];
	char text[256];

	(void)data;
	g_assert_true(write(in, "typed", 5) == 5);
	lseek(in, 0, SEEK_SET);
	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	pid_t pid = spawn(argv, in, out[1], STDERR_FILENO);
	close(out[1]);
	g_assert_cmpint(read(out[0], text, sizeof(text)), ==, 14); /* the scroll-back */
	expect(&s->service, 0, "", "stop", "web1");
	g_assert_cmpint(wait_bounded(pid), ==, 0);
	ssize_t n = read(out[0], text, sizeof(text) - 1);
	g_assert_cmpint(n, ==, 5);
	g_assert_cmpint(memcmp(text, "bye\r\n", 5), ==, 0);
	close(out[0]);
	close(in);
	expect(&s->service, 0, "boot of web1\r\n", "console", "web1", "--log");
}

/* What a table looks like on a terminal of 60 columns. */
static void test_table(struct session *s, const void *data)
{
	struct winsize size = {.ws_col = 60, .ws_row = 24};

	(void)data;
	expect(&s->service, 0, "", "create", "a-very-long-name-of-a-machine-that-does-not-fit");
	ioctl(s->master, TIOCSWINSZ, &size);
	char *argv[] = {HVCTL, "-c", s->service.directory, "list", NULL};
	session_run(s, argv);
	session_await(s, "web1");
	session_await(s, "\n");
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	g_auto(GStrv) lines = g_strsplit(s->seen->str, "\r\n", -1);
	for (char **line = lines; *line; line++) {
		/* Without the colours of the state. */
		g_autoptr(GRegex) colour = g_regex_new("\033\\[\\d+m", 0, 0, NULL);
		g_autofree char *plain = g_regex_replace(colour, *line, -1, 0, "", 0, NULL);
		g_assert_cmpint(g_utf8_strlen(plain, -1), <=, 60);
	}
	g_assert_nonnull(strstr(s->seen->str, "\xe2\x80\xa6"));
	g_assert_nonnull(strstr(s->seen->str, "\033[32mrunning\033[0m"));
	g_setenv("NO_COLOR", "1", TRUE);
	g_string_truncate(s->seen, 0);
	session_run(s, argv);
	session_await(s, "web1");
	g_unsetenv("NO_COLOR");
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	g_assert_null(strstr(s->seen->str, "\033"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("HVCTL_BUS");
	g_unsetenv("NO_COLOR");
	g_setenv("LC_ALL", "C.UTF-8", TRUE);
	g_setenv("TERM", "xterm", TRUE);
#define ADD(name) \
	g_test_add("/hvctl-console/" #name, struct session, NULL, setup, test_##name, teardown)
	ADD(detach);
	ADD(signals);
	ADD(suspend);
	ADD(vm_ends);
	ADD(service_killed);
	ADD(options);
	ADD(flood);
	ADD(pipe);
	ADD(table);
	return g_test_run();
}
