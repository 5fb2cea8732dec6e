/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service's log: the journal with VM_UUID= and VM_NAME= when standard error is the journal,
 * readable lines on standard error otherwise. Control characters of foreign text are replaced.
 */
#ifndef LOG_H
#define LOG_H

#include <glib.h>
#include <syslog.h>

#include "vm.h"

struct log;

/* level: the least urgent priority that is written, LOG_ERR..LOG_DEBUG. */
struct log *log_new(int level);
void log_free(struct log *log); /* NULL is fine */
gboolean log_is_journal(const struct log *log);

void log_service(const struct log *log, int priority, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* vm is named by the log itself: the text need not. */
void log_vm(const struct log *log, int priority, const struct vm *vm, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

/* "error", "warning", "info", "debug". */
gboolean log_level_parse(const char *text, int *ret);

#endif
