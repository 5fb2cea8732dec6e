/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arithmetic with rows of buffers. Pure. Rows may be shorter than what is asked for. */
#ifndef IOV_H
#define IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Copies up to `size` bytes; returns how many there were. */
size_t iov_gather(const struct iovec *iov, uint32_t n, void *to, size_t size);
size_t iov_scatter(const struct iovec *iov, uint32_t n, const void *from, size_t size);
/* Drops the first `bytes`, in place. */
void iov_advance(struct iovec **iov, uint32_t *n, size_t bytes);
/* Cuts the row down to `bytes` in place; returns the new n, or UINT32_MAX when it is shorter. */
uint32_t iov_cut(struct iovec *iov, uint32_t n, uint64_t bytes);
/* The part of the row from `skip` on, at most `bytes` long, in at most `max` pieces; how many. */
uint32_t iov_part(const struct iovec *iov, uint32_t n, size_t skip, size_t bytes, struct iovec *to,
		  uint32_t max);
/* Whether every address and length is a multiple of `align`, a power of two. */
bool iov_is_aligned(const struct iovec *iov, uint32_t n, size_t align);

#endif
