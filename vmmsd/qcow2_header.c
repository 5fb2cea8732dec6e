/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qcow2_header.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "service_error.h"

#define MAGIC		  0x514649fbu
#define HEADER_V2	  72u
#define HEADER_V3	  104u
#define BACKING_MAX	  1023u
#define FORMAT_MAX	  15u
#define EXTENSION_END	  0u
#define EXTENSION_FORMAT  0xe2792acau
#define INCOMPATIBLE_DATA (UINT64_C(1) << 2)

struct bytes {
	const uint8_t *data;
	size_t size;
};

static gboolean fail(GError **error, const char *what)
{
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE, what);
	return FALSE;
}

static gboolean fail_damaged(GError **error)
{
	return fail(error, "its qcow2 header is damaged or cut short; restore the image");
}

static uint32_t be32(const struct bytes *bytes, size_t offset)
{
	uint32_t value;

	memcpy(&value, bytes->data + offset, sizeof(value));
	return be32toh(value);
}

static uint64_t be64(const struct bytes *bytes, size_t offset)
{
	uint64_t value;

	memcpy(&value, bytes->data + offset, sizeof(value));
	return be64toh(value);
}

/* size bytes at offset of a file of that length. */
static gboolean is_inside(uint64_t offset, uint64_t size, uint64_t length)
{
	return offset <= length && size <= length - offset;
}

/* The tables that every access begins with. */
static gboolean check_tables(const struct bytes *bytes, uint64_t length)
{
	uint64_t l1_bytes = (uint64_t)be32(bytes, 36) * 8, l1 = be64(bytes, 40);
	uint32_t cluster_bits = be32(bytes, 20);
	uint64_t refcounts = be64(bytes, 48), clusters = be32(bytes, 56);

	return cluster_bits >= 9 && cluster_bits <= 21 && is_inside(l1, l1_bytes, length) &&
	       is_inside(refcounts, clusters << cluster_bits, length);
}

static gboolean read_format(const struct bytes *bytes, size_t at, size_t end, char **format)
{
	while (at <= end - 8) {
		uint32_t type = be32(bytes, at), size = be32(bytes, at + 4);

		at += 8;
		if (type == EXTENSION_END)
			return TRUE;
		if (size > end - at)
			return FALSE;
		if (type == EXTENSION_FORMAT) {
			if (size > FORMAT_MAX)
				return FALSE;
			g_free(*format);
			*format = g_strndup((const char *)bytes->data + at, size);
		}
		at += MIN((size + 7u) & ~7u, end - at);
	}
	return TRUE;
}

static gboolean read_backing(const struct bytes *bytes, size_t header_size,
			     struct qcow2_header *header)
{
	uint64_t offset = be64(bytes, 8);
	uint32_t size = be32(bytes, 16);

	if (offset == 0)
		return TRUE;
	if (size == 0 || size > BACKING_MAX || offset < header_size ||
	    !is_inside(offset, size, bytes->size) || memchr(bytes->data + offset, '\0', size))
		return FALSE;
	header->backing = g_strndup((const char *)bytes->data + offset, size);
	return header_size + 8 > offset ||
	       read_format(bytes, header_size, offset, &header->backing_format);
}

gboolean qcow2_header_parse(const uint8_t *data, size_t size, uint64_t length,
			    struct qcow2_header *header, GError **error)
{
	const struct bytes bytes = {data, size};
	size_t header_size = HEADER_V2;
	uint32_t version;

	*header = (struct qcow2_header){0};
	if (size < HEADER_V2 || be32(&bytes, 0) != MAGIC)
		return fail_damaged(error);
	version = be32(&bytes, 4);
	header->size = be64(&bytes, 24);
	if (version != 2 && version != 3)
		return fail(error, "its qcow2 version is neither 2 nor 3; convert it with qemu-img "
				   "convert -O qcow2");
	if (version == 3) {
		header_size = size >= HEADER_V3 ? be32(&bytes, 100) : 0;
		if (header_size < HEADER_V3 || header_size > size)
			return fail_damaged(error);
		if (be64(&bytes, 72) & INCOMPATIBLE_DATA)
			return fail(error, "it keeps its data in another file; convert it with "
					   "qemu-img convert -O qcow2");
	}
	if (be32(&bytes, 32) != 0)
		return fail(error, "it is encrypted; convert it with qemu-img convert");
	return (check_tables(&bytes, length) && read_backing(&bytes, header_size, header)) ||
	       fail_damaged(error);
}

gboolean qcow2_header_read(int fd, struct qcow2_header *header, GError **error)
{
	g_autofree uint8_t *data = g_malloc(QCOW2_HEADER_MAX);
	off_t length = lseek(fd, 0, SEEK_END);
	size_t size = 0;
	ssize_t n = 1;

	while (size < QCOW2_HEADER_MAX && n != 0) {
		n = pread(fd, data + size, QCOW2_HEADER_MAX - size, (off_t)size);
		if (n < 0 && errno != EINTR)
			break;
		size += (size_t)MAX(n, 0);
	}
	return qcow2_header_parse(data, size, (uint64_t)MAX(length, 0), header, error);
}

void qcow2_header_clear(struct qcow2_header *header)
{
	g_free(header->backing);
	g_free(header->backing_format);
	*header = (struct qcow2_header){0};
}
