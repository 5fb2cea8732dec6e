/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ctrl-C while waiting: the signals come through a file descriptor that the library also polls. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <signal.h>

#include "cli.h"

struct interrupt {
	int fd; /* readable when a signal came; -1: could not be set up, signals end the process */
	sigset_t saved;
};

/* SIGINT, SIGTERM and SIGHUP come through interrupt->fd until interrupt_end(). */
void interrupt_begin(struct interrupt *interrupt, hvctl *h);
void interrupt_end(struct interrupt *interrupt, hvctl *h);
/* The signal that came, or 0. */
int interrupt_take(struct interrupt *interrupt);

#endif
