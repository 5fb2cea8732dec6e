/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An open kernel or initrd file with the names that messages about it use. Files are hostile: they
 * are read by pread into buffers of ours, never mapped here, and may shrink at any moment.
 */
#ifndef IMAGE_FILE_H
#define IMAGE_FILE_H

#include <glib.h>
#include <stdint.h>

/* The formats read and written in this folder are little-endian, and so is every host of ours. */
_Static_assert(G_BYTE_ORDER == G_LITTLE_ENDIAN, "boot formats are copied as they are");

struct image_file {
	int fd;		  /* borrowed */
	const char *role; /* "kernel", "initrd": the object of the message */
	const char *name; /* what the user called it; borrowed */
	uint64_t size;	  /* bytes, when it was opened */
};

/* Fails (BOOT_ERROR) unless fd is a regular, non-empty file that can be read. */
gboolean image_file_init(struct image_file *file, int fd, const char *role, const char *name,
			 GError **error);

/* Reads exactly size bytes; a file that ends before them is BOOT_ERROR_IMAGE. */
gboolean image_file_read(const struct image_file *file, uint64_t offset, void *data, size_t size,
			 GError **error);

/* Reads what there is of [offset, offset + size): *got bytes, fewer only at the end of the file. */
gboolean image_file_read_some(const struct image_file *file, uint64_t offset, void *data,
			      size_t size, size_t *got, GError **error);

/* Sets *error to "ROLE NAME: …" with a code of enum boot_error. */
void image_file_error(GError **error, const struct image_file *file, int code, const char *format,
		      ...) G_GNUC_PRINTF(4, 5);

/* Whether [offset, offset + size) lies in the file. */
gboolean image_file_contains(const struct image_file *file, uint64_t offset, uint64_t size);

#endif
