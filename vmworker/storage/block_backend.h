/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a back end of block.h provides and calls. All on the block's thread. */
#ifndef BLOCK_BACKEND_H
#define BLOCK_BACKEND_H

#include "block.h"

struct block_ops {
	/* Takes a request that is in range, aligned and allowed; `moved` bytes of it are done
	 * already. Ends it by block_finish, not from within. */
	void (*submit)(void *backend, struct block_request *request);
	void (*commit)(void *backend);
	/* Returns when every request that was taken has been finished. */
	void (*drain)(void *backend);
	/* The size in bytes as it is now; 0 or a negative errno. NULL: never changes. */
	int (*refresh)(void *backend, uint64_t *size);
	void (*free)(void *backend);
};

/* Takes the back end, also when it fails. */
struct block *block_new(const struct block_ops *ops, void *backend, const struct block_info *info,
			const struct block_config *config, GError **error);

void *block_backend(const struct block *block);

/* error: 0 or a negative errno. */
void block_finish(struct block_request *request, int error);
/* After one or more block_finish. */
void block_batch_end(struct block *block);

#endif
