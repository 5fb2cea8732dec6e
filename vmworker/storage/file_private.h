/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by file_block.c (opening, life) and file_io.c (requests). */
#ifndef FILE_PRIVATE_H
#define FILE_PRIVATE_H

#include "block_backend.h"
#include "file_block.h"

/* Buffers for guest memory that O_DIRECT does not take: misaligned, which is rare. */
#define FILE_BOUNCE_BUFFERS 8u
#define FILE_BOUNCE_SIZE    (256u << 10)
#define FILE_ZEROES_SIZE    (1u << 20)

/* How DISCARD and WRITE_ZEROES are done, best first; one that the file refuses is not tried again.
 * The last of each always works. */
enum file_discard { FILE_DISCARD_DEVICE, FILE_DISCARD_PUNCH, FILE_DISCARD_IGNORE };
enum file_zero { FILE_ZERO_FALLOCATE, FILE_ZERO_WRITE };

struct file_block {
	struct uring_user user;
	struct block *block;
	struct uring *ring;
	int fd;
	bool is_device, direct;
	bool keep_space; /* nothing is given back */
	enum file_cache cache;
	uint32_t memory_align;	  /* of buffers, with O_DIRECT */
	unsigned int discard;	  /* enum file_discard */
	unsigned int punch, zero; /* enum file_zero, with and without BLOCK_MAY_UNMAP */
	unsigned int in_flight;

	uint8_t *zeroes;      /* FILE_ZEROES_SIZE, read-only, takes no memory */
	uint8_t *bounce;      /* FILE_BOUNCE_BUFFERS of FILE_BOUNCE_SIZE, touched when used */
	uint32_t bounce_free; /* bit mask */
	struct block_request *bounce_wait, **bounce_wait_last;
};

extern const struct block_ops file_block_ops;
void file_batch_end(struct uring_user *user);
/* The size in bytes now; 0 or a negative errno. */
int file_size(const struct file_block *file, uint64_t *size);
void file_free(void *backend);

#endif
