/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scroll-back of a VM without a worker, read from its ring file (schemas/console_ring.h). */
#ifndef CONSOLE_LOG_H
#define CONSOLE_LOG_H

#include "service.h"

#define CONSOLE_LOG_READERS_MAX 64u /* that are being fed at once */

/*
 * The reading end of a stream that gives the scroll-back and then ends: a descriptor of the
 * caller's, or -1 and WRONG_STATE (no output was kept) or FAILED (the file is damaged, with why).
 * A reader is never waited for; one that takes nothing for a minute is dropped.
 */
int console_log_open(struct service *service, const struct vm *vm, uint32_t port, GError **error);

/* Drops every reader. */
void console_log_close_all(struct service *service);

#endif
