/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RNDIS as Hyper-V uses it (MS-RNDIS, and NDIS object layouts), little-endian. Offsets in a message
 * count from the byte behind its 8-byte header.
 */
#ifndef RNDIS_WIRE_H
#define RNDIS_WIRE_H

#include <stdint.h>

enum rndis_type {
	RNDIS_PACKET = 0x1,
	RNDIS_INIT = 0x2,
	RNDIS_HALT = 0x3,
	RNDIS_QUERY = 0x4,
	RNDIS_SET = 0x5,
	RNDIS_RESET = 0x6,
	RNDIS_INDICATE = 0x7,
	RNDIS_KEEPALIVE = 0x8,
};
#define RNDIS_COMPLETE 0x80000000u /* or-ed to the type of what is answered */

enum rndis_status {
	RNDIS_STATUS_SUCCESS = 0,
	RNDIS_STATUS_MEDIA_CONNECT = 0x4001000b,
	RNDIS_STATUS_MEDIA_DISCONNECT = 0x4001000c,
	RNDIS_STATUS_LINK_SPEED_CHANGE = 0x40010013,
};
#define RNDIS_STATUS_FAILURE	    0xc0000001u
#define RNDIS_STATUS_NOT_SUPPORTED  0xc00000bbu
#define RNDIS_STATUS_INVALID_LENGTH 0xc0010014u
#define RNDIS_STATUS_INVALID_DATA   0xc0010015u

struct rndis_header {
	uint32_t type, size; /* size with this header */
};

struct rndis_init {
	uint32_t request, major, minor, max_transfer;
};

struct rndis_init_complete {
	uint32_t request, status, major, minor, device_flags, medium, max_packets, max_transfer;
	uint32_t packet_alignment; /* power of two */
	uint32_t reserved[2];
};

struct rndis_query { /* and SET */
	uint32_t request, oid, size, offset, handle;
};

struct rndis_query_complete {
	uint32_t request, status, size, offset;
};

struct rndis_status_complete { /* SET and KEEPALIVE */
	uint32_t request, status;
};

struct rndis_reset_complete {
	uint32_t status, addressing_reset;
};

struct rndis_indicate {
	uint32_t status, size, offset;
};

struct rndis_packet {
	uint32_t data_offset, data_size;
	uint32_t oob_offset, oob_size, n_oob;
	uint32_t info_offset, info_size; /* per-packet information */
	uint32_t handle, reserved;
};

struct rndis_info {		     /* the header of one piece of per-packet information */
	uint32_t size, type, offset; /* offset of the value from here; type's top bit: internal */
};

enum rndis_info_type {
	RNDIS_INFO_CHECKSUM = 0,
	RNDIS_INFO_LARGE_SEND = 2,
	RNDIS_INFO_8021Q = 6,
	RNDIS_INFO_HASH = 8,
};
#define RNDIS_INFO_INTERNAL  0x80000000u
#define RNDIS_INFO_PACKET_ID (RNDIS_INFO_INTERNAL | 1u)

/* RNDIS_INFO_CHECKSUM as the guest sends it */
#define RNDIS_CHECKSUM_IS_IPV4		       0x01u
#define RNDIS_CHECKSUM_IS_IPV6		       0x02u
#define RNDIS_CHECKSUM_TCP		       0x04u
#define RNDIS_CHECKSUM_UDP		       0x08u
#define RNDIS_CHECKSUM_IP_HEADER	       0x10u
#define RNDIS_CHECKSUM_TRANSPORT_OFFSET(value) (((value) >> 16) & 0x3ffu)
/* and as it receives it */
#define RNDIS_CHECKSUM_TCP_GOOD 0x08u
#define RNDIS_CHECKSUM_UDP_GOOD 0x10u
#define RNDIS_CHECKSUM_IP_GOOD	0x20u

/* RNDIS_INFO_LARGE_SEND, version 2 */
#define RNDIS_LARGE_SEND_MSS(value)		 ((value)&0xfffffu)
#define RNDIS_LARGE_SEND_TRANSPORT_OFFSET(value) (((value) >> 20) & 0x3ffu)
#define RNDIS_LARGE_SEND_V2			 0x40000000u
#define RNDIS_LARGE_SEND_IPV6			 0x80000000u

/* RNDIS_INFO_8021Q: priority in bits 0-2, CFI in bit 3, VLAN in bits 4-15 */

/* RNDIS_INFO_PACKET_ID: version, flags and a number; pieces of one large frame */
#define RNDIS_PACKET_ID_VERSION 1u
#define RNDIS_PIECE		0x1u
#define RNDIS_PIECE_FIRST	0x2u
#define RNDIS_PIECE_LAST	0x4u

enum rndis_oid {
	OID_GEN_SUPPORTED_LIST = 0x00010101,
	OID_GEN_HARDWARE_STATUS = 0x00010102,
	OID_GEN_MEDIA_SUPPORTED = 0x00010103,
	OID_GEN_MEDIA_IN_USE = 0x00010104,
	OID_GEN_MAXIMUM_LOOKAHEAD = 0x00010105,
	OID_GEN_MAXIMUM_FRAME_SIZE = 0x00010106,
	OID_GEN_LINK_SPEED = 0x00010107,
	OID_GEN_TRANSMIT_BLOCK_SIZE = 0x0001010a,
	OID_GEN_RECEIVE_BLOCK_SIZE = 0x0001010b,
	OID_GEN_VENDOR_ID = 0x0001010c,
	OID_GEN_VENDOR_DESCRIPTION = 0x0001010d,
	OID_GEN_CURRENT_PACKET_FILTER = 0x0001010e,
	OID_GEN_CURRENT_LOOKAHEAD = 0x0001010f,
	OID_GEN_DRIVER_VERSION = 0x00010110,
	OID_GEN_MAXIMUM_TOTAL_SIZE = 0x00010111,
	OID_GEN_MAC_OPTIONS = 0x00010113,
	OID_GEN_MEDIA_CONNECT_STATUS = 0x00010114,
	OID_GEN_MAXIMUM_SEND_PACKETS = 0x00010115,
	OID_GEN_VENDOR_DRIVER_VERSION = 0x00010116,
	OID_GEN_RECEIVE_SCALE_CAPABILITIES = 0x00010203,
	OID_GEN_RECEIVE_SCALE_PARAMETERS = 0x00010204,
	OID_GEN_RNDIS_CONFIG_PARAMETER = 0x0001021b,
	OID_GEN_XMIT_OK = 0x00020101,
	OID_GEN_RCV_OK = 0x00020102,
	OID_GEN_XMIT_ERROR = 0x00020103,
	OID_GEN_RCV_ERROR = 0x00020104,
	OID_GEN_RCV_NO_BUFFER = 0x00020105,
	OID_802_3_PERMANENT_ADDRESS = 0x01010101,
	OID_802_3_CURRENT_ADDRESS = 0x01010102,
	OID_802_3_MULTICAST_LIST = 0x01010103,
	OID_802_3_MAXIMUM_LIST_SIZE = 0x01010104,
	OID_802_3_RCV_ERROR_ALIGNMENT = 0x01020101,
	OID_802_3_XMIT_ONE_COLLISION = 0x01020102,
	OID_802_3_XMIT_MORE_COLLISIONS = 0x01020103,
};
#define OID_TCP_OFFLOAD_CURRENT_CONFIG	      0xfc01020bu
#define OID_TCP_OFFLOAD_PARAMETERS	      0xfc01020cu
#define OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES 0xfc01020du

/* OID_GEN_CURRENT_PACKET_FILTER */
#define NDIS_FILTER_DIRECTED	  0x01u
#define NDIS_FILTER_MULTICAST	  0x02u
#define NDIS_FILTER_ALL_MULTICAST 0x04u
#define NDIS_FILTER_BROADCAST	  0x08u
#define NDIS_FILTER_PROMISCUOUS	  0x20u

#define NDIS_OBJECT_RSS_CAPABILITIES 0x88u
#define NDIS_OBJECT_RSS_PARAMETERS   0x89u
#define NDIS_OBJECT_OFFLOAD	     0xa7u
#define NDIS_OBJECT_DEFAULT	     0x80u

struct ndis_object {
	uint8_t type, revision;
	uint16_t size;
};

#define NDIS_ENCAPSULATION_8023 0x2u
#define NDIS_CHECKSUM_TX4	0x155u /* IP options, TCP options, TCP, UDP, IP header */
#define NDIS_CHECKSUM_TX6	0x055u /* extensions, TCP options, TCP, UDP */
#define NDIS_LARGE_SEND_V6	0x005u /* extensions, TCP options */

struct ndis_offload {
	struct ndis_object header;
	uint32_t tx4_encapsulation, tx4, rx4_encapsulation, rx4;
	uint32_t tx6_encapsulation, tx6, rx6_encapsulation, rx6;
	uint32_t large_send_v1[4];
	uint32_t ipsec_v1[7];
	uint32_t lso4_encapsulation, lso4_size, lso4_segments;
	uint32_t lso6_encapsulation, lso6_size, lso6_segments, lso6_options;
	uint32_t flags;
	/* since NDIS 6.1 */
	uint32_t ipsec_v2_encapsulation;
	uint8_t ipsec_v2[12]; /* eleven and a gap */
	uint32_t ipsec_v2_more[4];
	/* since NDIS 6.30 */
	uint8_t rsc4, rsc6; /* 0 or 1 */
	uint8_t gap[2];
	uint32_t encapsulation_flags, encapsulation_header;
};
#define NDIS_OFFLOAD_SIZE_60 112u
#define NDIS_OFFLOAD_SIZE_61 144u

/* Values of the members below */
#define NDIS_PARAMETER_UNCHANGED 0u
#define NDIS_CHECKSUM_DISABLED	 1u
#define NDIS_CHECKSUM_TX	 2u
#define NDIS_CHECKSUM_RX	 3u
#define NDIS_CHECKSUM_TX_RX	 4u
#define NDIS_PARAMETER_DISABLED	 1u
#define NDIS_PARAMETER_ENABLED	 2u

struct ndis_offload_parameters {
	struct ndis_object header;
	uint8_t ip4, tcp4, udp4, tcp6, udp6;
	uint8_t large_send_v1, ipsec_v1, lso4, lso6, connection4, connection6, gap;
	uint32_t flags;
	uint8_t ipsec_v2, ipsec_v2_ip4, rsc4, rsc6, encapsulation, encapsulation_types;
	uint8_t gap2[2];
};
#define NDIS_OFFLOAD_PARAMETERS_SIZE_60 15u

struct ndis_rss_capabilities {
	struct ndis_object header;
	uint32_t flags, n_messages, n_queues;
	uint16_t n_entries;
} __attribute__((packed));

#define NDIS_RSS_CAPABILITIES_TCP4 0x100u
#define NDIS_RSS_CAPABILITIES_TCP6 0x200u
#define NDIS_HASH_TOEPLITZ	   0x1u

#define NDIS_RSS_HASH_UNCHANGED	 0x2u
#define NDIS_RSS_TABLE_UNCHANGED 0x4u
#define NDIS_RSS_KEY_UNCHANGED	 0x8u
#define NDIS_RSS_DISABLE	 0x10u

struct ndis_rss_parameters {
	struct ndis_object header;
	uint16_t flags, base_cpu;
	uint32_t hash;
	uint16_t table_size, gap1;
	uint32_t table_offset;
	uint16_t key_size, gap2;
	uint32_t key_offset;
	uint32_t masks[3];
};

struct rndis_config_parameter {
	uint32_t name_offset, name_size, type, value_offset, value_size;
};
#define RNDIS_CONFIG_STRING 2u

_Static_assert(sizeof(struct rndis_packet) == 36, "wire");
_Static_assert(sizeof(struct rndis_init_complete) == 44, "wire");
_Static_assert(sizeof(struct ndis_offload) == 156, "wire");
_Static_assert(__builtin_offsetof(struct ndis_offload, ipsec_v2_encapsulation) ==
		       NDIS_OFFLOAD_SIZE_60,
	       "wire");
_Static_assert(__builtin_offsetof(struct ndis_offload, rsc4) == NDIS_OFFLOAD_SIZE_61, "wire");
_Static_assert(sizeof(struct ndis_offload_parameters) == 28, "wire");
_Static_assert(__builtin_offsetof(struct ndis_offload_parameters, flags) == 16, "wire");
_Static_assert(sizeof(struct ndis_rss_capabilities) == 18, "wire");
_Static_assert(sizeof(struct ndis_rss_parameters) == 40, "wire");

#endif
