/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by nbd_block.c (opening, life) and nbd_io.c (requests). */
#ifndef NBD_PRIVATE_H
#define NBD_PRIVATE_H

#include "block_backend.h"
#include "nbd_block.h"
#include "nbd_library.h"

/* A request of the protocol has one row of bytes and a guest's has many: these join them. */
#define NBD_BOUNCE_BUFFERS 16u
#define NBD_BOUNCE_SIZE	   (256u << 10)
#define NBD_DATA_MAX	   (4u << 20)	 /* moved at once; servers take 32 MiB */
#define NBD_SPAN_MAX	   (1024u << 20) /* discarded or zeroed at once; the protocol takes 4 GiB */
#define NBD_IN_FLIGHT	   64u

struct nbd_queue {
	struct block_request *first, **last;
};

struct nbd_block {
	struct nbd_library nbd;
	struct nbd_handle *handle;
	struct block *block;
	struct io_watch *watch; /* NULL: the connection is gone */
	int fd;			/* a duplicate: the library closes its own when it likes */
	bool can_flush, can_fua, can_zero;
	unsigned int in_flight;
	struct nbd_queue waiting; /* for a place in flight, or for a buffer */
	struct nbd_queue ended;	  /* a step each, whose end is to be looked at */
	uint8_t *bounce;	  /* touched when used */
	uint32_t bounce_free;	  /* bit mask */
};

extern const struct block_ops nbd_block_ops;
void nbd_queue_init(struct nbd_queue *queue);
void nbd_ready(void *context, uint32_t events);
void nbd_free(void *backend);

#endif
