/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_choice.h"

#include "elf_image.h"

int image_choose(int kernel_fd, int payload_fd)
{
	struct image_file file;
	struct elf_image image;

	/* QEMU enters an ELF kernel by PVH only. */
	if (payload_fd >= 0 && image_file_init(&file, payload_fd, "kernel", "payload", NULL) &&
	    elf_image_parse(&file, &image, NULL) && image.has_pvh)
		return payload_fd;
	return kernel_fd;
}
