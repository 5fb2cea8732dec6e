/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A SCSI controller on VMBus: up to 64 disks and DVD drives, LUNs 0 to 63 of target 0 on bus 0.
 * Everything below is for the main thread; what it does on the controller's I/O thread it waits
 * for.
 */
#ifndef STORVSP_H
#define STORVSP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "block.h"
#include "vmbus.h"

#define STORVSP_LUNS		 64u
#define STORVSP_MAX_TRANSFER	 (512u << 10) /* bytes of one request */
#define STORVSP_MAX_SUB_CHANNELS 63u

struct storvsp;

struct storvsp_config {
	const char *name; /* "storvsp0"; copied */
	struct vmbus *bus;
	struct io_thread *thread; /* that of its blocks; borrowed */
	struct vmbus_guid instance_id;
	uint16_t max_sub_channels; /* one fewer than the guest has VPs serves best */
	unsigned int max_requests; /* in flight at once; 0: 256. Others wait in the ring. */
};

enum storvsp_kind { STORVSP_DISK, STORVSP_DVD };

struct storvsp_disk {
	enum storvsp_kind kind;
	struct block *block; /* borrowed until it is removed; DVD: NULL when there is no disc */
	const char *serial;  /* up to 36 printable characters; NULL: made from id */
	uint8_t id[16];	     /* unlike every other disk's, and for ever the same */
};

struct storvsp_stats {
	uint64_t requests;  /* SRBs */
	uint64_t failed;    /* with a CHECK CONDITION or worse */
	uint64_t malformed; /* lying lengths, unknown operations, wrong sizes */
	uint64_t stalls;    /* the guest had to wait for a free request */
	bool ready;	    /* a driver is there */
	uint16_t version;   /* of the protocol; 0 before it is agreed on */
};

struct storvsp *storvsp_new(const struct storvsp_config *config, GError **error);
/* Takes the controller and all its disks from the guest. NULL is fine. */
void storvsp_free(struct storvsp *vsp);

/* Adds one, at any time; a guest that runs is told to look. Where another has just been it is shown
 * when the guest has missed that. */
bool storvsp_add(struct storvsp *vsp, unsigned int lun, const struct storvsp_disk *disk,
		 GError **error);
/* Removes one, whatever the guest does with it: what is in flight is waited for, what has not
 * started fails as that of a LUN that does not exist, then the block is the caller's alone. */
bool storvsp_remove(struct storvsp *vsp, unsigned int lun, GError **error);
/* DVD: another disc, or NULL for none. The block that was there before is the caller's alone. */
bool storvsp_change_medium(struct storvsp *vsp, unsigned int lun, struct block *block,
			   GError **error);

/* The image may have another size now: looks, and has the guest look. (A guest that asks for the
 * size gets the present one in any case.) */
bool storvsp_refresh(struct storvsp *vsp, unsigned int lun, GError **error);

void storvsp_get_stats(struct storvsp *vsp, struct storvsp_stats *stats);

#endif
