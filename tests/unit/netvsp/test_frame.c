/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames, and a second, slow implementation of their checksums. */
#include <string.h>

#include "guest_nic.h"

static void put_be16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

size_t test_frame_l3(const uint8_t *frame)
{
	return frame[12] == 0x81 && frame[13] == 0 ? 18 : 14;
}

size_t test_frame_l4(const uint8_t *frame)
{
	size_t l3 = test_frame_l3(frame);

	return frame[l3] >> 4 == 4 ? l3 + (size_t)(frame[l3] & 15) * 4 : l3 + 40;
}

static uint32_t sum_bytes(uint32_t sum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t sum_transport(const uint8_t *frame, size_t size)
{
	size_t l3 = test_frame_l3(frame), l4 = test_frame_l4(frame);
	bool ip6 = frame[l3] >> 4 == 6;
	uint8_t pseudo[4] = {0, ip6 ? frame[l3 + 6] : frame[l3 + 9]};
	uint32_t sum = ip6 ? sum_bytes(0, frame + l3 + 8, 32) : sum_bytes(0, frame + l3 + 12, 8);

	put_be16(pseudo + 2, size - l4);
	sum = sum_bytes(sum, pseudo, 4);
	return sum_bytes(sum, frame + l4, size - l4);
}

bool test_frame_good(const uint8_t *frame, size_t size)
{
	size_t l3 = test_frame_l3(frame);
	size_t length = (size_t)frame[l3 + 2] << 8 | frame[l3 + 3];

	if (frame[l3] >> 4 == 4 && (sum_bytes(0, frame + l3, 20) != 0xffff || length != size - l3))
		return false;
	if (frame[l3] >> 4 == 6 && ((size_t)frame[l3 + 4] << 8 | frame[l3 + 5]) != size - l3 - 40)
		return false;
	return sum_transport(frame, size) == 0xffff;
}

static size_t put_ip(const struct test_frame *wanted, uint8_t *ip, size_t carried)
{
	uint8_t protocol = wanted->udp ? 17 : 6;

	if (wanted->ip6) {
		ip[0] = 0x60;
		put_be16(ip + 4, carried);
		ip[6] = protocol;
		ip[7] = 64;
		memset(ip + 8, wanted->from_guest ? 0x20 : 0x30, 16);
		memset(ip + 24, wanted->from_guest ? 0x30 : 0x20, 16);
		return 40;
	}
	ip[0] = 0x45;
	put_be16(ip + 2, carried + 20);
	put_be16(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12,
	       wanted->from_guest ? "\x0a\0\0\x02\x0a\0\0\x01" : "\x0a\0\0\x01\x0a\0\0\x02", 8);
	put_be16(ip + 10, ~sum_bytes(0, ip, 20) & 0xffff);
	return 20;
}

size_t test_frame_make(const struct test_frame *wanted, uint8_t *frame)
{
	static const uint8_t peer[6] = {2, 0, 0, 0, 0, 1};
	size_t at = 14, header = wanted->udp ? 8 : 20, l4, place;

	memset(frame, 0, 128);
	memcpy(frame, wanted->from_guest ? peer : guest_nic_mac, 6);
	memcpy(frame + 6, wanted->from_guest ? guest_nic_mac : peer, 6);
	if (wanted->vlan) {
		put_be16(frame + 12, 0x8100);
		put_be16(frame + 14, 0xa123); /* priority 5, VLAN 0x123 */
		at = 18;
	}
	put_be16(frame + at - 2, wanted->ip6 ? 0x86dd : 0x0800);
	l4 = at + put_ip(wanted, frame + at, header + wanted->payload);
	put_be16(frame + l4, wanted->source_port ? wanted->source_port : 1000);
	put_be16(frame + l4 + 2, wanted->destination_port ? wanted->destination_port : 2000);
	if (wanted->udp) {
		put_be16(frame + l4 + 4, header + wanted->payload);
	} else {
		put_be16(frame + l4 + 6, 0xfff0); /* sequence number, which will wrap at 16 bits */
		frame[l4 + 12] = 0x50;
		frame[l4 + 13] = wanted->tcp_flags ? wanted->tcp_flags : 0x10;
	}
	for (size_t i = 0; i < wanted->payload; i++)
		frame[l4 + header + i] = (uint8_t)(i * 7 + i / 256);
	at = l4 + header + wanted->payload;
	place = l4 + (wanted->udp ? 6 : 16);
	put_be16(frame + place, 0);
	put_be16(frame + place, ~sum_transport(frame, at) & 0xffff);
	return at;
}

size_t test_frame_numbered(const struct test_frame *wanted, uint8_t *frame, uint32_t number)
{
	size_t size = test_frame_make(wanted, frame);

	put32(frame + size - 4, number);
	return size;
}
