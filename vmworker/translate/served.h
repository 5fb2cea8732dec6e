/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The servers of disks' images, as they come and go. QEMU connects to each by name, and again by
 * itself when another has taken the name over: requests wait for that as long as SERVED_AWAIT_S.
 * Here is who keeps the servers alive, and notices when one is gone. Main thread.
 */
#ifndef SERVED_H
#define SERVED_H

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "engine_devices.h"

#define SERVED_AWAIT_S 20u /* then requests fail, and the disk's onError decides */

struct served;

/* A server is gone: told at once, again and again until served_take. */
typedef void served_lost(void *context, uint32_t controller, uint32_t lun);

/* Duplicates what it needs. WORKER_ERROR. */
struct served *served_new(sd_event *event, const struct engine_devices *devices, served_lost *lost,
			  void *context, GError **error);
void served_free(struct served *served); /* NULL is fine */

/* Whether the disk at that place has another server than before, or should: it is served here. */
gboolean served_has(const struct served *served, const struct engine_disk *disk);
/* Another server of that disk has come. INVALID_ARGUMENT. */
gboolean served_take(struct served *served, const struct engine_disk *disk, GError **error);

/* The path of a disk whose server is gone, or NULL. */
const char *served_missing(const struct served *served);
/*
 * Of a machine that an error of a disk has paused, and that would be paused by it again: BUSY
 * while QEMU has not found another server. The server is asked for at once, then.
 */
gboolean served_may_resume(struct served *served, GError **error);

#endif
