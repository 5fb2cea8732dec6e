/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image behind block.h that an NBD server reads and writes: formats other than raw. The server
 * is on the other end of a socket. When that breaks, requests wait for another server, which is
 * asked for, and what was not answered is sent again; when none comes, they fail with -ENOTCONN.
 */
#ifndef NBD_BLOCK_H
#define NBD_BLOCK_H

#include "block.h"

#define NBD_AWAIT_MS 20000u /* so long requests wait for another server */

struct nbd_block_config {
	int fd;		    /* of the server, connected; taken, also on failure */
	bool read_only;	    /* for the guest; the server may be so, too */
	bool no_discard;    /* what a guest discards stays as it is */
	bool write_through; /* the server makes every write durable */
	/* Another server is needed, with the context of `block`; again and again until there is
	 * one or the time is over. On the thread; it only tells somebody else. */
	void (*lost)(void *context);
	uint32_t await_ms; /* 0: NBD_AWAIT_MS */
	struct block_config block;
};

/* Speaks with the server. STORAGE_ERROR_* */
struct block *nbd_block_new(const struct nbd_block_config *config, GError **error);

/* Whether a server is waited for. On the thread, like the next two. */
bool nbd_block_is_awaited(const struct block *block);
/* What is in flight ends and is durable, and the server is left; what comes waits for the next. */
bool nbd_block_suspend(struct block *block, GError **error);
/* That is here: fd is taken, also on failure. Another size is told by block_refresh only. */
bool nbd_block_serve(struct block *block, int fd, GError **error);

#endif
