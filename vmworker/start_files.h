/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The already open files that come with Start, by tag (vmms1.h, VMMS_FILE_*). */
#ifndef START_FILES_H
#define START_FILES_H

#include <glib.h>

#include "device_files.h"

enum start_file {
	START_FILE_KERNEL,
	START_FILE_PAYLOAD,
	START_FILE_INITRD,
	START_FILE_CONSOLE0,
	START_FILE_CONSOLE1,
	START_FILE_RESULT,
	START_FILE_VSOCK,
	START_FILE_STATE,
	START_FILE_N
};

struct start_files {
	int fd[START_FILE_N]; /* owned; -1: not given */
	struct device_files devices;
};

void start_files_init(struct start_files *files);
void start_files_close(struct start_files *files); /* twice is fine */

/* Duplicates fd. WORKER_ERROR INVALID_ARGUMENT: unknown tag, given twice, not such a file (of a
 * device: device_files_lend looks at it). */
gboolean start_files_add(struct start_files *files, const char *tag, int fd, GError **error);

/* Whether those that every VM needs are there; makes console rings in memory for those that are
 * not, which live as long as the worker. */
gboolean start_files_complete(struct start_files *files, GError **error);

#endif
