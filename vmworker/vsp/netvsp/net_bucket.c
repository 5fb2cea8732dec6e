/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net_bucket.h"

#define SECOND	  1000000000u
#define BURST_MIN 65536
/* 10 s of idle time fill any bucket; more would only overflow. */
#define IDLE_MAX (10ull * SECOND)
#define RATE_MAX (1ull << 40)

void net_bucket_set(struct net_bucket *bucket, uint64_t rate, uint64_t now_ns)
{
	int64_t burst;

	if (rate > RATE_MAX)
		rate = 0;
	burst = (int64_t)(rate / 100);
	if (burst < BURST_MIN)
		burst = BURST_MIN;
	*bucket =
		(struct net_bucket){.rate = rate, .credit = burst, .burst = burst, .then = now_ns};
}

static void net_bucket_fill(struct net_bucket *bucket, uint64_t now_ns)
{
	uint64_t elapsed = now_ns > bucket->then ? now_ns - bucket->then : 0;
	uint64_t more;

	if (elapsed > IDLE_MAX) {
		bucket->credit = bucket->burst;
		bucket->then = now_ns;
		return;
	}
	more = (uint64_t)((unsigned __int128)elapsed * bucket->rate / SECOND);
	if (more == 0)
		return; /* let the fraction of a byte grow */
	bucket->credit += (int64_t)more;
	if (bucket->credit > bucket->burst)
		bucket->credit = bucket->burst;
	/* Rounded up, never beyond now: down would give the fraction twice. */
	bucket->then +=
		(uint64_t)(((unsigned __int128)more * SECOND + bucket->rate - 1) / bucket->rate);
}

uint64_t net_bucket_take(struct net_bucket *bucket, uint64_t bytes, uint64_t now_ns)
{
	if (bucket->rate == 0)
		return 0;
	net_bucket_fill(bucket, now_ns);
	if (bucket->credit <= 0)
		return now_ns + 1 +
		       (uint64_t)((unsigned __int128)(1 - bucket->credit) * SECOND / bucket->rate);
	bucket->credit -= (int64_t)bytes;
	return 0;
}
