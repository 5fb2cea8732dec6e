/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image behind block.h that an NBD server reads and writes: formats other than raw. The server
 * is on the other end of a socket and is not started anew; when it is gone, every request fails
 * with -ENOTCONN.
 */
#ifndef NBD_BLOCK_H
#define NBD_BLOCK_H

#include "block.h"

struct nbd_block_config {
	int fd;		    /* of the server, connected; taken, also on failure */
	bool read_only;	    /* for the guest; the server may be so, too */
	bool no_discard;    /* what a guest discards stays as it is */
	bool write_through; /* the server makes every write durable */
	struct block_config block;
};

/* Main thread, before the sandbox closes. Speaks with the server. STORAGE_ERROR_* */
struct block *nbd_block_new(const struct nbd_block_config *config, GError **error);

#endif
