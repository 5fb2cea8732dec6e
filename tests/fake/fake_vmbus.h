/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMBus without rings: vmbus.h served by this library, so that a VSP is tested without a guest, a
 * partition or guest memory. A test links vmbus_fake instead of vmbus and is the guest by the calls
 * below. They belong to the test's thread; the VSP runs on its io_thread, which these calls wait
 * for, so nothing the VSP did in answer to a call is still under way when the call returned, except
 * what it gave to others (io_uring): fake_channel_wait waits for that.
 *
 * The fake checks the contract as it goes (vmbus_channel_* on the device's thread only, nothing
 * sent after `closed`, sizes) and aborts the test when the VSP breaks it.
 */
#ifndef FAKE_VMBUS_H
#define FAKE_VMBUS_H

#include "vmbus.h"

struct vmbus *fake_vmbus_new(void);
/* Every device must have been rescinded. */
void fake_vmbus_free(struct vmbus *bus);

/* Makes vmbus_offer fail n times. */
void fake_vmbus_fail_offers(struct vmbus *bus, unsigned int n);

/* Runs what was posted to the thread and what its watches found readable until now. */
void fake_vmbus_settle(struct io_thread *thread);

/* ---- offers -------------------------------------------------------------------------------- */

/* The device of that name, NULL when none is offered; the n-th offer, in order. */
struct vmbus_device *fake_vmbus_find(struct vmbus *bus, const char *name);
struct vmbus_device *fake_vmbus_nth(struct vmbus *bus, unsigned int n);
/* Good until the device is rescinded. */
const struct vmbus_device_config *fake_device_config(const struct vmbus_device *device);
/* Sub-channels that the VSP offered so far. */
uint16_t fake_device_sub_channels(const struct vmbus_device *device);

/* A GPADL of the device: the test's memory. The array is copied, the memory is not. */
void fake_device_add_gpadl(struct vmbus_device *device, uint32_t gpadl, const struct iovec *pages,
			   uint32_t n);
/* What the guest may do only when the channel is closed; fails the test otherwise. */
void fake_device_remove_gpadl(struct vmbus_device *device, uint32_t gpadl);

/* Whether the VSP asked for its pages and has not released them. */
bool fake_device_gpadl_is_used(const struct vmbus_device *device, uint32_t gpadl);
/* What it may not, but can: to the VSP the id is none from then on, the memory stays. */
void fake_device_tear_gpadl(struct vmbus_device *device, uint32_t gpadl);

/* ---- channels ------------------------------------------------------------------------------ */

/*
 * The guest opens channel 0, or a sub-channel that was offered. user_data: 120 bytes, NULL for
 * zeros. NULL when the VSP refused. The object stays until its device is rescinded, also when
 * closed; opening the same index again makes a new one.
 */
struct vmbus_channel *fake_channel_open(struct vmbus_device *device, uint16_t index,
					const uint8_t *user_data);
/* The guest closes it (sub-channels first when it is the primary). Not when it is closed already.
 */
void fake_channel_close(struct vmbus_channel *channel);
/* False after a close, a fault or a rescind. */
bool fake_channel_is_open(const struct vmbus_channel *channel);
/* vmbus_channel_ring_sizes, 128 KiB both ways unless told. */
void fake_channel_set_ring_sizes(struct vmbus_channel *channel, uint32_t to_host,
				 uint32_t to_guest);

/* Protocol faults that the VSP declared, or that the channel found (too large a packet). */
unsigned int fake_channel_faults(const struct vmbus_channel *channel);
/* What the last one said, "" without. */
const char *fake_channel_last_fault(const struct vmbus_channel *channel);
/* vmbus_channel_flush calls since the channel was opened that had something to flush. */
unsigned int fake_channel_flushes(const struct vmbus_channel *channel);

/* vmbus_tl_refuse calls. */
unsigned int fake_vmbus_refusals(const struct vmbus *bus);

/* ---- guest to host ------------------------------------------------------------------------- */

struct fake_packet {
	enum vmbus_packet_type type; /* 0: DATA_INBAND */
	uint16_t flags;		     /* VMBUS_PACKET_WANTS_COMPLETION */
	uint64_t transaction_id;
	const void *payload; /* copied; padded with zeros to 8 bytes as a guest does */
	uint32_t size;
	const struct iovec *buffer; /* GPA_DIRECT: the test's memory, array copied */
	uint32_t n_buffer;
};

/* Puts a packet into the ring without a signal. */
void fake_channel_push(struct vmbus_channel *channel, const struct fake_packet *packet);
/* Signals the host: `ready` runs and returns. */
void fake_channel_kick(struct vmbus_channel *channel);
/* Both. */
void fake_channel_send(struct vmbus_channel *channel, const struct fake_packet *packet);
/* Packets that the VSP has not received yet. */
unsigned int fake_channel_backlog(const struct vmbus_channel *channel);

/* ---- host to guest ------------------------------------------------------------------------- */

struct fake_sent {
	enum vmbus_packet_type type;
	uint16_t flags;
	uint64_t transaction_id;
	uint32_t size; /* of the payload as the VSP gave it, without padding */
	uint8_t *payload;
	uint16_t set_id; /* USING_XFER_PAGES */
	uint32_t n_ranges;
	struct vmbus_xfer_range *ranges;
};

/* Takes the oldest packet that the VSP sent; false: none. Release it with fake_sent_clear. */
bool fake_channel_pull(struct vmbus_channel *channel, struct fake_sent *sent);
/* The same, waiting up to timeout_ms for one. */
bool fake_channel_wait(struct vmbus_channel *channel, unsigned int timeout_ms,
		       struct fake_sent *sent);
void fake_sent_clear(struct fake_sent *sent);

/*
 * The guest's ring takes only this many more bytes (each packet counts 16, plus its ranges with 8
 * more, plus its payload padded to 8, plus 8); UINT32_MAX, the default: no limit. What is pulled
 * does not give room back while there is a limit. When a send was refused since and the limit grew,
 * `ready` runs.
 */
void fake_channel_limit(struct vmbus_channel *channel, uint32_t bytes);
/* Sends that were refused for want of room. */
unsigned int fake_channel_refused(const struct vmbus_channel *channel);

/* ---- saved states -------------------------------------------------------------------------- */

/* As vmbus.h says, of every channel that is open. Between them the fake sees to it that the VSP
 * leaves the rings alone; fake_channel_kick does nothing. */
void fake_device_hold(struct vmbus_device *device);
void fake_device_release(struct vmbus_device *device);
/* A held device; alters nothing. */
void fake_device_save(struct vmbus_device *device, struct state_writer *writer);
/*
 * The same guest on another bus: its GPADLs, sub-channels and rings with what is in them move from
 * `held`, which is then to be rescinded, to a device that had no channel yet. `channels` (of `n`
 * entries, by index) gets the new ones, held until fake_device_release. False: the VSP refused it,
 * and the reader says why. `held` may be the device itself when there are only bytes.
 */
bool fake_device_restore(struct vmbus_device *device, struct vmbus_device *held,
			 struct state_reader *reader, struct vmbus_channel **channels,
			 unsigned int n);

#endif
