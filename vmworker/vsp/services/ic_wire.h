/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all integration services have on the wire: a pipe header, a message header, and the message
 * that agrees on versions. The guest's driver answers a message by sending it back, changed, as
 * another in-band packet. Everything is little-endian, as this machine is.
 */
#ifndef IC_WIRE_H
#define IC_WIRE_H

#include <assert.h>
#include <stdint.h>

#define IC_PIPE_DATA 1u /* ic_wire_pipe.type */

struct ic_wire_pipe {
	uint32_t type;
	uint32_t size; /* what follows, without padding */
};
static_assert(sizeof(struct ic_wire_pipe) == 8, "wire");

struct ic_wire_version {
	uint16_t major, minor;
};
static_assert(sizeof(struct ic_wire_version) == 4, "wire");

enum ic_message_type {
	IC_MESSAGE_NEGOTIATE = 0,
	IC_MESSAGE_HEARTBEAT = 1,
	IC_MESSAGE_KVP = 2,
	IC_MESSAGE_SHUTDOWN = 3,
	IC_MESSAGE_TIMESYNC = 4,
	IC_MESSAGE_VSS = 5,
	IC_MESSAGE_FILE_COPY = 7,
};

#define IC_FLAG_TRANSACTION 0x01u
#define IC_FLAG_REQUEST	    0x02u
#define IC_FLAG_RESPONSE    0x04u

struct ic_wire_header {
	struct ic_wire_version framework;
	uint16_t type; /* enum ic_message_type */
	struct ic_wire_version version;
	uint16_t size;	 /* what follows */
	uint32_t status; /* of an answer: IC_STATUS_* and others */
	uint8_t transaction_id;
	uint8_t flags;
	uint8_t reserved[2];
} __attribute__((packed));
static_assert(sizeof(struct ic_wire_header) == 20, "wire");

/* ic_wire_version follows: the framework's versions, then the service's. */
struct ic_wire_negotiate {
	uint16_t n_framework, n_service;
	uint32_t reserved;
};
static_assert(sizeof(struct ic_wire_negotiate) == 8, "wire");

#define IC_WIRE_HEADERS (sizeof(struct ic_wire_pipe) + sizeof(struct ic_wire_header))

#define IC_STATUS_OK		 0x00000000u
#define IC_STATUS_FAIL		 0x80004005u
#define IC_STATUS_NO_MORE	 0x80070103u /* the end of an enumeration */
#define IC_STATUS_NOT_SUPPORTED	 0x80070032u
#define IC_STATUS_ALREADY_EXISTS 0x80070050u
#define IC_STATUS_DISK_FULL	 0x80070070u
#define IC_STATUS_INVALID	 0x80070057u

#endif
