/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtual disk as a controller sees it: a row of bytes that is read, written, flushed and
 * discarded asynchronously. The caller owns a request and its memory until `done`; nothing is
 * allocated per request, neither here nor in a back end, and a back end bounds what it has in
 * flight, so the caller's pool of requests is the only bound that a guest meets.
 *
 * Threading: a block belongs to the I/O thread that it was made for; every function here is called
 * on that thread (io_thread_call), or before anything runs on it.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "io_thread.h"

struct block;

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,	    /* what was done before is on stable storage */
	BLOCK_DISCARD,	    /* a hint; reads zeroes afterwards only where block_info says so */
	BLOCK_WRITE_ZEROES, /* reads zeroes afterwards */
	BLOCK_N_OPS,
};

enum {
	BLOCK_FUA = 1u << 0,	   /* WRITE, WRITE_ZEROES: durable when done */
	BLOCK_MAY_UNMAP = 1u << 1, /* WRITE_ZEROES: may give the space back */
};

struct block_request {
	enum block_op op;
	uint32_t flags;	 /* BLOCK_* */
	uint64_t offset; /* bytes, a multiple of the block size; 0 for FLUSH */
	uint64_t length; /* likewise */
	/* READ, WRITE: n_iov buffers that add up to length. The back end uses the array up, so it
	 * holds nothing of value when the request is done. */
	struct iovec *iov;
	uint32_t n_iov;
	/* error: 0 or a negative errno. On the block's thread, never from within block_submit. The
	 * request is the caller's again and may be submitted anew. */
	void (*done)(struct block_request *request, int error);

	/* Below belongs to the block until the request is done. */
	struct block *block;
	struct block_request *next;
	uint64_t moved; /* bytes that are done with; iov begins there */
	uint64_t backend[8];
};

struct block_info {
	uint64_t size;		      /* bytes, a multiple of block_size */
	uint32_t block_size;	      /* logical: 512 or 4096 */
	uint32_t physical_block_size; /* what is efficient to write */
	bool read_only;
	bool write_back;     /* a write is durable only after a FLUSH */
	bool discard;	     /* DISCARD does something */
	bool discard_zeroes; /* and what it discards reads as zeroes */
};

struct block_limits { /* 0: none. Bursts of 0: a tenth of a second's worth. */
	uint64_t iops, bytes_per_second;
	uint64_t iops_burst, bytes_burst;
};

/* What the host's I/O errors lead to. */
enum block_error_policy {
	BLOCK_ERROR_REPORT, /* the request fails */
	/* It waits, with those that come after it, for block_resume. A FLUSH fails all the same,
	 * but for want of a server: what the kernel could not write back is lost, and trying again
	 * would hide that. */
	BLOCK_ERROR_STOP,
};

struct block_config {
	const char *name; /* for messages; copied */
	struct io_thread *thread;
	struct block_limits limits;
	enum block_error_policy policy;
	/* BLOCK_ERROR_STOP: once per stop, on the thread. Who pauses the VM does that elsewhere. */
	void (*stopped)(void *context, enum block_op op, uint64_t offset, int error);
	void *context;
};

/* The controller on top. Any member may be NULL. */
struct block_client {
	/* After a number of `done` calls: the moment to tell the guest. */
	void (*batch_done)(void *context);
	void (*resized)(void *context, uint64_t size);
	void *context;
};

struct block_stats {
	uint64_t operations[BLOCK_N_OPS], bytes[BLOCK_N_OPS]; /* those that succeeded */
	uint64_t errors;				      /* of the host */
	uint64_t rejected;				      /* out of range, read-only */
	uint64_t delayed;				      /* by the limits */
	uint32_t in_flight, queued;
	bool stopped;
};

/* Nothing may be in flight or queued. NULL is fine. */
void block_free(struct block *block);

const struct block_info *block_info(const struct block *block);
const char *block_name(const struct block *block);
void block_set_client(struct block *block, const struct block_client *client);

/* Takes the request; it may start only with block_commit. Out of range (-ERANGE), read-only
 * (-EROFS) and misaligned (-EINVAL) ones fail by `done` as all others do. */
void block_submit(struct block *block, struct block_request *request);
/* Starts what was submitted, in one system call where the back end can. `done` and `batch_done` of
 * this and of other blocks of the thread may be called from within. */
void block_commit(struct block *block);

/* Ends with -ECANCELED what has not started (held back by limits or by a stop) and matches; NULL
 * matches all. `done` is called from within. */
void block_cancel(struct block *block,
		  bool (*match)(const struct block_request *request, void *context), void *context);
/* Waits until nothing that has started is in flight; what is held back stays so. */
void block_drain(struct block *block);
/* The same, and what the limits hold back starts at once. False: an error has stopped the block
 * before all was done, and holds back the rest. */
bool block_settle(struct block *block);

/* After BLOCK_ERROR_STOP: tries again. */
void block_resume(struct block *block);
void block_set_limits(struct block *block, const struct block_limits *limits);
/* Looks whether the file or device has another size now; tells the client if so. */
void block_refresh(struct block *block);
void block_get_stats(const struct block *block, struct block_stats *stats);

#endif
