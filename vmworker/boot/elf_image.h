/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ELF64 kernel: where its segments go in guest physical memory and where it may be entered. */
#ifndef ELF_IMAGE_H
#define ELF_IMAGE_H

#include <glib.h>
#include <stdint.h>

#include "image_file.h"

#define ELF_IMAGE_MAX_SEGMENTS 32u

struct elf_segment {
	uint64_t offset;      /* in the file */
	uint64_t address;     /* GPA */
	uint64_t file_size;   /* bytes, <= memory_size; all inside the file */
	uint64_t memory_size; /* bytes, > 0; what the file does not give is zero */
};

struct elf_image {
	uint64_t entry;	    /* e_entry; inside a segment's physical range when has_entry */
	gboolean has_entry; /* a 64-bit entry by physical address, as Linux has */
	uint64_t pvh_entry; /* GPA */
	gboolean has_pvh;   /* a XEN_ELFNOTE_PHYS32_ENTRY note that points into a segment */
	uint64_t base, end; /* of all segments: GPA, end exclusive */
	size_t n_segments;  /* >= 1 */
	struct elf_segment segments[ELF_IMAGE_MAX_SEGMENTS]; /* ascending, disjoint */
};

/*
 * Reads the headers and notes of an ELF file, all of which are checked against the file's size,
 * each other and arithmetic overflow. Fails with BOOT_ERROR_IMAGE for what is no x86-64 kernel
 * (naming the architecture it is for) and BOOT_ERROR_IO.
 */
gboolean elf_image_parse(const struct image_file *file, struct elf_image *image, GError **error);

#endif
