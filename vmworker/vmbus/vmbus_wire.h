/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMBus as it lies in messages and in guest memory. All integers are little-endian, as is every
 * host that this project runs on. Layouts: include/linux/hyperv.h of a Linux kernel.
 */
#ifndef VMBUS_WIRE_H
#define VMBUS_WIRE_H

#include <assert.h>
#include <stdint.h>

#include "vmbus.h"

#define VMBUS_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
#define VMBUS_VERSION_2_4	    VMBUS_VERSION(2, 4)
#define VMBUS_VERSION_3_0	    VMBUS_VERSION(3, 0)
#define VMBUS_VERSION_4_0	    VMBUS_VERSION(4, 0)
#define VMBUS_VERSION_4_1	    VMBUS_VERSION(4, 1)
#define VMBUS_VERSION_5_0	    VMBUS_VERSION(5, 0)
#define VMBUS_VERSION_5_1	    VMBUS_VERSION(5, 1)
#define VMBUS_VERSION_5_2	    VMBUS_VERSION(5, 2)
#define VMBUS_VERSION_5_3	    VMBUS_VERSION(5, 3)

#define VMBUS_SINT			2u   /* messages and channel interrupts */
#define VMBUS_MESSAGE_SIZE_MAX		240u /* bytes, HV_MESSAGE_PAYLOAD_BYTE_COUNT */
#define VMBUS_MESSAGE_CONNECTION_OLD	1u   /* where a guest posts to before 5.0 */
#define VMBUS_MESSAGE_CONNECTION	4u   /* and from 5.0 on */
#define VMBUS_CHANNEL_CONNECTION(relid) (0x10000u | (relid)) /* our choice; 24 bits */
/* Event flags of a SINT; a channel's flag is its relid. */
#define VMBUS_RELIDS 2048u

enum vmbus_message_type {
	VMBUS_OFFERCHANNEL = 1,
	VMBUS_RESCIND = 2,
	VMBUS_REQUESTOFFERS = 3,
	VMBUS_ALLOFFERS_DELIVERED = 4,
	VMBUS_OPENCHANNEL = 5,
	VMBUS_OPENCHANNEL_RESULT = 6,
	VMBUS_CLOSECHANNEL = 7,
	VMBUS_GPADL_HEADER = 8,
	VMBUS_GPADL_BODY = 9,
	VMBUS_GPADL_CREATED = 10,
	VMBUS_GPADL_TEARDOWN = 11,
	VMBUS_GPADL_TORNDOWN = 12,
	VMBUS_RELID_RELEASED = 13,
	VMBUS_INITIATE_CONTACT = 14,
	VMBUS_VERSION_RESPONSE = 15,
	VMBUS_UNLOAD = 16,
	VMBUS_UNLOAD_RESPONSE = 17,
	VMBUS_TL_CONNECT_REQUEST = 21,
	VMBUS_MODIFYCHANNEL = 22,
	VMBUS_TL_CONNECT_RESULT = 23,
	VMBUS_MODIFYCHANNEL_RESPONSE = 24,
	VMBUS_MESSAGE_TYPES
};

/* Results in messages to the guest: anything but 0 is a failure. */
#define VMBUS_STATUS_SUCCESS 0u
#define VMBUS_STATUS_FAILURE 0xc0000001u /* STATUS_UNSUCCESSFUL */

#define WIRE_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#define WIRE_AT(type, member, offset) \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

struct wire_header {
	uint32_t type; /* enum vmbus_message_type */
	uint32_t padding;
};
WIRE_SIZE(wire_header, 8);

struct wire_offer {
	struct wire_header header;
	struct vmbus_guid class_id, instance_id;
	uint64_t reserved1[2];
	uint16_t flags;
	uint16_t mmio_megabytes;
	uint8_t user_defined[120];
	uint16_t sub_channel_index;
	uint16_t reserved2;
	uint32_t relid;
	uint8_t monitor_id;
	uint8_t monitor_allocated;
	uint16_t is_dedicated_interrupt;
	uint32_t connection_id;
} __attribute__((packed));
WIRE_SIZE(wire_offer, 196);
WIRE_AT(wire_offer, flags, 56);
WIRE_AT(wire_offer, user_defined, 60);
WIRE_AT(wire_offer, sub_channel_index, 180);
WIRE_AT(wire_offer, relid, 184);
WIRE_AT(wire_offer, is_dedicated_interrupt, 190);

struct wire_relid { /* RESCIND, CLOSECHANNEL, RELID_RELEASED */
	struct wire_header header;
	uint32_t relid;
};
WIRE_SIZE(wire_relid, 12);

struct wire_open {
	struct wire_header header;
	uint32_t relid;
	uint32_t open_id;
	uint32_t ring_gpadl;
	uint32_t target_vp;
	uint32_t to_guest_page; /* of the GPADL, where the ring towards the guest begins */
	uint8_t user_data[120];
};
WIRE_SIZE(wire_open, 148);

struct wire_open_result {
	struct wire_header header;
	uint32_t relid;
	uint32_t open_id;
	uint32_t status;
};
WIRE_SIZE(wire_open_result, 20);

struct wire_gpadl_header {
	struct wire_header header;
	uint32_t relid;
	uint32_t gpadl;
	uint16_t range_bytes; /* of all ranges, what is in GPADL_BODY messages too */
	uint16_t range_count;
	uint8_t ranges[]; /* struct wire_gpa_range and its pages, one after the other */
};
WIRE_SIZE(wire_gpadl_header, 20);

struct wire_gpadl_body {
	struct wire_header header;
	uint32_t number;
	uint32_t gpadl;
	uint8_t ranges[]; /* continued */
};
WIRE_SIZE(wire_gpadl_body, 16);

struct wire_gpadl_created {
	struct wire_header header;
	uint32_t relid;
	uint32_t gpadl;
	uint32_t status;
};
WIRE_SIZE(wire_gpadl_created, 20);

struct wire_gpadl_teardown {
	struct wire_header header;
	uint32_t relid;
	uint32_t gpadl;
};
WIRE_SIZE(wire_gpadl_teardown, 16);

struct wire_gpadl_torndown {
	struct wire_header header;
	uint32_t gpadl;
};
WIRE_SIZE(wire_gpadl_torndown, 12);

struct wire_initiate_contact {
	struct wire_header header;
	uint32_t version;
	uint32_t target_vp; /* whose SINT gets our messages */
	union {
		uint64_t interrupt_page; /* before 5.0; unused, every channel has its own flag */
		struct {
			uint8_t sint;
			uint8_t vtl;
			uint8_t reserved[2];
			uint32_t feature_flags;
		} v5;
	};
	uint64_t monitor_page[2]; /* unused, no channel has a monitor */
};
WIRE_SIZE(wire_initiate_contact, 40);

struct wire_version_response {
	struct wire_header header;
	uint8_t supported;
	uint8_t connection_state; /* 0: successful */
	uint16_t padding;
	uint32_t connection_id; /* where to post from now on */
};
WIRE_SIZE(wire_version_response, 16);

struct wire_tl_connect {
	struct wire_header header;
	struct vmbus_guid endpoint_id, service_id;
};
WIRE_SIZE(wire_tl_connect, 40);

struct wire_tl_connect_result {
	struct wire_header header;
	struct vmbus_guid endpoint_id, service_id;
	uint32_t status;
};
WIRE_SIZE(wire_tl_connect_result, 44);

struct wire_modify_channel {
	struct wire_header header;
	uint32_t relid;
	uint32_t target_vp;
};
WIRE_SIZE(wire_modify_channel, 16);

struct wire_modify_channel_response {
	struct wire_header header;
	uint32_t relid;
	uint32_t status;
};
WIRE_SIZE(wire_modify_channel_response, 16);

/* ---- rings --------------------------------------------------------------------------------- */

/* The first page of a ring. The writer moves write_index, the reader the rest but
 * pending_send_size.
 */
struct ring_control {
	uint32_t write_index;	    /* byte offset in the data, multiple of 8 */
	uint32_t read_index;	    /* likewise */
	uint32_t interrupt_mask;    /* the reader wants no signal for now */
	uint32_t pending_send_size; /* the writer waits for more free bytes than this; 0: no */
	uint32_t reserved[12];
	uint32_t feature_bits; /* bit 0: the reader signals when pending_send_size is met */
};
WIRE_AT(ring_control, feature_bits, 64);
#define RING_FEATURE_PENDING_SEND 1u

struct wire_packet {
	uint16_t type;
	uint16_t offset8; /* of the payload, in 8 bytes, from this descriptor */
	uint16_t length8; /* of all but the trailer */
	uint16_t flags;
	uint64_t transaction_id;
};
WIRE_SIZE(wire_packet, 16);
#define WIRE_PACKET_TRAILER 8u /* the writer's index when it began, in the high half */

struct wire_gpa_list { /* behind the descriptor: GPA_DIRECT */
	uint32_t reserved;
	uint32_t range_count;
};
WIRE_SIZE(wire_gpa_list, 8);

struct wire_gpa_range {
	uint32_t byte_count;
	uint32_t byte_offset; /* in the first page */
	uint64_t pages[];     /* page numbers, as many as the bytes lie in */
};
WIRE_SIZE(wire_gpa_range, 8);

struct wire_xfer_pages { /* behind the descriptor: XFER_PAGES */
	uint16_t set_id;
	uint8_t sender_owns_set;
	uint8_t reserved;
	uint32_t range_count;
};
WIRE_SIZE(wire_xfer_pages, 8);

_Static_assert(sizeof(struct vmbus_xfer_range) == 8, "vmbus_xfer_range");
_Static_assert(sizeof(struct vmbus_guid) == 16, "vmbus_guid");

#undef WIRE_SIZE
#undef WIRE_AT

#endif
