/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame.h"

#include <string.h>

#define ETHERTYPE_IP4  0x0800u
#define ETHERTYPE_IP6  0x86ddu
#define ETHERTYPE_VLAN 0x8100u

#define EXTENSIONS_MAX 8 /* IPv6 extension headers that are followed */

uint16_t frame_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

void frame_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint32_t frame_get32(const uint8_t *at)
{
	return (uint32_t)frame_get16(at) << 16 | frame_get16(at + 2);
}

void frame_put32(uint8_t *at, uint32_t value)
{
	frame_put16(at, (uint16_t)(value >> 16));
	frame_put16(at + 2, (uint16_t)value);
}

static void frame_parse_ip4(const uint8_t *data, size_t size, struct frame *frame)
{
	const uint8_t *ip = data + frame->l3;
	size_t length;

	if (size - frame->l3 < 20 || ip[0] >> 4 != 4)
		return;
	length = (size_t)(ip[0] & 15) * 4;
	if (length < 20 || length > size - frame->l3)
		return;
	frame->ip = 4;
	frame->protocol = ip[9];
	frame->fragment = (frame_get16(ip + 6) & 0x3fff) != 0; /* more to come, or not the first */
	frame->l4 = (uint16_t)(frame->l3 + length);
}

static void frame_parse_ip6(const uint8_t *data, size_t size, struct frame *frame)
{
	const uint8_t *ip = data + frame->l3;
	size_t at = (size_t)frame->l3 + 40;
	uint8_t next;

	if (size - frame->l3 < 40 || ip[0] >> 4 != 6)
		return;
	frame->ip = 6;
	next = ip[6];
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != 0 && next != 43 && next != 44 && next != 60) {
			frame->protocol = next;
			frame->l4 = at < size ? (uint16_t)at : 0;
			return;
		}
		if (at > size || size - at < 8)
			return;
		if (next == 44) { /* a fragment header is always 8 bytes */
			frame->fragment = true;
			next = data[at];
			at += 8;
		} else {
			next = data[at];
			at += ((size_t)data[at + 1] + 1) * 8;
		}
	}
}

void frame_parse(const uint8_t *data, size_t size, struct frame *frame)
{
	uint16_t type;

	*frame = (struct frame){.l3 = FRAME_ETHERNET};
	if (size < FRAME_ETHERNET)
		return;
	type = frame_get16(data + 12);
	if (type == ETHERTYPE_VLAN && size >= FRAME_ETHERNET + FRAME_VLAN) {
		frame->vlan = true;
		frame->l3 += FRAME_VLAN;
		type = frame_get16(data + 16);
	}
	if (type == ETHERTYPE_IP4)
		frame_parse_ip4(data, size, frame);
	else if (type == ETHERTYPE_IP6)
		frame_parse_ip6(data, size, frame);
}

size_t frame_tcp_end(const uint8_t *data, size_t size, const struct frame *frame)
{
	size_t length;

	if (frame->l4 == 0 || frame->protocol != FRAME_TCP || frame->fragment || size < frame->l4 ||
	    size - frame->l4 < 20)
		return 0;
	length = (size_t)(data[frame->l4 + 12] >> 4) * 4;
	if (length < 20 || length > size - frame->l4)
		return 0;
	return frame->l4 + length;
}

uint64_t frame_sum(uint64_t sum, const void *data, size_t size, bool odd)
{
	const uint8_t *at = data;

	if (odd && size > 0) {
		sum += (uint64_t)*at++ << 8;
		size--;
	}
	/* Four bytes at a time in the machine's order; a sum of 2^32 such words fits. The first
	 * loop does the same, four loads wide. */
	for (; size >= 32; at += 32, size -= 32) {
		uint64_t words[4];

		memcpy(words, at, sizeof(words));
		sum += (words[0] & UINT32_MAX) + (words[0] >> 32);
		sum += (words[1] & UINT32_MAX) + (words[1] >> 32);
		sum += (words[2] & UINT32_MAX) + (words[2] >> 32);
		sum += (words[3] & UINT32_MAX) + (words[3] >> 32);
	}
	for (; size >= 4; at += 4, size -= 4) {
		uint32_t word;

		memcpy(&word, at, 4);
		sum += word;
	}
	if (size >= 2) {
		uint16_t half;

		memcpy(&half, at, 2);
		sum += half;
		at += 2;
		size -= 2;
	}
	if (size == 1)
		sum += *at;
	return sum;
}

uint64_t frame_sum_iov(uint64_t sum, const struct iovec *iov, unsigned int n)
{
	bool odd = false;

	for (unsigned int i = 0; i < n; i++) {
		sum = frame_sum(sum, iov[i].iov_base, iov[i].iov_len, odd);
		odd ^= iov[i].iov_len & 1;
	}
	return sum;
}

uint16_t frame_sum_fold(uint64_t sum)
{
	uint8_t bytes[2];
	uint16_t folded;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	folded = (uint16_t)sum;
	memcpy(bytes, &folded, 2);
	return frame_get16(bytes);
}

uint64_t frame_sum_pseudo(const uint8_t *data, const struct frame *frame, uint32_t length)
{
	const uint8_t *ip = data + frame->l3;
	uint8_t tail[8] = {0};
	uint64_t sum =
		frame->ip == 4 ? frame_sum(0, ip + 12, 8, false) : frame_sum(0, ip + 8, 32, false);

	frame_put32(tail, length);
	tail[7] = frame->protocol;
	return frame_sum(sum, tail, 8, false);
}

void frame_ip4_checksum(uint8_t *l3)
{
	frame_put16(l3 + 10, 0);
	frame_put16(l3 + 10,
		    (uint16_t)~frame_sum_fold(frame_sum(0, l3, (size_t)(l3[0] & 15) * 4, false)));
}

bool frame_ip4_checksum_good(const uint8_t *l3)
{
	return frame_sum_fold(frame_sum(0, l3, (size_t)(l3[0] & 15) * 4, false)) == 0xffff;
}
