/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The storage protocol on VMBus, as on the wire: little-endian, packed. Versions are 2.0, 4.2, 5.1,
 * 6.0 and 6.2; from 5.1 on an SRB has 16 bytes more, and so has every packet.
 */
#ifndef VSTOR_WIRE_H
#define VSTOR_WIRE_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#error "the guest's bytes are used as they are"
#endif

enum vstor_operation {
	VSTOR_COMPLETE_IO = 1,
	VSTOR_REMOVE_DEVICE = 2,
	VSTOR_EXECUTE_SRB = 3,
	VSTOR_RESET_LUN = 4,
	VSTOR_RESET_ADAPTER = 5,
	VSTOR_RESET_BUS = 6,
	VSTOR_BEGIN_INITIALIZATION = 7,
	VSTOR_END_INITIALIZATION = 8,
	VSTOR_QUERY_PROTOCOL_VERSION = 9,
	VSTOR_QUERY_PROPERTIES = 10,
	VSTOR_ENUMERATE_BUS = 11,
	VSTOR_FCHBA_DATA = 12,
	VSTOR_CREATE_SUB_CHANNELS = 13,
};

/* vstor_packet.status is an NTSTATUS. */
enum vstor_status {
	VSTOR_STATUS_SUCCESS = 0,
	VSTOR_STATUS_INVALID_PARAMETER = (int)0xc000000d,
	VSTOR_STATUS_INVALID_DEVICE_REQUEST = (int)0xc0000010,
	VSTOR_STATUS_REVISION_MISMATCH = (int)0xc0000059,
	VSTOR_STATUS_INSUFFICIENT_RESOURCES = (int)0xc000009a,
	VSTOR_STATUS_INVALID_DEVICE_STATE = (int)0xc0000184,
};

enum vstor_version {
	VSTOR_VERSION_2_0 = 0x0200,
	VSTOR_VERSION_4_2 = 0x0402,
	VSTOR_VERSION_5_1 = 0x0501,
	VSTOR_VERSION_6_0 = 0x0600,
	VSTOR_VERSION_6_2 = 0x0602,
};

enum srb_status {
	SRB_STATUS_SUCCESS = 0x01,
	SRB_STATUS_ABORTED = 0x02,
	SRB_STATUS_ERROR = 0x04,
	SRB_STATUS_INVALID_REQUEST = 0x06,
	SRB_STATUS_INVALID_LUN = 0x20,
	SRB_STATUS_AUTOSENSE_VALID = 0x80, /* or-ed */
};

enum { SCSI_STATUS_GOOD = 0x00, SCSI_STATUS_CHECK_CONDITION = 0x02 };

enum { SRB_DATA_OUT = 0, SRB_DATA_IN = 1, SRB_DATA_NONE = 2 }; /* vstor_srb.data_in */

#define VSTOR_SENSE_SIZE 20u

struct vstor_srb {
	uint16_t length;
	uint8_t srb_status;
	uint8_t scsi_status;
	uint8_t port_number, path_id, target_id, lun;
	uint8_t cdb_length;
	uint8_t sense_info_length;
	uint8_t data_in;
	uint8_t reserved;
	uint32_t data_transfer_length;
	union {
		uint8_t cdb[16];
		uint8_t sense_data[VSTOR_SENSE_SIZE];
	};
	/* from 5.1 on */
	uint16_t reserved2;
	uint8_t queue_tag, queue_action;
	uint32_t srb_flags;
	uint32_t time_out_value;
	uint32_t queue_sort_key;
} __attribute__((packed));

_Static_assert(offsetof(struct vstor_srb, cdb) == 16, "vstor_srb");
_Static_assert(sizeof(struct vstor_srb) == 52, "vstor_srb");

struct vstor_properties {
	uint32_t reserved;
	uint16_t max_channels; /* sub-channels */
	uint16_t reserved1;
	uint32_t flags;
	uint32_t max_transfer_bytes;
	uint64_t reserved2;
} __attribute__((packed));

_Static_assert(sizeof(struct vstor_properties) == 24, "vstor_properties");

#define VSTOR_PROPERTY_MULTI_CHANNEL 0x1u

struct vstor_packet {
	uint32_t operation;
	uint32_t flags;
	uint32_t status;
	union {
		struct vstor_srb srb;
		struct vstor_properties properties;
		struct {
			uint16_t version, revision;
		} protocol;
		uint16_t sub_channels;
	};
} __attribute__((packed));

#define VSTOR_PACKET_SIZE     sizeof(struct vstor_packet)
#define VSTOR_PACKET_SIZE_OLD 48u /* before 5.1 */

_Static_assert(VSTOR_PACKET_SIZE == 64, "vstor_packet");
_Static_assert(offsetof(struct vstor_packet, srb) == 12, "vstor_packet");

#endif
