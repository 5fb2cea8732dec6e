/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of a direct kernel boot: look at the files, place everything, then write RAM. */
#include <inttypes.h>
#include <string.h>

#include "boot.h"
#include "boot_image.h"
#include "boot_layout.h"
#include "elf_load.h"
#include "firmware.h"
#include "kernel_format.h"

#define MIB		  (1ull << 20)
#define LINUX_CMDLINE_MAX 2047u /* COMMAND_LINE_SIZE of x86 Linux, without the NUL */
#define LINUX_INITRD_MAX  0x7fffffffu

size_t boot_image_cmdline_max(const struct boot_image *image)
{
	size_t max = LINUX_CMDLINE_MAX;

	if (image->is_bzimage && image->bzimage.header.cmdline_size > 0)
		max = image->bzimage.header.cmdline_size;
	return MIN(max, BOOT_CMDLINE_ROOM - 1u);
}

uint64_t boot_image_initrd_max(const struct boot_image *image, gboolean *high)
{
	*high = image->is_bzimage &&
		(image->bzimage.header.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) != 0;
	if (image->is_bzimage && image->bzimage.header.initrd_addr_max > 0)
		return image->bzimage.header.initrd_addr_max;
	return LINUX_INITRD_MAX;
}

static gboolean boot_files_open(const struct boot_config *config, struct boot_image *image,
				GError **error)
{
	enum kernel_format format;

	if (!image_file_init(&image->kernel, config->kernel_fd, "kernel", config->kernel_name,
			     error) ||
	    !kernel_format_probe(&image->kernel, &format, error))
		return FALSE;
	image->is_bzimage = format == KERNEL_BZIMAGE;
	image->loaded = image->kernel;
	if (!image->is_bzimage)
		return TRUE;
	if (!bzimage_parse(&image->kernel, &image->bzimage, error))
		return FALSE;
	if (config->payload_fd < 0) {
		image_file_error(error, &image->kernel, BOOT_ERROR_IMAGE,
				 "its payload was not unpacked; start the virtual machine through "
				 "the management service");
		return FALSE;
	}
	return image_file_init(&image->loaded, config->payload_fd, "kernel", config->kernel_name,
			       error);
}

static gboolean boot_kernel_load(struct partition *partition, struct boot_image *image,
				 GError **error)
{
	if (!elf_image_parse(&image->loaded, &image->elf, error))
		return FALSE;
	if (!image->elf.has_entry && !image->elf.has_pvh) {
		image_file_error(error, &image->kernel, BOOT_ERROR_IMAGE,
				 "it has neither a 64-bit entry at a physical address nor a PVH "
				 "note; use a Linux kernel or one built with CONFIG_PVH");
		return FALSE;
	}
	if (image->is_bzimage && !image->elf.has_entry) {
		image_file_error(error, &image->kernel, BOOT_ERROR_IMAGE,
				 "its payload has no 64-bit entry; copy the kernel again");
		return FALSE;
	}
	/*
	 * Only the cached payload is ours and immutable. A vmlinux of the user's may be written
	 * over while the machine runs, so it is copied.
	 */
	return elf_load_check(partition, &image->elf, &image->kernel, error) &&
	       elf_load(partition, &image->elf, &image->loaded, image->is_bzimage, error);
}

/* The highest page-aligned place in [from, to), or 0. */
static uint64_t initrd_place(uint64_t from, uint64_t to, uint64_t size)
{
	uint64_t base;

	if (to < size)
		return 0;
	base = (to - size) & ~(PARTITION_PAGE_SIZE - 1);
	return base >= from ? base : 0;
}

static gboolean boot_initrd_load(struct partition *partition, const struct boot_config *config,
				 struct boot_image *image, GError **error)
{
	struct image_file file;
	struct gpa_range ram[2];
	size_t n_ram = partition_ram_ranges(partition, ram);
	gboolean high;
	uint64_t limit = boot_image_initrd_max(image, &high) + 1;
	uint64_t base;
	void *pointer;

	if (config->initrd_fd < 0)
		return TRUE;
	if (!image_file_init(&file, config->initrd_fd, "initrd", config->initrd_name, error))
		return FALSE;
	base = initrd_place(image->elf.end, MIN(ram[0].base + ram[0].size, limit), file.size);
	if (base == 0 && high && n_ram == 2)
		base = initrd_place(ram[1].base, ram[1].base + ram[1].size, file.size);
	pointer = base ? partition_gpa_pointer(partition, base, file.size) : NULL;
	if (!pointer) {
		image_file_error(error, &file, BOOT_ERROR_ROOM,
				 "its %" PRIu64
				 " MiB do not fit beside the kernel, which ends at %" PRIu64
				 " MiB, in the virtual machine's %" PRIu64
				 " MiB; give it more memory or use a smaller initrd",
				 boot_mib(file.size), boot_mib(image->elf.end),
				 boot_mib(partition_memory_size(partition)));
		return FALSE;
	}
	image->initrd_base = base;
	image->initrd_size = file.size;
	return image_file_read(&file, 0, pointer, (size_t)file.size, error);
}

static gboolean boot_cmdline_check(const struct boot_config *config, struct boot_image *image,
				   GError **error)
{
	size_t max = boot_image_cmdline_max(image);
	size_t length;

	image->cmdline = config->cmdline ? config->cmdline : "";
	length = strlen(image->cmdline);
	if (length <= max)
		return TRUE;
	image_file_error(error, &image->kernel, BOOT_ERROR_IMAGE,
			 "the command line has %zu bytes and this kernel takes %zu; shorten it",
			 length, max);
	return FALSE;
}

gboolean boot_load(struct partition *partition, const struct boot_config *config,
		   struct boot_entry *entry, GError **error)
{
	g_autofree struct boot_image *image = g_new0(struct boot_image, 1);
	struct gpa_range ram[2];
	hv_status status;

	if (!boot_files_open(config, image, error) || !boot_cmdline_check(config, image, error) ||
	    !boot_kernel_load(partition, image, error) ||
	    !boot_initrd_load(partition, config, image, error))
		return FALSE;
	memory_map_build(ram, partition_ram_ranges(partition, ram), &image->map);
	status = firmware_install(partition, config, &image->rsdp);
	if (status == HV_STATUS_SUCCESS)
		status = partition_write_gpa(partition, BOOT_CMDLINE, image->cmdline,
					     strlen(image->cmdline) + 1);
	if (status == HV_STATUS_SUCCESS && (image->is_bzimage || !image->elf.has_pvh))
		status = linux64_prepare(partition, image, entry);
	else if (status == HV_STATUS_SUCCESS)
		status = pvh_prepare(partition, image, entry);
	if (status == HV_STATUS_SUCCESS)
		return TRUE;
	image_file_error(error, &image->kernel, BOOT_ERROR_ROOM,
			 "the boot parameters do not fit into the virtual machine's memory (%s); "
			 "give it at least 1 MiB",
			 hv_status_name(status));
	return FALSE;
}
