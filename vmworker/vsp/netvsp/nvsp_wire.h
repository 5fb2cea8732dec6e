/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The network VSP's protocol (NVSP) as it is on the wire, little-endian and packed: what
 * drivers/net/hyperv/hyperv_net.h of Linux calls struct nvsp_message. Messages travel as the
 * payload of VMBus packets of the primary channel, except SEND_RNDIS_PKT, which any channel has.
 */
#ifndef NVSP_WIRE_H
#define NVSP_WIRE_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire structures are little-endian"
#endif

#define NVSP_VERSION_1	0x00002u
#define NVSP_VERSION_2	0x30002u
#define NVSP_VERSION_4	0x40000u
#define NVSP_VERSION_5	0x50000u
#define NVSP_VERSION_6	0x60000u
#define NVSP_VERSION_61 0x60001u

enum nvsp_type {
	NVSP_INIT = 1,
	NVSP_INIT_COMPLETE = 2,
	NVSP_SEND_NDIS_VERSION = 100,
	NVSP_SEND_RECEIVE_BUFFER = 101,
	NVSP_SEND_RECEIVE_BUFFER_COMPLETE = 102,
	NVSP_REVOKE_RECEIVE_BUFFER = 103,
	NVSP_SEND_SEND_BUFFER = 104,
	NVSP_SEND_SEND_BUFFER_COMPLETE = 105,
	NVSP_REVOKE_SEND_BUFFER = 106,
	NVSP_SEND_RNDIS_PACKET = 107,
	NVSP_SEND_RNDIS_PACKET_COMPLETE = 108,
	NVSP_SEND_NDIS_CONFIG = 125,
	NVSP_SEND_VF_ASSOCIATION = 128,
	NVSP_SWITCH_DATA_PATH = 129,
	NVSP_SUBCHANNEL = 133,
	NVSP_SEND_INDIRECTION_TABLE = 134,
};

enum nvsp_status {
	NVSP_STATUS_SUCCESS = 1,
	NVSP_STATUS_FAILURE = 2,
	NVSP_STATUS_TOO_NEW = 3,
	NVSP_STATUS_TOO_OLD = 4,
	NVSP_STATUS_INVALID_RNDIS_PACKET = 5,
	NVSP_STATUS_BUSY = 6,
	NVSP_STATUS_UNSUPPORTED = 7,
};

struct nvsp_init {
	uint32_t type, min_version, max_version;
} __attribute__((packed));

struct nvsp_init_complete {
	uint32_t type, version, max_mdl_chain, status;
} __attribute__((packed));

struct nvsp_ndis_version {
	uint32_t type, major, minor;
} __attribute__((packed));

struct nvsp_buffer { /* SEND_RECEIVE_BUFFER, SEND_SEND_BUFFER */
	uint32_t type, gpadl;
	uint16_t id;
} __attribute__((packed));

struct nvsp_revoke {
	uint32_t type;
	uint16_t id;
} __attribute__((packed));

struct nvsp_receive_buffer_complete {
	uint32_t type, status, n_sections; /* one section of equal pieces */
	uint32_t offset, piece_size, n_pieces, end;
} __attribute__((packed));

struct nvsp_send_buffer_complete {
	uint32_t type, status, section_size;
} __attribute__((packed));

#define NVSP_CHANNEL_DATA    0u
#define NVSP_CHANNEL_CONTROL 1u
#define NVSP_NO_SECTION	     0xffffffffu

struct nvsp_rndis_packet {
	uint32_t type, channel, section, section_size;
} __attribute__((packed));

struct nvsp_rndis_packet_complete {
	uint32_t type, status;
} __attribute__((packed));

#define NVSP_CAPABILITY_SRIOV 0x04u
#define NVSP_CAPABILITY_8021Q 0x08u
#define NVSP_CAPABILITY_RSC   0x80u

struct nvsp_ndis_config {
	uint32_t type, mtu, reserved; /* mtu: with the Ethernet header */
	uint64_t capabilities;
} __attribute__((packed));

struct nvsp_vf_association {
	uint32_t type, allocated, serial;
} __attribute__((packed));

struct nvsp_switch_data_path {
	uint32_t type, path; /* 0: synthetic, 1: VF */
} __attribute__((packed));

#define NVSP_SUBCHANNEL_ALLOCATE 1u

struct nvsp_subchannel {
	uint32_t type, operation, n;
} __attribute__((packed));

struct nvsp_subchannel_complete {
	uint32_t type, status, n;
} __attribute__((packed));

#define NVSP_INDIRECTION_ENTRIES 16u
/* The size of a message in the drivers of today. Where completions were longer than their type
 * needs, drivers check for the longest (28 bytes), so control completions are padded to this. */
#define NVSP_MESSAGE_SIZE 40u

struct nvsp_indirection_table {
	uint32_t type, count, offset; /* offset from the message's start */
	/* Older drivers look for the table behind a whole message and newer ones at the offset:
	 * it is where both look. */
	uint8_t gap[NVSP_MESSAGE_SIZE - 12];
	uint32_t channels[NVSP_INDIRECTION_ENTRIES];
} __attribute__((packed));

_Static_assert(sizeof(struct nvsp_init_complete) == 16, "wire");
_Static_assert(sizeof(struct nvsp_buffer) == 10, "wire");
_Static_assert(sizeof(struct nvsp_receive_buffer_complete) == 28, "wire");
_Static_assert(sizeof(struct nvsp_ndis_config) == 20, "wire");
_Static_assert(sizeof(struct nvsp_rndis_packet) == 16, "wire");
_Static_assert(sizeof(struct nvsp_indirection_table) == 104, "wire");

#endif
