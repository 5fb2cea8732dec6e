/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image belongs to one writer or to any number of readers. The lock is on the open file
 * description (F_OFD_SETLK), so it goes along with a descriptor that is passed to another process,
 * ends with the last copy of it, and taking it again through such a copy is no conflict. It covers
 * the whole file, so that it also meets the byte locks of QEMU's.
 */
#ifndef DISK_LOCK_H
#define DISK_LOCK_H

#include <glib.h>
#include <stdbool.h>

/* fd: open for writing unless read_only. name: the disk's, for the message. */
bool disk_lock(int fd, bool read_only, const char *name, GError **error);

#endif
