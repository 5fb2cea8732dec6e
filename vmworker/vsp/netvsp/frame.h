/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The headers of an Ethernet frame, and the Internet checksum. Pure. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define FRAME_HEADER_MAX 256u /* no more of a frame is looked at for its headers */
#define FRAME_ETHERNET	 14u
#define FRAME_VLAN	 4u
#define FRAME_TCP	 6u /* IP protocols */
#define FRAME_UDP	 17u

struct frame {
	uint16_t l3;	  /* offset of the IP header */
	uint16_t l4;	  /* offset of what it carries; 0: none */
	uint8_t ip;	  /* 4, 6; 0: neither */
	uint8_t protocol; /* FRAME_TCP…; of a fragment too */
	bool fragment;	  /* not the whole packet: the transport header may be missing */
	bool vlan;	  /* an 802.1Q header is in it */
};

/* data: the first `size` bytes of a frame. What does not fit in them is not there: a frame with
 * short or broken headers is one without IP, or without l4. */
void frame_parse(const uint8_t *data, size_t size, struct frame *frame);

/* Bytes of headers up to the end of the TCP header; 0 when there is no whole one in data. */
size_t frame_tcp_end(const uint8_t *data, size_t size, const struct frame *frame);

/* Adds bytes to a ones' complement sum. odd: the byte before was the first half of a word. */
uint64_t frame_sum(uint64_t sum, const void *data, size_t size, bool odd);
uint64_t frame_sum_iov(uint64_t sum, const struct iovec *iov, unsigned int n);
uint16_t frame_sum_fold(uint64_t sum); /* in wire order; not complemented */
/* Of the IP addresses, the protocol and the length of what the IP packet carries. */
uint64_t frame_sum_pseudo(const uint8_t *data, const struct frame *frame, uint32_t length);

uint16_t frame_get16(const uint8_t *at); /* big-endian */
void frame_put16(uint8_t *at, uint16_t value);
uint32_t frame_get32(const uint8_t *at);
void frame_put32(uint8_t *at, uint32_t value);
/* Writes the header checksum of the IPv4 header at `l3`. */
void frame_ip4_checksum(uint8_t *l3);
bool frame_ip4_checksum_good(const uint8_t *l3);

#endif
