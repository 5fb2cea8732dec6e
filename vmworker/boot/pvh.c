/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PVH entry (Xen, docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h, version 1). */
#include <stddef.h>
#include <stdint.h>

#include "boot_image.h"
#include "boot_layout.h"

#define START_INFO_MAGIC 0x336ec578u

struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};

struct hvm_modlist_entry {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct hvm_memmap_table_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* One block at BOOT_START_INFO. */
struct pvh_block {
	struct hvm_start_info info;
	struct hvm_modlist_entry module;
	struct hvm_memmap_table_entry map[MEMORY_MAP_MAX];
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "start_info.h");
_Static_assert(offsetof(struct hvm_start_info, modlist_paddr) == 16, "start_info.h");
_Static_assert(offsetof(struct hvm_start_info, memmap_paddr) == 40, "start_info.h");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "start_info.h");
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "start_info.h");
_Static_assert(BOOT_START_INFO + sizeof(struct pvh_block) <= BOOT_PARAMS, "boot_layout.h");

hv_status pvh_prepare(struct partition *partition, const struct boot_image *image,
		      struct boot_entry *entry)
{
	struct pvh_block block = {
		.info =
			{
				.magic = START_INFO_MAGIC,
				.version = 1,
				.cmdline_paddr = BOOT_CMDLINE,
				.rsdp_paddr = image->rsdp,
				.memmap_paddr = BOOT_START_INFO + offsetof(struct pvh_block, map),
				.memmap_entries = (uint32_t)image->map.n,
			},
	};

	if (image->initrd_size > 0) {
		block.info.nr_modules = 1;
		block.info.modlist_paddr = BOOT_START_INFO + offsetof(struct pvh_block, module);
		block.module.paddr = image->initrd_base;
		block.module.size = image->initrd_size;
	}
	for (size_t i = 0; i < image->map.n; i++) {
		block.map[i].addr = image->map.ranges[i].base;
		block.map[i].size = image->map.ranges[i].size;
		block.map[i].type = image->map.ranges[i].type;
	}
	*entry = (struct boot_entry){
		.protocol = BOOT_PVH,
		.rip = image->elf.pvh_entry,
		.parameters = BOOT_START_INFO,
	};
	return partition_write_gpa(partition, BOOT_START_INFO, &block, sizeof(block));
}
