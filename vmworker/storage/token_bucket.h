/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A rate limit as arithmetic: units at a rate, with a burst. Pure; the caller brings the time.
 *
 * It is kept as the moment at which the bucket would be full again, exact to a fraction of a
 * nanosecond, so that no rounding adds up. A cost larger than the burst is let through from a full
 * bucket and paid for afterwards; otherwise a large request could never pass.
 */
#ifndef TOKEN_BUCKET_H
#define TOKEN_BUCKET_H

#include <stdint.h>

struct token_bucket {
	uint64_t rate;	   /* units a second; 0: no limit */
	uint64_t burst_ns; /* the burst as time at this rate */
	uint64_t full_ns;  /* when it is full again */
	uint64_t fraction; /* of full_ns, in 1/rate ns */
};

/* burst: units; 0 means a tenth of a second's worth. Full at first. */
void token_bucket_init(struct token_bucket *bucket, uint64_t rate, uint64_t burst);
/* Nanoseconds until `cost` units may be taken: 0 means now. */
uint64_t token_bucket_wait(const struct token_bucket *bucket, uint64_t cost, uint64_t now_ns);
/* Takes them. */
void token_bucket_take(struct token_bucket *bucket, uint64_t cost, uint64_t now_ns);

#endif
