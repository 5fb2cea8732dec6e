/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes that lie in several pieces of memory. Pure. */
#ifndef FRAME_IOV_H
#define FRAME_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Copies up to `size` bytes from byte `offset` on. Returns how many there were. */
size_t frame_iov_read(const struct iovec *iov, unsigned int n, size_t offset, void *to,
		      size_t size);
/* The pieces that hold the bytes [offset, offset + size), at most `most`. Returns how many; 0 when
 * they do not lie within iov, or in more pieces than that. */
unsigned int frame_iov_slice(const struct iovec *iov, unsigned int n, size_t offset, size_t size,
			     struct iovec *slice, unsigned int most);

#endif
