/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bzimage.h"

#include <stddef.h>
#include <string.h>

#include "boot.h"

#define SECTOR_SIZE	    512u
#define PROTOCOL_PAYLOAD    0x0208u /* payload_offset and payload_length */
#define PROTOCOL_XLOADFLAGS 0x020cu
#define HEADER_JUMP	    (0x200u - BZIMAGE_HEADER_OFFSET) /* "jmp short": its target ends the header */

_Static_assert(offsetof(struct setup_header, boot_flag) == 0x1fe - BZIMAGE_HEADER_OFFSET, "");
_Static_assert(offsetof(struct setup_header, header) == 0x202 - BZIMAGE_HEADER_OFFSET, "");
_Static_assert(offsetof(struct setup_header, version) == 0x206 - BZIMAGE_HEADER_OFFSET, "");
_Static_assert(offsetof(struct setup_header, xloadflags) == 0x236 - BZIMAGE_HEADER_OFFSET, "");
_Static_assert(offsetof(struct setup_header, payload_offset) == 0x248 - BZIMAGE_HEADER_OFFSET, "");
_Static_assert(offsetof(struct setup_header, init_size) == 0x260 - BZIMAGE_HEADER_OFFSET, "");

static void bzimage_truncated(const struct image_file *file, uint64_t need, GError **error)
{
	image_file_error(error, file, BOOT_ERROR_IMAGE,
			 "the file ends early: it has %" G_GUINT64_FORMAT
			 " bytes of %" G_GUINT64_FORMAT " (truncated file?); copy the kernel again",
			 file->size, need);
}

/* The header is as long as its jump says; the rest of ours stays zero. */
static gboolean bzimage_header_read(const struct image_file *file, struct setup_header *header,
				    GError **error)
{
	size_t size, got;

	memset(header, 0, sizeof(*header));
	if (!image_file_read_some(file, BZIMAGE_HEADER_OFFSET, header, sizeof(*header), &got,
				  error))
		return FALSE;
	size = HEADER_JUMP + 2u + (size_t)((const uint8_t *)header)[HEADER_JUMP + 1u];
	size = MIN(size, sizeof(*header));
	if (got < size || got < offsetof(struct setup_header, version) + sizeof(header->version)) {
		bzimage_truncated(file, BZIMAGE_HEADER_OFFSET + size, error);
		return FALSE;
	}
	memset((uint8_t *)header + size, 0, sizeof(*header) - size);
	return TRUE;
}

static gboolean bzimage_header_check(const struct image_file *file,
				     const struct setup_header *header, GError **error)
{
	if (header->version < PROTOCOL_PAYLOAD) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "its boot protocol %u.%02u is too old; use Linux 2.6.26 or newer",
				 header->version >> 8, header->version & 0xffu);
		return FALSE;
	}
	if (header->version >= PROTOCOL_XLOADFLAGS && !(header->xloadflags & XLF_KERNEL_64)) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "it is a 32-bit x86 kernel; use a 64-bit x86-64 kernel");
		return FALSE;
	}
	return TRUE;
}

gboolean bzimage_parse(const struct image_file *file, struct bzimage *image, GError **error)
{
	uint64_t setup_sectors, payload_end;

	if (!bzimage_header_read(file, &image->header, error) ||
	    !bzimage_header_check(file, &image->header, error))
		return FALSE;
	setup_sectors = image->header.setup_sects ? image->header.setup_sects : 4u;
	image->payload_offset = (setup_sectors + 1u) * SECTOR_SIZE + image->header.payload_offset;
	image->payload_size = image->header.payload_length;
	payload_end = image->payload_offset + image->payload_size;
	if (image->payload_size == 0) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "its header names no payload; copy the kernel again");
		return FALSE;
	}
	if (payload_end > file->size) {
		bzimage_truncated(file, payload_end, error);
		return FALSE;
	}
	return TRUE;
}
