// SPDX-License-Identifier: LGPL-2.1-or-later
#include "interrupt.h"

#include <sys/signalfd.h>
#include <unistd.h>

void interrupt_begin(struct interrupt *interrupt, hvctl *h)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	interrupt->fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (interrupt->fd < 0)
		return;
	sigprocmask(SIG_BLOCK, &mask, &interrupt->saved);
	hvctl_set_interrupt_fd(h, interrupt->fd);
}

void interrupt_end(struct interrupt *interrupt, hvctl *h)
{
	if (interrupt->fd < 0)
		return;
	hvctl_set_interrupt_fd(h, -1);
	close(interrupt->fd);
	interrupt->fd = -1;
	sigprocmask(SIG_SETMASK, &interrupt->saved, NULL);
}

int interrupt_take(struct interrupt *interrupt)
{
	struct signalfd_siginfo info;

	if (interrupt->fd < 0 || read(interrupt->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}
