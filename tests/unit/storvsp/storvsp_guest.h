/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's storage driver on the fake of VMBus, and the controller that it meets. */
#ifndef STORVSP_GUEST_H
#define STORVSP_GUEST_H

#include "fake_vmbus.h"
#include "memory_block.h"
#include "storvsp.h"
#include "vstor_wire.h"

#define GUEST_TIMEOUT_MS 20000u
#define GUEST_DISK_SIZE	 (1u << 20)

struct storvsp_guest {
	struct vmbus *bus;
	struct io_thread *thread;
	struct storvsp *vsp;
	struct vmbus_device *device;
	struct vmbus_channel *channel; /* the primary one, once connected */
	struct memory_block memory[STORVSP_LUNS];
	uint64_t transaction;
	uint32_t packet_size; /* of the version */
};

struct guest_answer {
	struct vstor_packet packet;
	uint32_t size;
	uint64_t transaction_id;
};

/* requests: the controller's pool, 0 for its default. */
void guest_init(struct storvsp_guest *guest, uint16_t max_sub_channels, unsigned int requests);
void guest_clear(struct storvsp_guest *guest);

/* A disk in memory of GUEST_DISK_SIZE, with discard, 512 byte sectors. */
void guest_add_memory(struct storvsp_guest *guest, unsigned int lun,
		      enum block_error_policy policy);
/* Takes it out and frees the block. */
void guest_remove_memory(struct storvsp_guest *guest, unsigned int lun);
/* Runs on the I/O thread: ends what a memory disk holds. */
void guest_release(struct storvsp_guest *guest, unsigned int lun);

/* Opens the primary channel and initialises it as Linux does. */
void guest_connect(struct storvsp_guest *guest, uint16_t version);
void guest_disconnect(struct storvsp_guest *guest);

/* One control packet and its answer. */
uint32_t guest_control(struct storvsp_guest *guest, struct vmbus_channel *channel,
		       struct vstor_packet *packet);
bool guest_answer(struct vmbus_channel *channel, unsigned int timeout_ms,
		  struct guest_answer *answer);

struct guest_srb {
	uint8_t path, target, lun;
	uint8_t cdb[16], cdb_size;
	uint8_t direction; /* SRB_DATA_* */
	struct iovec iov[4];
	uint32_t n_iov;
	uint32_t length; /* data_transfer_length */
};

void guest_srb_fill(const struct guest_srb *srb, struct vstor_packet *packet);
/* Puts it into the ring without a signal; returns its transaction. */
uint64_t guest_push(struct storvsp_guest *guest, struct vmbus_channel *channel,
		    const struct guest_srb *srb);
/* Executes one on the primary channel. */
struct vstor_srb guest_execute(struct storvsp_guest *guest, const struct guest_srb *srb);

/* READ(10) or WRITE(10) of sectors of 512 bytes. */
struct guest_srb guest_rw(unsigned int lun, bool write, uint32_t lba, uint16_t blocks,
			  void *buffer);
uint32_t guest_sense(const struct vstor_srb *srb); /* as enum scsi_sense; 0: none */

#endif
