/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One line to standard error, with the priority prefix of sd-daemon(3) that journald reads. The
 * unit's name, or vmmsd's log, says which VM it was. Only from the main thread, and never in answer
 * to what the guest does often.
 */
#ifndef LOG_H
#define LOG_H

#include <glib.h>
#include <systemd/sd-daemon.h>

/* priority: SD_ERR, SD_WARNING, SD_NOTICE, SD_INFO, SD_DEBUG (a string literal). */
void log_line(const char *priority, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
