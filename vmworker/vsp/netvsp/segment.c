/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "segment.h"

#include <string.h>

#include "frame_iov.h"

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

bool segmenter_init(struct segmenter *segmenter, const struct iovec *frame, unsigned int n,
		    size_t mss)
{
	size_t size = 0, known;

	for (unsigned int i = 0; i < n; i++)
		size += frame[i].iov_len;
	*segmenter = (struct segmenter){.frame = frame, .n = n, .mss = mss};
	known = frame_iov_read(frame, n, 0, segmenter->header, FRAME_HEADER_MAX);
	frame_parse(segmenter->header, known, &segmenter->parsed);
	segmenter->header_size = frame_tcp_end(segmenter->header, known, &segmenter->parsed);
	if (segmenter->header_size == 0 || mss == 0)
		return false;
	segmenter->payload = size - segmenter->header_size;
	return true;
}

unsigned int segmenter_count(const struct segmenter *segmenter)
{
	size_t n = (segmenter->payload + segmenter->mss - 1) / segmenter->mss;

	return n ? (unsigned int)n : 1;
}

/* Headers of the segment that begins at byte `done` of the payload. */
static void segmenter_header(const struct segmenter *s, uint8_t *header, size_t size)
{
	uint8_t *ip = header + s->parsed.l3, *tcp = header + s->parsed.l4;
	bool first = s->done == 0, last = s->done + size == s->payload;

	memcpy(header, s->header, s->header_size);
	if (s->parsed.ip == 4) {
		frame_put16(ip + 2, (uint16_t)(s->header_size - s->parsed.l3 + size));
		frame_put16(ip + 4, (uint16_t)(frame_get16(ip + 4) + s->index));
		frame_ip4_checksum(ip);
	} else {
		frame_put16(ip + 4, (uint16_t)(s->header_size - s->parsed.l3 - 40 + size));
	}
	frame_put32(tcp + 4, frame_get32(tcp + 4) + (uint32_t)s->done);
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (!first)
		tcp[13] &= (uint8_t)~TCP_CWR;
	frame_put16(tcp + 16, 0);
}

unsigned int segmenter_next(struct segmenter *s, uint8_t *header, struct iovec *pieces,
			    unsigned int most)
{
	size_t left = s->payload - s->done;
	size_t size = left < s->mss ? left : s->mss;
	size_t tcp_size = s->header_size - s->parsed.l4;
	unsigned int n = 0;
	uint64_t sum;

	if ((left == 0 && s->index > 0) || most < 2)
		return 0;
	if (size > 0) {
		n = frame_iov_slice(s->frame, s->n, s->header_size + s->done, size, pieces + 1,
				    most - 1);
		if (n == 0)
			return 0;
	}
	segmenter_header(s, header, size);
	pieces[0] = (struct iovec){header, s->header_size};
	/* The TCP header is a multiple of four bytes, so the payload's words are not shifted. */
	sum = frame_sum_pseudo(header, &s->parsed, (uint32_t)(tcp_size + size));
	sum = frame_sum(sum, header + s->parsed.l4, tcp_size, false);
	sum += frame_sum_iov(0, pieces + 1, n);
	frame_put16(header + s->parsed.l4 + 16, (uint16_t)~frame_sum_fold(sum));
	s->done += size;
	s->index++;
	return n + 1;
}
