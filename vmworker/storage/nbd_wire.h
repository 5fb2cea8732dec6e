/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The NBD protocol as far as it is spoken here (proto.md of the NBD project). Big endian. */
#ifndef NBD_WIRE_H
#define NBD_WIRE_H

#include <stdint.h>

#define NBD_GREETING	     UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC     UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_OPTION_REPLY     UINT64_C(0x0003e889045565a9)
#define NBD_REQUEST_MAGIC    UINT32_C(0x25609513)
#define NBD_REPLY_MAGIC	     UINT32_C(0x67446698)
#define NBD_FIXED_NEWSTYLE   0x1u /* of the server's and the client's flags */
#define NBD_NO_ZEROES	     0x2u
#define NBD_OPTION_GO	     7u
#define NBD_OPTION_ACK	     1u
#define NBD_OPTION_INFO	     3u
#define NBD_OPTION_FAILED    0x80000000u
#define NBD_INFO_EXPORT	     0u
#define NBD_EXPORT_READ_ONLY 0x02u /* what an export can do */
#define NBD_EXPORT_FLUSH     0x04u
#define NBD_EXPORT_FUA	     0x08u
#define NBD_EXPORT_TRIM	     0x20u
#define NBD_EXPORT_ZEROES    0x40u

enum nbd_command {
	NBD_COMMAND_READ,
	NBD_COMMAND_WRITE,
	NBD_COMMAND_DISCONNECT,
	NBD_COMMAND_FLUSH,
	NBD_COMMAND_TRIM,
	NBD_COMMAND_ZEROES = 6,
};

#define NBD_COMMAND_FUA	    0x1u
#define NBD_COMMAND_NO_HOLE 0x2u

struct __attribute__((packed)) nbd_greeting {
	uint64_t magic, option_magic;
	uint16_t flags;
};

/* The client's flags and its only option, in one message: the export of no name. */
struct __attribute__((packed)) nbd_go {
	uint32_t flags;
	uint64_t magic;
	uint32_t option, length;
	uint32_t name_length;
	uint16_t n_infos;
};

struct __attribute__((packed)) nbd_option_reply {
	uint64_t magic;
	uint32_t option, type, length;
};

struct __attribute__((packed)) nbd_export_info {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
};

struct __attribute__((packed)) nbd_request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t handle, offset;
	uint32_t length;
};

struct __attribute__((packed)) nbd_reply {
	uint32_t magic, error; /* a Linux errno */
	uint64_t handle;
};

_Static_assert(sizeof(struct nbd_request) == 28 && sizeof(struct nbd_reply) == 16, "wire");

#endif
