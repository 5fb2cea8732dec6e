/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame_iov.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t frame_iov_read(const struct iovec *iov, unsigned int n, size_t offset, void *to, size_t size)
{
	size_t copied = 0;

	for (unsigned int i = 0; i < n && copied < size; i++) {
		size_t length;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		length = least(iov[i].iov_len - offset, size - copied);
		memcpy((uint8_t *)to + copied, (const uint8_t *)iov[i].iov_base + offset, length);
		copied += length;
		offset = 0;
	}
	return copied;
}

unsigned int frame_iov_slice(const struct iovec *iov, unsigned int n, size_t offset, size_t size,
			     struct iovec *slice, unsigned int most)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < n && size > 0; i++) {
		size_t length;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		if (used == most)
			return 0;
		length = least(iov[i].iov_len - offset, size);
		slice[used++] = (struct iovec){(uint8_t *)iov[i].iov_base + offset, length};
		size -= length;
		offset = 0;
	}
	return size == 0 ? used : 0;
}
