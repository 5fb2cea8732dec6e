/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and locking the image of a disk; knows nothing of VMs. */
#ifndef DISK_IMAGE_H
#define DISK_IMAGE_H

#include <glib.h>

#include "definition_devices.h"

/*
 * A descriptor as the worker needs it (VMMS_FILE_DISK), not locked yet; or -1. Refused: what is
 * neither a regular file nor a block device, what is empty or ends within a sector, an image of
 * another format than it is said to be (INVALID_IMAGE). A block device is opened for writing only
 * when the host does not use it. The error is the end of a sentence that begins with the path.
 */
int disk_image_open(const struct definition_disk *disk, GError **error);

/*
 * A descriptor of a regular file that is open for writing, for another size of it, and that size;
 * or -1. Block devices, which have their size from elsewhere, are NOT_SUPPORTED.
 */
int disk_image_open_size(const struct definition_disk *disk, off_t *size, GError **error);

/*
 * Takes the lock that belongs to the open file and all its duplicates: of writers there is one and
 * nobody else, of readers any number. 0, -EAGAIN when another has it, or -errno. QEMU's locks on
 * images are of the same kind.
 */
int disk_image_lock(int fd, gboolean read_only);

/* The process that holds a lock in the way, or 0: unknown, as for locks of this kind. */
pid_t disk_image_holder(int fd, gboolean read_only);

#endif
