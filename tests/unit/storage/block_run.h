/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A block on a thread of its own, driven by requests that are random, or single. */
#ifndef BLOCK_RUN_H
#define BLOCK_RUN_H

#include "block.h"

struct block_run {
	struct io_thread *thread;
	struct block *block;
	uint64_t size;
	unsigned int depth;   /* requests at once */
	unsigned int sectors; /* of one, at most; now and then: most are small */
	unsigned int count;
	bool discard; /* what is discarded reads as zeroes */
};

/* Each read is compared with a copy in memory, which is returned: what the block has in the end;
 * g_free. Requests that overlap are never under way together. */
uint8_t *block_run_random(const struct block_run *run);

/* One request that is waited for; its error. */
int block_run_single(struct io_thread *thread, struct block *block, enum block_op op,
		     uint32_t flags, uint64_t offset, uint64_t length, void *buffer);

/* block_free on the thread; NULL is fine. */
void block_run_free(struct io_thread *thread, struct block *block);

#endif
