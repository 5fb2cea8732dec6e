/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io_thread.h without a thread and without waiting: everything runs in the test's, and time passes
 * when the test says so. Put fake_io.c into the test program, so that it stands in for `io`.
 */
#ifndef FAKE_IO_H
#define FAKE_IO_H

#include "io_thread.h"

/* Runs what was posted, timers that are due and watches that are ready, until there is nothing. */
void fake_io_settle(struct io_thread *thread);
/* Lets time pass, from timer to timer. */
void fake_io_advance(struct io_thread *thread, uint64_t ns);
uint64_t fake_io_now(const struct io_thread *thread);
/* Timers that are armed. */
unsigned int fake_io_armed(const struct io_thread *thread);

#endif
