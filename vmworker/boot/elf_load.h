/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts an ELF kernel's segments into guest RAM. */
#ifndef ELF_LOAD_H
#define ELF_LOAD_H

#include "elf_image.h"
#include "partition.h"

/*
 * Whether all segments lie in the RAM from 1 MiB to the end of the first range; BOOT_ERROR_ROOM
 * names the memory that the machine would need. kernel is the file that messages name.
 */
gboolean elf_load_check(const struct partition *partition, const struct elf_image *image,
			const struct image_file *kernel, GError **error);

/*
 * Loads segments that elf_load_check accepted into RAM that is still zero. With share, whole pages
 * are mapped privately from the file, which must then never change; the rest, and without share
 * everything, is copied.
 */
gboolean elf_load(struct partition *partition, const struct elf_image *image,
		  const struct image_file *file, gboolean share, GError **error);

#endif
