/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net_buffer.h"

#include <glib.h>
#include <string.h>

#include "frame_iov.h"

void net_buffer_set(struct net_buffer *buffer, const struct iovec *pages, uint32_t n)
{
	net_buffer_clear(buffer);
	buffer->parts = g_new0(struct iovec, MAX(n, 1));
	buffer->starts = g_new(uint64_t, MAX(n, 1));
	for (uint32_t i = 0; i < n; i++) {
		struct iovec *last = buffer->n ? &buffer->parts[buffer->n - 1] : NULL;

		if (pages[i].iov_len == 0)
			continue;
		if (last && (uint8_t *)last->iov_base + last->iov_len == pages[i].iov_base) {
			last->iov_len += pages[i].iov_len;
		} else {
			buffer->parts[buffer->n] = pages[i];
			buffer->starts[buffer->n++] = buffer->size;
		}
		buffer->size += pages[i].iov_len;
	}
}

void net_buffer_clear(struct net_buffer *buffer)
{
	g_free(buffer->parts);
	g_free(buffer->starts);
	*buffer = (struct net_buffer){0};
}

/* The part that holds the offset, which is below size. */
static uint32_t net_buffer_part(const struct net_buffer *buffer, uint64_t offset)
{
	uint32_t low = 0, high = buffer->n;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (buffer->starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

unsigned int net_buffer_slice(const struct net_buffer *buffer, uint64_t offset, size_t size,
			      struct iovec *slice, unsigned int most)
{
	uint32_t at;

	if (size == 0 || offset >= buffer->size || size > buffer->size - offset)
		return 0;
	at = net_buffer_part(buffer, offset);
	return frame_iov_slice(buffer->parts + at, buffer->n - at,
			       (size_t)(offset - buffer->starts[at]), size, slice, most);
}

void net_buffer_write(const struct net_buffer *buffer, uint64_t offset, const void *from,
		      size_t size)
{
	uint32_t at;

	g_assert(offset <= buffer->size && size <= buffer->size - offset);
	if (size == 0)
		return;
	at = net_buffer_part(buffer, offset);
	offset -= buffer->starts[at];
	while (size > 0) {
		size_t length = MIN(buffer->parts[at].iov_len - (size_t)offset, size);

		memcpy((uint8_t *)buffer->parts[at].iov_base + offset, from, length);
		from = (const uint8_t *)from + length;
		size -= length;
		offset = 0;
		at++;
	}
}
