/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "offload.h"

#include <glib.h>
#include <string.h>

#include "frame_iov.h"
#include "guest_nic.h"
#include "rndis_wire.h"
#include "segment.h"

#define FRAME_MAX 70000u

/* Takes the checksums, and for a large packet the lengths, out of a frame as a driver leaves them.
 */
static void spoil(uint8_t *frame, const struct test_frame *wanted, bool large)
{
	size_t l3 = test_frame_l3(frame), l4 = test_frame_l4(frame);

	memset(frame + l4 + (wanted->udp ? 6 : 16), 0x11, 2);
	if (!wanted->ip6)
		memset(frame + l3 + 10, 0, 2);
	if (large)
		memset(frame + l3 + (wanted->ip6 ? 4 : 2), 0, 2);
}

static uint32_t checksum_request(const struct test_frame *wanted)
{
	return (wanted->ip6 ? RNDIS_CHECKSUM_IS_IPV6
			    : RNDIS_CHECKSUM_IS_IPV4 | RNDIS_CHECKSUM_IP_HEADER) |
	       (wanted->udp ? RNDIS_CHECKSUM_UDP : RNDIS_CHECKSUM_TCP);
}

/* Splits a frame as the VSP has it: a private copy of the headers, and the rest in pieces. */
static unsigned int split(uint8_t *frame, size_t size, uint8_t *header, struct iovec *iov)
{
	size_t known = MIN(size, FRAME_HEADER_MAX), at = known;
	unsigned int n = 1;

	memcpy(header, frame, known);
	iov[0] = (struct iovec){header, known};
	while (at < size) {
		size_t piece = (size_t)g_test_rand_int_range(1, 4097);

		if (n == 59 || piece > size - at)
			piece = size - at;
		iov[n++] = (struct iovec){frame + at, piece};
		at += piece;
	}
	return n;
}

static void for_each_kind(void (*test)(const struct test_frame *))
{
	for (unsigned int bits = 0; bits < 8; bits++) {
		struct test_frame wanted = {
			.from_guest = true, .ip6 = bits & 1, .udp = bits & 2, .vlan = bits & 4};

		for (int i = 0; i < 200; i++) {
			wanted.payload = (size_t)g_test_rand_int_range(0, i < 100 ? 1400 : 9000);
			test(&wanted);
		}
	}
}

/* A checksum left to us is right after we did it, whatever the frame. */
static void checksum_case(const struct test_frame *wanted)
{
	uint8_t frame[FRAME_MAX], header[FRAME_HEADER_MAX], whole[FRAME_MAX];
	size_t size = test_frame_make(wanted, frame);
	struct offload_request request = {.has_checksum = true,
					  .checksum = checksum_request(wanted)};
	struct virtio_net_hdr undone;
	struct iovec iov[60];
	unsigned int n;

	g_assert_true(test_frame_good(frame, size));
	spoil(frame, wanted, false);
	n = split(frame, size, header, iov);
	g_assert_null(offload_send(&request, header, iov[0].iov_len, size, &undone));
	g_assert_cmpuint(undone.flags, ==, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	g_assert_cmpuint(undone.csum_start, ==, test_frame_l4(frame));
	g_assert_cmpuint(undone.csum_offset, ==, wanted->udp ? 6 : 16);
	g_assert_true(offload_finish_checksum(&undone, iov, n));
	g_assert_cmpuint(frame_iov_read(iov, n, 0, whole, sizeof(whole)), ==, size);
	g_assert_true(test_frame_good(whole, size));
}

static void test_checksum(void)
{
	for_each_kind(checksum_case);
}

static void segments_check(const struct test_frame *wanted, const uint8_t *original, size_t size,
			   struct segmenter *segmenter, uint16_t mss)
{
	size_t l4 = test_frame_l4(original), header_size = l4 + 20, done = 0;
	unsigned int count = segmenter_count(segmenter), i = 0, n;
	uint8_t header[FRAME_HEADER_MAX], segment[FRAME_MAX];
	struct iovec pieces[60];

	while ((n = segmenter_next(segmenter, header, pieces, 60))) {
		size_t length = frame_iov_read(pieces, n, 0, segment, sizeof(segment));
		bool last = i + 1 == count;

		g_assert_true(test_frame_good(segment, length));
		g_assert_cmpint(memcmp(segment, original, test_frame_l3(original)), ==, 0);
		g_assert_cmpint(memcmp(segment + header_size, original + header_size + done,
				       length - header_size),
				==, 0);
		g_assert_cmpuint(frame_get32(segment + l4 + 4), ==,
				 (uint32_t)(frame_get32(original + l4 + 4) + done));
		g_assert_cmphex(segment[l4 + 13], ==,
				wanted->tcp_flags & (last ? 0xff : 0xf6) & (i == 0 ? 0xff : 0x7f));
		if (!wanted->ip6)
			g_assert_cmpuint(frame_get16(segment + test_frame_l3(segment) + 4), ==,
					 (0x1234 + i) & 0xffff);
		if (!last)
			g_assert_cmpuint(length - header_size, ==, mss);
		done += length - header_size;
		i++;
	}
	g_assert_cmpuint(i, ==, count);
	g_assert_cmpuint(done, ==, size - header_size);
}

static void large_case(const struct test_frame *given)
{
	struct test_frame wanted = *given;
	uint8_t *frame = g_malloc(FRAME_MAX), *original = g_malloc(FRAME_MAX);
	uint8_t header[FRAME_HEADER_MAX];
	uint16_t mss = (uint16_t)g_test_rand_int_range(OFFLOAD_MSS_MIN, 9000);
	struct offload_request request = {.has_large_send = true};
	struct segmenter segmenter;
	struct virtio_net_hdr undone;
	struct iovec iov[60];
	unsigned int n;
	size_t size;

	wanted.udp = false;
	wanted.payload = (size_t)g_test_rand_int_range(mss + 1, 62000);
	wanted.tcp_flags = 0x99; /* CWR, ACK, PSH, FIN */
	size = test_frame_make(&wanted, original);
	memcpy(frame, original, size);
	spoil(frame, &wanted, true);
	request.large_send = mss | RNDIS_LARGE_SEND_V2 | (wanted.ip6 ? RNDIS_LARGE_SEND_IPV6 : 0);
	n = split(frame, size, header, iov);
	g_assert_null(offload_send(&request, header, iov[0].iov_len, size, &undone));
	g_assert_cmpuint(undone.gso_type, ==,
			 (wanted.ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4) |
				 VIRTIO_NET_HDR_GSO_ECN);
	g_assert_cmpuint(undone.gso_size, ==, mss);
	g_assert_cmpuint(undone.hdr_len, ==, test_frame_l4(original) + 20);
	g_assert_true(segmenter_init(&segmenter, iov, n, undone.gso_size));
	segments_check(&wanted, original, size, &segmenter, mss);
	/* Whole, it is right as well once the checksum is filled in. */
	g_assert_true(offload_finish_checksum(&undone, iov, n));
	g_assert_cmpuint(frame_iov_read(iov, n, 0, frame, FRAME_MAX), ==, size);
	g_assert_true(test_frame_good(frame, size));
	g_free(frame);
	g_free(original);
}

static void test_large(void)
{
	for_each_kind(large_case);
}

static void test_send_hostile(void)
{
	struct test_frame tcp4 = {.from_guest = true, .payload = 3000};
	struct test_frame udp6 = {.from_guest = true, .ip6 = true, .udp = true, .payload = 100};
	const struct {
		const struct test_frame *frame;
		struct offload_request request;
		size_t cut; /* bytes that are there; 0: all */
		size_t at;  /* a byte to spoil; 0: none */
		uint8_t byte;
	} cases[] = {
		{&tcp4, {.has_large_send = true, .large_send = 1460 | 0xc0000000}, 0, 0, 0}, /* 6 */
		{&udp6, {.has_large_send = true, .large_send = 1460 | 0xc0000000}, 0, 0, 0},
		{&tcp4, {.has_large_send = true, .large_send = 0x40000000}, 0, 0, 0},
		{&tcp4, {.has_large_send = true, .large_send = 1 | 0x40000000}, 0, 0, 0},
		{&tcp4, {.has_large_send = true, .large_send = 0x400fffff}, 0, 0, 0},
		{&tcp4, {.has_large_send = true, .large_send = 1460 | 0x40000000}, 40, 0, 0},
		{&tcp4, {.has_large_send = true, .large_send = 1460 | 0x40000000}, 0, 46, 0x10},
		{&tcp4, {.has_large_send = true, .large_send = 1460 | 0x40000000}, 0, 14, 0x43},
		{&tcp4, {.has_large_send = true, .large_send = 1460 | 0x40000000}, 0, 20, 0x20},
		{&tcp4, {.has_checksum = true, .checksum = 9}, 0, 0, 0},       /* UDP */
		{&tcp4, {.has_checksum = true, .checksum = 5}, 0, 20, 0x20},   /* fragment */
		{&tcp4, {.has_checksum = true, .checksum = 5}, 50, 0, 0},      /* cut */
		{&udp6, {.has_checksum = true, .checksum = 0x11}, 0, 0, 0},    /* IPv4 header */
		{&udp6, {.has_checksum = true, .checksum = 0xa}, 0, 12, 0x99}, /* no IP */
		{&udp6, {.has_checksum = true, .checksum = 0xa}, 0, 20, 0},    /* extension */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t frame[4000];
		size_t size = test_frame_make(cases[i].frame, frame);
		g_autofree uint8_t *exact = NULL;
		struct virtio_net_hdr undone;
		size_t known;

		if (cases[i].cut)
			size = cases[i].cut;
		if (cases[i].at)
			frame[cases[i].at] = cases[i].byte;
		known = MIN(size, FRAME_HEADER_MAX);
		exact = g_memdup2(frame, known);
		if (!offload_send(&cases[i].request, exact, known, size, &undone))
			g_error("case %zu was accepted", i);
	}
}

/* Random requests over random headers: never outside, and what is accepted can be done. */
static void test_send_random(void)
{
	for (int i = 0; i < 200000; i++) {
		struct test_frame wanted = {.ip6 = g_test_rand_bit(),
					    .udp = g_test_rand_bit(),
					    .vlan = g_test_rand_bit(),
					    .payload = (size_t)g_test_rand_int_range(0, 300)};
		struct offload_request request = {.has_checksum = g_test_rand_bit(),
						  .checksum = (uint32_t)g_test_rand_int() & 0x1f,
						  .has_large_send = g_test_rand_bit(),
						  .large_send =
							  (uint32_t)g_test_rand_int() & 0xc00000ff};
		uint8_t frame[512];
		size_t size = test_frame_make(&wanted, frame), known;
		struct virtio_net_hdr undone;
		g_autofree uint8_t *exact = NULL;
		struct segmenter segmenter;
		struct iovec iov;

		for (int j = g_test_rand_int_range(0, 4); j > 0; j--)
			frame[g_test_rand_int_range(12, 60)] = (uint8_t)g_test_rand_int();
		size = (size_t)g_test_rand_int_range(14, (gint32)size + 1);
		known = MIN(size, FRAME_HEADER_MAX);
		exact = g_memdup2(frame, known);
		if (offload_send(&request, exact, known, size, &undone))
			continue;
		iov = (struct iovec){exact, known};
		if (undone.flags)
			g_assert_true(offload_finish_checksum(&undone, &iov, 1));
		if (undone.gso_type)
			g_assert_true(segmenter_init(&segmenter, &iov, 1, undone.gso_size));
	}
}

static void test_receive(void)
{
	static const struct virtio_net_hdr valid = {.flags = VIRTIO_NET_HDR_F_DATA_VALID}, plain;
	uint8_t frame[4000];
	uint32_t checksum;
	struct frame parsed;

	for (unsigned int bits = 0; bits < 4; bits++) {
		struct test_frame wanted = {.ip6 = bits & 1, .udp = bits & 2, .payload = 33};
		size_t size = test_frame_make(&wanted, frame);
		uint32_t expected = (wanted.udp ? 0x10u : 0x08u) | (wanted.ip6 ? 0 : 0x20u);

		frame_parse(frame, size, &parsed);
		g_assert_cmpint(offload_receive(&plain, frame, size, &parsed, &checksum), ==,
				OFFLOAD_PLAIN);
		g_assert_cmphex(checksum, ==, 0);
		g_assert_cmpint(offload_receive(&valid, frame, size, &parsed, &checksum), ==,
				OFFLOAD_PLAIN);
		g_assert_cmphex(checksum, ==, expected);
		frame[24] ^= 1; /* of the IPv4 header's checksum */
		if (!wanted.ip6) {
			offload_receive(&valid, frame, size, &parsed, &checksum);
			g_assert_cmphex(checksum, ==, expected & ~0x20u);
		}
	}
}

static void test_receive_hostile(void)
{
	static const struct virtio_net_hdr headers[] = {
		{.flags = 1, .csum_start = 3060},
		{.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff},
		{.gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1000},
		{.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 1000},
		{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0},
		{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 47},
		{.gso_type = 0x7f, .gso_size = 1000},
	};
	struct test_frame wanted = {.payload = 3000};
	uint8_t frame[4000];
	size_t size = test_frame_make(&wanted, frame);
	struct virtio_net_hdr good = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000};
	struct frame parsed;
	uint32_t checksum;

	frame_parse(frame, size, &parsed);
	g_assert_cmpint(offload_receive(&good, frame, size, &parsed, &checksum), ==, OFFLOAD_LARGE);
	for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
		g_assert_cmpint(offload_receive(&headers[i], frame, size, &parsed, &checksum), ==,
				OFFLOAD_INVALID);
	frame[46] = 0xf0; /* a TCP header longer than what is there */
	frame_parse(frame, 60, &parsed);
	g_assert_cmpint(offload_receive(&good, frame, 60, &parsed, &checksum), ==, OFFLOAD_INVALID);
}

/* IPv6 extension headers are followed, and lies about them end at the frame. */
static void test_extensions(void)
{
	uint8_t data[256] = {0};
	struct frame frame;

	data[12] = 0x86;
	data[13] = 0xdd;
	data[14] = 0x60;
	data[20] = 0;  /* hop by hop, 8 bytes */
	data[54] = 60; /* destination options, 24 bytes */
	data[63] = 2;
	data[62] = 6;
	frame_parse(data, sizeof(data), &frame);
	g_assert_cmpuint(frame.l4, ==, 54 + 8 + 24);
	g_assert_cmpuint(frame.protocol, ==, 6);
	data[62] = 44; /* a fragment */
	data[86] = 17;
	frame_parse(data, sizeof(data), &frame);
	g_assert_true(frame.fragment);
	g_assert_cmpuint(frame.protocol, ==, 17);
	g_assert_cmpuint(frame.l4, ==, 94);
	data[63] = 255; /* beyond */
	frame_parse(data, sizeof(data), &frame);
	g_assert_cmpuint(frame.l4, ==, 0);
	for (size_t size = 0; size <= sizeof(data); size++) {
		g_autofree uint8_t *exact = g_memdup2(data, size);

		frame_parse(exact, size, &frame);
		g_assert_cmpuint(frame.l4, <=, size);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/offload/checksum", test_checksum);
	g_test_add_func("/offload/large", test_large);
	g_test_add_func("/offload/send-hostile", test_send_hostile);
	g_test_add_func("/offload/send-random", test_send_random);
	g_test_add_func("/offload/receive", test_receive);
	g_test_add_func("/offload/receive-hostile", test_receive_hostile);
	g_test_add_func("/offload/extensions", test_extensions);
	return g_test_run();
}
