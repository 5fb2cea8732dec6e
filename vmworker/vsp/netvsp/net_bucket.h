/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bandwidth limit. Bytes may pass while there is credit; the last packet may overdraw it, which
 * delays the next one, so that packets of any size pass at the rate set. Pure.
 */
#ifndef NET_BUCKET_H
#define NET_BUCKET_H

#include <stdint.h>

struct net_bucket {
	uint64_t rate;	/* bytes per second; 0: no limit */
	int64_t credit; /* bytes */
	int64_t burst;	/* bytes of credit at most */
	uint64_t then;	/* when credit was right, ns */
};

/* burst: a hundredth of a second, and at least one large frame. Full when set. */
void net_bucket_set(struct net_bucket *bucket, uint64_t rate, uint64_t now_ns);
/* 0: pass, and take it off. Otherwise the time in ns at which to try again; nothing was taken. */
uint64_t net_bucket_take(struct net_bucket *bucket, uint64_t bytes, uint64_t now_ns);

#endif
