/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The console ring file: the scroll-back of one serial port, written by a worker and, once that
 * worker is gone, read by vmmsd. docs/console-ring.md tells how; this header only declares.
 */
#ifndef VMMS_CONSOLE_RING_H
#define VMMS_CONSOLE_RING_H

#include <stddef.h>
#include <stdint.h>

#define VMMS_CONSOLE_RING_MAGIC	   "VMMSCON1" /* 8 bytes, no NUL */
#define VMMS_CONSOLE_RING_VERSION  1u
#define VMMS_CONSOLE_RING_SIZE_MIN 4096u
#define VMMS_CONSOLE_RING_SIZE_MAX 16777216u
#define VMMS_CONSOLE_RING_HEAD_MAX (UINT64_C(1) << 62) /* a greater count is a damaged file */

/* Everything is little-endian; the data follow at header_size, `size` bytes. */
struct vmms_console_ring_header {
	char magic[8];
	uint32_t version;
	uint32_t header_size; /* 64 */
	uint64_t size;	      /* of the data in bytes, a power of two */
	uint64_t head;	      /* bytes ever written; byte n lies at n % size */
	uint64_t claim; /* >= head: bytes from claim - size on are whole, earlier ones are not */
	uint8_t reserved[24]; /* 0 */
};

_Static_assert(sizeof(struct vmms_console_ring_header) == 64, "wire size");
_Static_assert(offsetof(struct vmms_console_ring_header, version) == 8, "wire offset");
_Static_assert(offsetof(struct vmms_console_ring_header, header_size) == 12, "wire offset");
_Static_assert(offsetof(struct vmms_console_ring_header, size) == 16, "wire offset");
_Static_assert(offsetof(struct vmms_console_ring_header, head) == 24, "wire offset");
_Static_assert(offsetof(struct vmms_console_ring_header, claim) == 32, "wire offset");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structure is mapped as it is");

#endif
