/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The setup header of a bzImage (Documentation/arch/x86/boot.rst). */
#ifndef BZIMAGE_H
#define BZIMAGE_H

#include <asm/bootparam.h>
#include <glib.h>
#include <stdint.h>

#include "image_file.h"

#define BZIMAGE_HEADER_OFFSET 0x1f1u

struct bzimage {
	struct setup_header header; /* as the file has it; what the file lacks is zero */
	uint64_t payload_offset;    /* in the file; the payload lies inside it */
	uint64_t payload_size;	    /* bytes, with the appended size where there is one */
};

/*
 * Reads and checks the header of a file that kernel_format_probe calls a bzImage. Fails with
 * BOOT_ERROR_IMAGE for a kernel that is truncated, older than protocol 2.08 (Linux 2.6.26) or
 * without a 64-bit entry, and BOOT_ERROR_IO.
 */
gboolean bzimage_parse(const struct image_file *file, struct bzimage *image, GError **error);

#endif
