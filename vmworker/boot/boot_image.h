/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What boot_load has put into RAM so far, as the two entry protocols need it. */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include "boot.h"
#include "bzimage.h"
#include "elf_image.h"
#include "image_file.h"
#include "memory_map.h"

struct boot_image {
	struct image_file kernel; /* as the user named it */
	struct image_file loaded; /* the ELF that is loaded: the payload, or the kernel itself */
	gboolean is_bzimage;
	struct bzimage bzimage; /* when is_bzimage */
	struct elf_image elf;
	const char *cmdline;
	uint64_t initrd_base, initrd_size; /* GPA, bytes; size 0: none */
	uint64_t rsdp;			   /* GPA */
	struct memory_map map;
};

/* The longest command line that the kernel takes, in bytes without the NUL. */
size_t boot_image_cmdline_max(const struct boot_image *image);
/* The last byte that an initrd may take, as a GPA; *high: it may also lie above 4 GiB. */
uint64_t boot_image_initrd_max(const struct boot_image *image, gboolean *high);

/* Write the protocol's parameters and fill in *entry. Fail only where RAM cannot be written. */
hv_status linux64_prepare(struct partition *partition, const struct boot_image *image,
			  struct boot_entry *entry);
hv_status pvh_prepare(struct partition *partition, const struct boot_image *image,
		      struct boot_entry *entry);

#endif
