/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A buffer that the guest lent (its receive or its send buffer): one range of offsets over pages
 * that lie anywhere. The guest may write to it at any time: read once, into a copy.
 */
#ifndef NET_BUFFER_H
#define NET_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct net_buffer {
	struct iovec *parts; /* neighbours in memory are joined; NULL: no buffer */
	uint64_t *starts;    /* the offset at which each begins */
	uint32_t n;
	uint64_t size; /* bytes */
};

/* Copies the array; the memory stays the guest's. */
void net_buffer_set(struct net_buffer *buffer, const struct iovec *pages, uint32_t n);
void net_buffer_clear(struct net_buffer *buffer);
/* Like frame_iov_slice. */
unsigned int net_buffer_slice(const struct net_buffer *buffer, uint64_t offset, size_t size,
			      struct iovec *slice, unsigned int most);
/* The range lies in the buffer. */
void net_buffer_write(const struct net_buffer *buffer, uint64_t offset, const void *from,
		      size_t size);

#endif
