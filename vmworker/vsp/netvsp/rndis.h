/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RNDIS messages: what a guest sends is parsed, what it receives is built. Pure. All sizes and
 * offsets that come from the guest are checked against the message that they are in, without sums
 * that could overflow; a part may not lie in another.
 */
#ifndef RNDIS_H
#define RNDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "offload.h"
#include "rndis_wire.h"

#define RNDIS_PACKET_HEADER (sizeof(struct rndis_header) + sizeof(struct rndis_packet))
#define RNDIS_INFO_MAX	    512u /* bytes of per-packet information that are taken */

/* Where things are in a PACKET message, from the message's start. */
struct rndis_frame {
	uint32_t data, data_size; /* the Ethernet frame */
	struct offload_request offload;
	bool has_vlan;
	uint16_t vlan; /* as in an 802.1Q header */
};

/* message: the pieces of one message of `size` bytes, whose header said so. NULL, or what is wrong
 * (static). */
const char *rndis_parse_packet(const struct iovec *message, unsigned int n, size_t size,
			       struct rndis_frame *frame);

/* The parts of a PACKET message for the guest. */
struct rndis_receive {
	uint32_t data_size;
	uint32_t checksum; /* RNDIS_CHECKSUM_*_GOOD; 0: not told */
	bool has_vlan, has_hash, has_piece;
	uint16_t vlan;
	uint32_t hash;
	uint8_t piece; /* RNDIS_PIECE_* */
};
/* The header, all information and no gap. */
#define RNDIS_RECEIVE_HEADER_MAX (RNDIS_PACKET_HEADER + 4 * (sizeof(struct rndis_info) + 4))
/* Writes the header of a message whose data follows at once. Returns its size. */
size_t rndis_build_packet(const struct rndis_receive *receive,
			  uint8_t header[RNDIS_RECEIVE_HEADER_MAX]);

/* INDICATE_STATUS; value: 4 bytes of status buffer, NULL without. Returns the size. */
#define RNDIS_INDICATE_MAX (sizeof(struct rndis_header) + sizeof(struct rndis_indicate) + 4)
size_t rndis_build_indicate(uint32_t status, const uint32_t *value,
			    uint8_t message[RNDIS_INDICATE_MAX]);

#endif
