/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "iov.h"

#include <string.h>

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t iov_gather(const struct iovec *iov, uint32_t n, void *to, size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0; i < n && at < size; i++) {
		size_t part = min_size(iov[i].iov_len, size - at);

		if (part)
			memcpy((uint8_t *)to + at, iov[i].iov_base, part);
		at += part;
	}
	return at;
}

size_t iov_scatter(const struct iovec *iov, uint32_t n, const void *from, size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0; i < n && at < size; i++) {
		size_t part = min_size(iov[i].iov_len, size - at);

		if (part)
			memcpy(iov[i].iov_base, (const uint8_t *)from + at, part);
		at += part;
	}
	return at;
}

uint32_t iov_part(const struct iovec *iov, uint32_t n, size_t skip, size_t bytes, struct iovec *to,
		  uint32_t max)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < n && bytes > 0 && used < max; i++) {
		size_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = min_size(iov[i].iov_len - skip, bytes);
		to[used++] = (struct iovec){(uint8_t *)iov[i].iov_base + skip, part};
		bytes -= part;
		skip = 0;
	}
	return used;
}

void iov_advance(struct iovec **iov, uint32_t *n, size_t bytes)
{
	while (*n && bytes >= (*iov)->iov_len) {
		bytes -= (*iov)->iov_len;
		(*iov)++;
		(*n)--;
	}
	if (*n && bytes) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + bytes;
		(*iov)->iov_len -= bytes;
	}
}

uint32_t iov_cut(struct iovec *iov, uint32_t n, uint64_t bytes)
{
	for (uint32_t i = 0; i < n; i++) {
		if (bytes == 0)
			return i;
		if (iov[i].iov_len > bytes)
			iov[i].iov_len = (size_t)bytes;
		bytes -= iov[i].iov_len;
	}
	return bytes ? UINT32_MAX : n;
}

bool iov_is_aligned(const struct iovec *iov, uint32_t n, size_t align)
{
	uintptr_t bits = 0;

	for (uint32_t i = 0; i < n; i++)
		bits |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
	return (bits & (align - 1)) == 0;
}
