/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A back end of block.h in memory. Requests end at block_commit, or when the test lets them. What
 * lies outside the disk is never reached: block_check comes before, and this one asserts.
 */
#ifndef MEMORY_BLOCK_H
#define MEMORY_BLOCK_H

#include "block_backend.h"

struct memory_block {
	uint8_t *data;
	uint64_t size; /* what refresh tells; the data keeps its first size */
	struct block_request *first, **last;
	struct block *block;
	bool hold;	       /* requests stay in flight until memory_block_release or a drain */
	int fail;	       /* negative errno for those that end now; 0: none */
	enum block_op fail_op; /* the only one that fails; BLOCK_N_OPS: all */
	unsigned int n[BLOCK_N_OPS]; /* that ended well */
	unsigned int fua, commits;
	/* Called as a request is served, before its data is touched; NULL: nothing. */
	void (*serving)(void *context);
	void *context;
};

/* Borrowed memory of the test, which is free to look at it once the block is gone. */
struct block *memory_block_new(struct memory_block *memory, uint64_t size,
			       const struct block_info *info, const struct block_config *config);
/* On the block's thread: ends what is held. */
void memory_block_release(struct memory_block *memory);
void memory_block_clear(struct memory_block *memory);

#endif
