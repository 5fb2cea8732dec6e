/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by nbd_block.c (servers that come and go) and nbd_io.c (requests). */
#ifndef NBD_PRIVATE_H
#define NBD_PRIVATE_H

#include "block_backend.h"
#include "nbd_block.h"
#include "nbd_handshake.h"
#include "nbd_wire.h"

#define NBD_DATA_MAX  (4u << 20)    /* moved at once; servers take 32 MiB */
#define NBD_SPAN_MAX  (1024u << 20) /* discarded or zeroed at once; the protocol takes 4 GiB */
#define NBD_IN_FLIGHT 64u

enum nbd_state {
	NBD_SERVED,
	NBD_AWAITED,  /* requests wait for a server */
	NBD_GIVEN_UP, /* they fail, and after a while ask for one again */
};

/* A step of a request: one command of the protocol. */
struct nbd_slot {
	struct block_request *request; /* NULL: free */
	uint64_t handle;
	uint32_t size; /* bytes */
	uint64_t mark; /* of a FLUSH: nbd->written when it came */
	bool sent;
};

struct nbd_block {
	struct nbd_block_config config;
	struct block *block;
	struct nbd_export export;
	enum nbd_state state;
	int fd; /* -1: not served */
	struct io_watch *watch;
	struct io_timer *timer;
	uint64_t give_up_ns; /* while it is awaited */
	uint64_t retry_ns;   /* when it was given up */
	bool failing;	     /* it was just given up: what waits is to fail, and asks for nothing */
	unsigned int fruitless; /* servers in a row that have answered nothing */
	bool busy;		/* ending requests: who submits from within goes on there */

	struct nbd_slot slots[NBD_IN_FLIGHT];
	uint64_t serial;	       /* of the slot used last */
	uint8_t unsent[NBD_IN_FLIGHT]; /* slots, in order; a ring */
	unsigned int first, n_unsent;
	size_t sent;			       /* bytes of the first of them */
	struct block_request *waiting, **last; /* for a slot, or for a server */

	struct nbd_reply reply;
	size_t reply_got;
	struct nbd_slot *reading; /* whose data comes now, before the next reply */
	size_t read_got;

	/* Writes that the server has done, and how many of them a FLUSH has made durable. What a
	 * server that died had in its memory is lost, and the next FLUSH has to say so. */
	uint64_t written, flushed;
	bool flush_fails;
};

extern const struct block_ops nbd_block_ops;
void nbd_io_init(struct nbd_block *nbd);
void nbd_io_ready(void *context, uint32_t events);
/* Fails, sends and ends what can be now. */
void nbd_io_settle(struct nbd_block *nbd);
/* The connection has gone, or goes: what was not answered is to be sent anew. */
void nbd_io_forget(struct nbd_block *nbd);

/* nbd_block.c, for nbd_io.c: */
void nbd_lose(struct nbd_block *nbd);
/* A request came long enough after the last one that was given up. */
void nbd_ask_again(struct nbd_block *nbd);
void nbd_give_up(struct nbd_block *nbd);
void nbd_free(void *backend);

#endif
