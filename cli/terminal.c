// SPDX-License-Identifier: LGPL-2.1-or-later
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

/* What the crash handler needs; written before the handlers are installed, then only read. */
static struct {
	int fd;
	struct termios saved;
} terminal = {.fd = -1};

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

void terminal_restore(void)
{
	sigset_t block, saved;

	if (terminal.fd < 0)
		return;
	/* From the background the kernel would stop us for touching the terminal. */
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	sigprocmask(SIG_BLOCK, &block, &saved);
	tcsetattr(terminal.fd, TCSANOW, &terminal.saved);
	sigprocmask(SIG_SETMASK, &saved, NULL);
}

/* SA_RESETHAND: the signal then ends the process as it would have. */
static void on_crash(int signal)
{
	int saved_errno = errno;

	terminal_restore();
	errno = saved_errno;
	raise(signal);
}

int terminal_open(int fd)
{
	struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

	if (tcgetattr(fd, &terminal.saved) < 0)
		return -errno;
	terminal.fd = fd;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
	return 0;
}

/* SIGTTOU has its default: a process in the background stops here until it is brought to the
 * foreground, then the call is made again. */
static int terminal_set(const struct termios *settings)
{
	while (tcsetattr(terminal.fd, TCSANOW, settings) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int terminal_raw(void)
{
	struct termios raw = terminal.saved;

	cfmakeraw(&raw);
	return terminal_set(&raw);
}

int terminal_keys(void)
{
	struct termios keys = terminal.saved;

	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	/* Both would leave the shell with a terminal like this. */
	keys.c_cc[VSUSP] = keys.c_cc[VQUIT] = _POSIX_VDISABLE;
	return terminal_set(&keys);
}
