/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt has no words for, and is said to QEMU itself: adapters on open descriptors, served
 * images, and a sign of life. */
#ifndef EMULATOR_MONITOR_H
#define EMULATOR_MONITOR_H

#include <libvirt/libvirt.h>

#include "engine_devices.h"

#include <glib.h>

/* Why the last call of libvirt's failed on this thread, in one line: QEMU's own words have several.
 * NULL: it does not say. g_free. */
char *emulator_monitor_why(void);

/* A command in QEMU's words, with a descriptor (-1: none); its answer, if that is wanted, by
 * free(). WORKER_ERROR, as of all that follow. */
gboolean emulator_monitor_command(virDomainPtr domain, const char *json, int fd, char **ret_answer,
				  GError **error);

/* While no processor runs, so that the guest's firmware finds them. Of the disks only those that
 * are not raw: place is where the sockets of their servers are. */
gboolean emulator_monitor_add_disks(virDomainPtr domain, const struct engine_devices *devices,
				    const char *place, GError **error);
gboolean emulator_monitor_add_nics(virDomainPtr domain, const struct engine_devices *devices,
				   GError **error);

#define EMULATOR_MONITOR_DISK_ID 32 /* bytes, with the zero */
/* QEMU's name of the device of a disk with that index: libvirt's for those that are raw. */
void emulator_monitor_disk_id(const struct engine_disk *disk, size_t index,
			      char ret[EMULATOR_MONITOR_DISK_ID]);

/* The index of the disk of which QEMU's event BLOCK_IO_ERROR tells, with its details in JSON, when
 * that was added here and has stopped the machine; *ret_why is a word or two, g_free. */
gboolean emulator_monitor_read_stop(const char *details, size_t *ret_index, char **ret_why);

gboolean emulator_monitor_ping(virDomainPtr domain, GError **error);

#endif
