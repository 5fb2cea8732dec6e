/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cuts a large TCP packet into segments, for whoever cannot take it whole: each is a frame with
 * lengths, sequence number, flags and checksums of its own. Pure; the payload is not copied.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "frame.h"

struct segmenter {
	const struct iovec *frame; /* borrowed */
	unsigned int n;
	struct frame parsed;
	uint8_t header[FRAME_HEADER_MAX];
	size_t header_size, payload, done, mss;
	uint16_t index;
};

/* frame: whole, its headers in frame[0]. False: no TCP. */
bool segmenter_init(struct segmenter *segmenter, const struct iovec *frame, unsigned int n,
		    size_t mss);
unsigned int segmenter_count(const struct segmenter *segmenter);
/* The next segment: pieces[0] is in `header`, which has FRAME_HEADER_MAX bytes. Returns the number
 * of pieces, at most `most`; 0: no more (or it would need more pieces). */
unsigned int segmenter_next(struct segmenter *segmenter, uint8_t *header, struct iovec *pieces,
			    unsigned int most);

#endif
