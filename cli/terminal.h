/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The terminal in raw mode, and back, whatever happens. One per process: the crash handlers have
 * nowhere else to find it.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

/* Remembers the settings of `fd` and installs the handlers for crashes. -errno on failure. */
int terminal_open(int fd);
/* Raw: every key goes through. Waits (stopped) while the process is in the background. */
int terminal_raw(void);
/* Keys come one by one and unseen; output and Ctrl-C are as ever. Waits like terminal_raw(). */
int terminal_keys(void);
/* As it was at terminal_open(). May be called at any time, also twice. */
void terminal_restore(void);

#endif
