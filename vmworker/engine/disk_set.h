/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disks of a machine: one ring and one I/O thread for all of them, a block each, and the SCSI
 * controllers that show them to the guest. Blocks live as long as the machine; controllers are made
 * anew for every partition. Main thread.
 */
#ifndef DISK_SET_H
#define DISK_SET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine_devices.h"

struct disk_set;
struct vmbus;

struct disk_set_config {
	const struct engine_disk *disks; /* for the call; their descriptors are duplicated */
	size_t n;
	const char *vm_name;
	uint8_t vm_uuid[16];
	/* An I/O error of a disk whose policy is to pause the VM; once until disk_set_resume. On
	 * the I/O thread. `text` is a sentence without the VM's name. */
	void (*stopped)(void *context, const char *text);
	/* The server of a disk has ended, and another is to come by disk_set_attach; told again
	 * and again. On the I/O thread. */
	void (*server_lost)(void *context, uint32_t controller, uint32_t lun);
	void *context;
};

/* Before the sandbox closes, which allows no io_uring to be made; without disks, too, for those
 * that come while the guest runs. NULL and a WORKER_ERROR. */
struct disk_set *disk_set_new(const struct disk_set_config *config, GError **error);
/* When no controller is offered. NULL is fine. */
void disk_set_free(struct disk_set *set);

/* After the sandbox closed: the thread runs from now on, or from the first disk on. Again does
 * nothing. */
bool disk_set_start(struct disk_set *set, GError **error);

/* The controllers of a guest with that many VPs, on its bus. WORKER_ERROR. */
bool disk_set_offer(struct disk_set *set, struct vmbus *bus, uint32_t vp_count, GError **error);
/* Takes them away again, waiting for what is in flight. Fine when none are offered. */
void disk_set_withdraw(struct disk_set *set);

/*
 * While the machine runs: one comes, goes, or has another size. A guest that is there is told, and
 * the next one is offered what there is then. Its descriptor is duplicated. What is detached is
 * closed when it returns, and what was in flight is over. INVALID_ARGUMENT: the place is taken, or
 * empty. A place whose disk waits for a server is not taken for the same image: that is served
 * again, and may have another size.
 */
bool disk_set_attach(struct disk_set *set, const struct engine_disk *disk, GError **error);
bool disk_set_detach(struct disk_set *set, uint32_t controller, uint32_t lun, GError **error);
/* Leaves the server of a disk, with everything durable; requests wait for the next. */
bool disk_set_suspend(struct disk_set *set, uint32_t controller, uint32_t lun, GError **error);
bool disk_set_refresh(struct disk_set *set, uint32_t controller, uint32_t lun, uint64_t *ret_size,
		      GError **error);

/*
 * Before a guest's state is saved, and once more when its controllers are held: what it asked of a
 * disk that an error has stopped, or whose server has gone, would be lost. WORKER_ERROR.
 */
bool disk_set_may_save(struct disk_set *set, GError **error);

/* What an error has stopped is tried again. */
void disk_set_resume(struct disk_set *set);

void disk_set_statistics(struct disk_set *set,
			 void (*visit)(void *context, const char *name, uint64_t value),
			 void *context);

#endif
