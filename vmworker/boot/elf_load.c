/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elf_load.h"

#include <inttypes.h>

#include "boot.h"
#include "boot_layout.h"

#define PAGE_MASK (PARTITION_PAGE_SIZE - 1)
#define MIB	  (1ull << 20)

gboolean elf_load_check(const struct partition *partition, const struct elf_image *image,
			const struct image_file *kernel, GError **error)
{
	struct gpa_range ram[2];
	size_t n = partition_ram_ranges(partition, ram);
	uint64_t low_end = n > 0 ? ram[0].base + ram[0].size : 0;

	if (image->base < BOOT_FIRMWARE_END) {
		image_file_error(error, kernel, BOOT_ERROR_IMAGE,
				 "it wants to be loaded at 0x%" PRIx64
				 ", below 1 MiB, where the firmware is; link it higher",
				 image->base);
		return FALSE;
	}
	if (image->end <= low_end)
		return TRUE;
	if (image->end > PARTITION_LOW_LIMIT) {
		image_file_error(error, kernel, BOOT_ERROR_IMAGE,
				 "it wants to be loaded up to 0x%" PRIx64
				 ", above all low memory (0x%llx); link it lower",
				 image->end, PARTITION_LOW_LIMIT);
		return FALSE;
	}
	image_file_error(error, kernel, BOOT_ERROR_ROOM,
			 "it takes memory up to %" PRIu64
			 " MiB and the virtual machine has %" PRIu64
			 " MiB; give it more than %" PRIu64 " MiB of memory",
			 boot_mib(image->end), boot_mib(partition_memory_size(partition)),
			 boot_mib(image->end));
	return FALSE;
}

static gboolean elf_load_copy(struct partition *partition, const struct image_file *file,
			      uint64_t address, uint64_t offset, uint64_t size, GError **error)
{
	void *ram;

	if (size == 0)
		return TRUE;
	ram = partition_gpa_pointer(partition, address, size);
	if (!ram) {
		image_file_error(error, file, BOOT_ERROR_ROOM,
				 "0x%" PRIx64
				 " is not in the virtual machine's memory; give it more",
				 address);
		return FALSE;
	}
	return image_file_read(file, offset, ram, (size_t)size, error);
}

/* head is copied up to the first whole page, the whole pages are mapped, the tail is copied. */
static gboolean elf_load_shared(struct partition *partition, const struct elf_segment *segment,
				const struct image_file *file, GError **error)
{
	uint64_t head = MIN(-segment->address & PAGE_MASK, segment->file_size);
	uint64_t pages = (segment->file_size - head) & ~PAGE_MASK;
	uint64_t tail = segment->file_size - head - pages;
	hv_status status = HV_STATUS_SUCCESS;

	if (pages > 0)
		status = partition_map_file(partition, segment->address + head, file->fd,
					    segment->offset + head, pages);
	if (status != HV_STATUS_SUCCESS) {
		g_debug("%s %s: mapping %" PRIu64 " bytes failed (%s), copying them", file->role,
			file->name, pages, hv_status_name(status));
		head += pages;
		tail = segment->file_size - head;
		pages = 0;
	}
	return elf_load_copy(partition, file, segment->address, segment->offset, head, error) &&
	       elf_load_copy(partition, file, segment->address + head + pages,
			     segment->offset + head + pages, tail, error);
}

gboolean elf_load(struct partition *partition, const struct elf_image *image,
		  const struct image_file *file, gboolean share, GError **error)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct elf_segment *segment = &image->segments[i];
		gboolean congruent = ((segment->address ^ segment->offset) & PAGE_MASK) == 0;
		gboolean done;

		if (share && congruent)
			done = elf_load_shared(partition, segment, file, error);
		else
			done = elf_load_copy(partition, file, segment->address, segment->offset,
					     segment->file_size, error);
		if (!done)
			return FALSE;
	}
	return TRUE;
}
