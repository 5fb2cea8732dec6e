/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMBus as a VSP sees it: a device is offered to the guest, the guest opens channels to it, and
 * packets go both ways through rings in guest memory. Everything that a guest writes is hostile:
 * a packet is copied out of the ring once and the copy was checked before the VSP sees it.
 *
 * Threading: a device's operations run on the I/O thread that it was offered with (io_thread.h),
 * never concurrently; vmbus_channel_* belong to that thread. vmbus_offer and vmbus_rescind belong
 * to the main thread and wait for the I/O thread.
 */
#ifndef VMBUS_H
#define VMBUS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "io_thread.h"
#include "state.h"

struct vmbus;
struct vmbus_device;
struct vmbus_channel;

/* A GUID in memory order (Data1..3 little-endian), as on the wire. */
struct vmbus_guid {
	uint8_t bytes[16];
};

enum vmbus_packet_type { /* VMPACKET_DESCRIPTOR's types that a VSP meets */
			 VMBUS_PACKET_DATA_INBAND = 6,
			 VMBUS_PACKET_DATA_USING_XFER_PAGES = 7,
			 VMBUS_PACKET_DATA_USING_GPA_DIRECT = 9,
			 VMBUS_PACKET_COMPLETION = 11,
};

#define VMBUS_PACKET_WANTS_COMPLETION 0x0001u

/* A packet that the guest sent: a private copy, good until the next receive of the channel. */
struct vmbus_packet {
	enum vmbus_packet_type type;
	uint16_t flags;
	uint64_t transaction_id;
	const uint8_t *payload; /* 8-byte aligned */
	uint32_t size;		/* bytes; the ring pads to 8, so it may exceed what was meant */
	/* USING_GPA_DIRECT: the guest's buffer, in order. */
	const struct iovec *buffer; /* host addresses in guest RAM, checked; NULL when none */
	uint32_t n_buffer;
	uint64_t buffer_size; /* sum of the above, bytes */
};

struct vmbus_device_ops {
	/* The guest opened channel `index` (0: the primary, others: sub-channels). user_data are
	 * the 120 bytes that came with it. False refuses. */
	bool (*opened)(void *context, struct vmbus_channel *channel, uint16_t index,
		       const uint8_t user_data[120]);
	/* The guest closed it, unloaded or was reset. No packet may be sent any more; what is in
	 * flight towards guest memory must be over when this returns. Sub-channels close first. */
	void (*closed)(void *context, struct vmbus_channel *channel);
	/* There may be packets to receive, or room to send again. Spurious calls happen. */
	void (*ready)(void *context, struct vmbus_channel *channel);
	/*
	 * For saved states; NULL where a device cannot be saved: its channels are rescinded when
	 * the state is taken up. The VPs stand still meanwhile.
	 *
	 * hold: nothing is received, sent or in flight towards guest memory when it returns (it may
	 * wait for the back end), until `ready`, before which nothing happens. All channels are
	 * held before the first is saved, sub-channels first; from then on each receives and sends
	 * nothing, whoever tries. What is saved may go on all the same: `ready` tells.
	 * save: what is known of the channel, and with index 0 of the device.
	 * restore: after `opened` with what it had been opened with, before the first `ready`;
	 * sub-channels last. What is wrong is told to the reader (state_fail).
	 */
	void (*hold)(void *context, struct vmbus_channel *channel);
	void (*save)(void *context, struct vmbus_channel *channel, struct state_writer *writer);
	void (*restore)(void *context, struct vmbus_channel *channel, struct state_reader *reader);
};

struct vmbus_device_config {
	struct vmbus_guid class_id, instance_id;
	const char *name;     /* for logs and counters, "storvsp0"; copied */
	uint16_t offer_flags; /* VMBUS_CHANNEL_* of the offer: 0x2000 for a TL (hv_sock) offer */
	uint16_t mmio_megabytes;
	uint8_t user_defined[120]; /* of the offer; hv_sock and pipes use it */
	uint16_t max_sub_channels; /* 0: primary only */
	uint32_t max_packet;	  /* bytes of payload; a guest's larger packet closes the channel */
	struct io_thread *thread; /* borrowed */
	const struct vmbus_device_ops *ops;
	void *context;
};

/* Offers a device, now or as soon as the guest asks for offers. Survives a reset of the guest. Its
 * operations may run before this returns. NULL: the bus is full, or descriptors have run out. */
struct vmbus_device *vmbus_offer(struct vmbus *bus, const struct vmbus_device_config *config,
				 GError **error);
/* Takes the offer back and closes its channels; the device is gone when it returns. */
void vmbus_rescind(struct vmbus_device *device);

/* Offers `n` more sub-channels (the guest asked for them in the device's own protocol). Returns how
 * many were offered: less when max_sub_channels is reached. */
uint16_t vmbus_device_offer_sub_channels(struct vmbus_device *device, uint16_t n);

/*
 * A wish of the guest's hv_sock that vmbus_config.tl_connect took is not granted after all. Main
 * thread; waits for the control thread.
 */
void vmbus_tl_refuse(struct vmbus *bus, const struct vmbus_guid *endpoint,
		     const struct vmbus_guid *service);

/*
 * The next packet. False: none, or the channel was closed because what it held was not a packet.
 * Whoever stops before false must come back by itself: until then the guest is told not to signal.
 */
bool vmbus_channel_receive(struct vmbus_channel *channel, struct vmbus_packet *packet);

#define VMBUS_PARTS_MAX 32u /* of a payload */

/*
 * Puts a packet into the guest's ring; nothing is signalled before vmbus_channel_flush. False: no
 * room, and `ready` will be called when there is some. A COMPLETION answers transaction_id.
 */
bool vmbus_channel_send(struct vmbus_channel *channel, enum vmbus_packet_type type, uint16_t flags,
			uint64_t transaction_id, const struct iovec *payload, unsigned int n);

struct vmbus_xfer_range { /* as on the wire */
	uint32_t byte_count, byte_offset;
};
/* The same for USING_XFER_PAGES over the buffer that the guest named by `set_id`. */
bool vmbus_channel_send_xfer(struct vmbus_channel *channel, uint64_t transaction_id,
			     uint16_t set_id, const struct vmbus_xfer_range *ranges,
			     unsigned int n_ranges, const struct iovec *payload, unsigned int n);

/* Interrupts the guest if what was sent since the last flush needs it. Call once a batch. */
void vmbus_channel_flush(struct vmbus_channel *channel);

/*
 * The pages of a GPADL that the guest made on this channel's device (netvsp's buffers), as an iovec
 * of host addresses in order; NULL when there is none, or when the guest has torn it down. Good
 * until it is released, or `closed` of the channel has returned: a guest that tears it down earlier
 * gets no answer before.
 */
const struct iovec *vmbus_channel_gpadl(struct vmbus_channel *channel, uint32_t gpadl, uint32_t *n,
					uint64_t *size);
/* The VSP has no use for the pages any more, and nothing towards them is in flight. One that it
 * does not have is fine. */
void vmbus_channel_gpadl_release(struct vmbus_channel *channel, uint32_t gpadl);

struct vmbus_device *vmbus_channel_device(const struct vmbus_channel *channel);
uint16_t vmbus_channel_index(const struct vmbus_channel *channel);
/* The guest's rings hold this many bytes of data, host-bound and guest-bound. */
void vmbus_channel_ring_sizes(const struct vmbus_channel *channel, uint32_t *to_host,
			      uint32_t *to_guest);
/* Malformed traffic of the protocol above: counts it, logs it at most once in a while, and closes
 * the channel as soon as `ready` returns. */
void vmbus_channel_fault(struct vmbus_channel *channel, const char *what);

#endif
