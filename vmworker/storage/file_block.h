/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A raw image file or block device behind block.h, through io_uring. It comes as an open
 * descriptor: a worker opens nothing by name.
 */
#ifndef FILE_BLOCK_H
#define FILE_BLOCK_H

#include "block.h"
#include "uring.h"

enum file_cache {
	FILE_CACHE_WRITEBACK,	 /* the host's page cache; a guest's flush is fdatasync */
	FILE_CACHE_WRITETHROUGH, /* the same, and every write is durable when it is done */
	FILE_CACHE_NONE,	 /* O_DIRECT; a guest's flush is fdatasync */
	FILE_CACHE_UNSAFE,	 /* flushes do nothing: a power cut may destroy what is in it */
};

struct file_block_config {
	int fd; /* open for reading, and for writing unless read_only; taken, also on failure */
	enum file_cache cache;
	bool read_only;
	bool no_discard;	   /* the space of what a guest discards stays with the file */
	uint32_t block_size;	   /* 512, 4096; 0: 512, or what a device has */
	struct block_config block; /* thread is that of the ring */
};

/* Main thread; STORAGE_ERROR_* with a sentence. The ring is borrowed. */
struct block *file_block_new(struct uring *ring, const struct file_block_config *config,
			     GError **error);

#endif
