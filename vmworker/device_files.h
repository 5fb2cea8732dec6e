/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The descriptors of disks and adapters that come with Start: VMMS_FILE_DISK, VMMS_FILE_NIC. */
#ifndef DEVICE_FILES_H
#define DEVICE_FILES_H

#include <glib.h>

#include "vmms1.h"

struct device_list;

struct device_files {
	int disk[VMMS_MAX_DISKS];      /* owned; -1: not given */
	int disk_life[VMMS_MAX_DISKS]; /* only held: the server of a disk ends with it */
	int nic[VMMS_MAX_NICS][VMMS_MAX_NIC_QUEUES];
};

void device_files_init(struct device_files *files);
void device_files_close(struct device_files *files); /* twice is fine */

/* Where a descriptor of that tag belongs ("disk7", "disk7.life", "nic0.3"), or NULL: no such tag.
 */
int *device_files_place(struct device_files *files, const char *tag);

/*
 * Lends the devices of the definition their descriptors, which files go on owning. Each must have
 * what it needs, open for the right access, and none may be left over. INVALID_ARGUMENT.
 */
gboolean device_files_lend(const struct device_files *files, struct device_list *devices,
			   GError **error);

#endif
