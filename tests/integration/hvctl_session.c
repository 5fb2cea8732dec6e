// SPDX-License-Identifier: LGPL-2.1-or-later
#include "hvctl_session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void session_open(struct session *s)
{
	g_assert_cmpint(openpty(&s->master, &s->slave, NULL, NULL, NULL), ==, 0);
	fcntl(s->master, F_SETFD, FD_CLOEXEC);
	fcntl(s->slave, F_SETFD, FD_CLOEXEC);
	g_assert_cmpint(tcgetattr(s->slave, &s->before), ==, 0);
	s->seen = g_string_new(NULL);
}

void session_close(struct session *s)
{
	close(s->master);
	close(s->slave);
	g_string_free(s->seen, TRUE);
}

void session_run(struct session *s, char *const *argv)
{
	s->pid = fork();
	g_assert_cmpint(s->pid, >=, 0);
	if (s->pid > 0)
		return;
	if (setsid() < 0 || ioctl(s->slave, TIOCSCTTY, 0) < 0)
		_exit(99);
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(s->slave, fd) < 0)
			_exit(98);
	}
	execv(argv[0], argv);
	_exit(97);
}

void session_await(struct session *s, const char *text)
{
	while (!strstr(s->seen->str, text)) {
		struct pollfd fd = {.fd = s->master, .events = POLLIN};
		char part[512];
		if (poll(&fd, 1, DEADLINE_MS) != 1)
			g_error("'%s' did not come; seen: %s", text, s->seen->str);
		ssize_t n = read(s->master, part, sizeof(part));
		g_assert_cmpint(n, >, 0);
		g_string_append_len(s->seen, part, n);
	}
}

void session_type(struct session *s, const char *keys)
{
	g_assert_cmpint(write(s->master, keys, strlen(keys)), ==, (gssize)strlen(keys));
}

void session_assert_restored(struct session *s)
{
	struct termios now;

	g_assert_cmpint(tcgetattr(s->slave, &now), ==, 0);
	g_assert_cmpuint(now.c_lflag, ==, s->before.c_lflag);
	g_assert_cmpuint(now.c_iflag, ==, s->before.c_iflag);
	g_assert_cmpuint(now.c_oflag, ==, s->before.c_oflag);
}
