/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scrollback in a mapped file. */
#ifndef SCROLLBACK_FILE_H
#define SCROLLBACK_FILE_H

#include <glib.h>

#include "scrollback.h"

struct scrollback_file {
	struct scrollback scrollback;
	void *memory;
	size_t length;
};

/*
 * Maps the file that fd refers to (read-write; not kept). A valid ring of that size is kept,
 * anything else becomes an empty one. The file's blocks are allocated, so that a full file system
 * is an error here and not a SIGBUS later.
 */
gboolean scrollback_file_map(struct scrollback_file *file, int fd, uint64_t size, GError **error);
void scrollback_file_unmap(struct scrollback_file *file); /* zeroed is fine */

#endif
