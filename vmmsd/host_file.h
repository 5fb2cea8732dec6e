/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small reads from sysfs and procfs. */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include <glib.h>
#include <stdint.h>

/* root/path without its last newline, or NULL when it cannot be read; g_free. */
G_GNUC_PRINTF(2, 3) char *host_file_read(const char *root, const char *format, ...);

/* The number in such a file, or -1. */
G_GNUC_PRINTF(2, 3) int64_t host_file_read_number(const char *root, const char *format, ...);

/* "MemAvailable: 17 kB" -> bytes; FALSE when there is no such line. */
gboolean host_file_find_kb(const char *text, const char *key, uint64_t *ret_bytes);

#endif
