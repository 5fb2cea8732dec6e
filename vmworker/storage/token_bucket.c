/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "token_bucket.h"

#define NS_PER_S UINT64_C(1000000000)

/* Longer debts and bursts than this (584 days) are cut, so that no sum below leaves 64 bits. */
#define NS_MAX (UINT64_MAX / 365)

static uint64_t token_bucket_ns(const struct token_bucket *bucket, uint64_t units,
				uint64_t *fraction)
{
	unsigned __int128 total = (unsigned __int128)units * NS_PER_S + *fraction;
	unsigned __int128 ns = total / bucket->rate;

	*fraction = (uint64_t)(total % bucket->rate);
	return ns > NS_MAX ? NS_MAX : (uint64_t)ns;
}

void token_bucket_init(struct token_bucket *bucket, uint64_t rate, uint64_t burst)
{
	uint64_t none = 0;

	*bucket = (struct token_bucket){.rate = rate};
	if (rate == 0)
		return;
	bucket->burst_ns = burst ? token_bucket_ns(bucket, burst, &none) : NS_PER_S / 10;
}

uint64_t token_bucket_wait(const struct token_bucket *bucket, uint64_t cost, uint64_t now_ns)
{
	uint64_t none = 0, cost_ns, used_ns, room_ns;
	uint64_t full_ns = bucket->full_ns + (bucket->fraction != 0);

	if (bucket->rate == 0 || full_ns <= now_ns)
		return 0;
	used_ns = full_ns - now_ns;
	cost_ns = token_bucket_ns(bucket, cost, &none) + (none != 0);
	if (cost_ns > bucket->burst_ns) /* only from a full bucket */
		return used_ns;
	room_ns = bucket->burst_ns - cost_ns;
	return used_ns > room_ns ? used_ns - room_ns : 0;
}

void token_bucket_take(struct token_bucket *bucket, uint64_t cost, uint64_t now_ns)
{
	if (bucket->rate == 0)
		return;
	if (bucket->full_ns < now_ns) {
		bucket->full_ns = now_ns;
		bucket->fraction = 0;
	}
	bucket->full_ns += token_bucket_ns(bucket, cost, &bucket->fraction);
}
