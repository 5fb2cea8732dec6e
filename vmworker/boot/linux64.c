/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Linux's 64-bit boot protocol (Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL", and
 * zero-page.rst): paging on with RAM mapped to itself, flat segments, RSI at the zero page.
 */
#include <stddef.h>
#include <string.h>

#include "boot_image.h"
#include "boot_layout.h"

#define LOADER_UNDEFINED 0xffu
#define PROTOCOL_2_15	 0x020fu
#define PAGE_PRESENT	 0x001ull
#define PAGE_WRITE	 0x002ull
#define PAGE_LARGE	 0x080ull
#define LARGE_PAGE_SHIFT 21u
#define TABLE_ENTRIES	 512u

_Static_assert(sizeof(struct boot_params) == 4096, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, acpi_rsdp_addr) == 0x070, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, ext_ramdisk_image) == 0x0c0, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, ext_ramdisk_size) == 0x0c4, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, ext_cmd_line_ptr) == 0x0c8, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, e820_entries) == 0x1e8, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, hdr) == 0x1f1, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, hdr.type_of_loader) == 0x210, "boot.rst");
_Static_assert(offsetof(struct boot_params, hdr.loadflags) == 0x211, "boot.rst");
_Static_assert(offsetof(struct boot_params, hdr.ramdisk_image) == 0x218, "boot.rst");
_Static_assert(offsetof(struct boot_params, hdr.ramdisk_size) == 0x21c, "boot.rst");
_Static_assert(offsetof(struct boot_params, hdr.cmd_line_ptr) == 0x228, "boot.rst");
_Static_assert(offsetof(struct boot_params, hdr.initrd_addr_max) == 0x22c, "boot.rst");
_Static_assert(offsetof(struct boot_params, hdr.cmdline_size) == 0x238, "boot.rst");
_Static_assert(offsetof(struct boot_params, hdr.setup_data) == 0x250, "boot.rst");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "zero-page.rst");
_Static_assert(sizeof(struct boot_e820_entry) == 20, "zero-page.rst");
_Static_assert(MEMORY_MAP_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "the map fits into the zero page");

/* For an ELF that came without a bzImage: what a current kernel's own header says. */
static void linux64_header_synthesise(struct setup_header *header)
{
	header->boot_flag = 0xaa55;
	memcpy(&header->header, "HdrS", sizeof(header->header));
	header->version = PROTOCOL_2_15;
	header->loadflags = LOADED_HIGH;
	header->xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G;
	header->vid_mode = 0xffff;
	header->kernel_alignment = 0x200000;
}

static void linux64_params_fill(struct boot_params *params, const struct boot_image *image)
{
	if (image->is_bzimage)
		params->hdr = image->bzimage.header;
	else
		linux64_header_synthesise(&params->hdr);
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = BOOT_CMDLINE;
	params->hdr.setup_data = 0;
	params->hdr.ramdisk_image = (uint32_t)image->initrd_base;
	params->ext_ramdisk_image = (uint32_t)(image->initrd_base >> 32);
	params->hdr.ramdisk_size = (uint32_t)image->initrd_size;
	params->ext_ramdisk_size = (uint32_t)(image->initrd_size >> 32);
	params->acpi_rsdp_addr = image->rsdp;
	for (size_t i = 0; i < image->map.n; i++) {
		params->e820_table[i].addr = image->map.ranges[i].base;
		params->e820_table[i].size = image->map.ranges[i].size;
		params->e820_table[i].type = image->map.ranges[i].type;
	}
	params->e820_entries = (uint8_t)image->map.n;
}

/* PML4 -> PDPT -> one directory of 2 MiB pages per GiB. */
static hv_status linux64_page_tables_write(struct partition *partition)
{
	uint64_t tables[2 + BOOT_IDENTITY_GIB][TABLE_ENTRIES] = {0};
	uint64_t pdpt = BOOT_PAGE_TABLES + PARTITION_PAGE_SIZE;

	tables[0][0] = pdpt | PAGE_PRESENT | PAGE_WRITE;
	for (uint64_t gib = 0; gib < BOOT_IDENTITY_GIB; gib++) {
		tables[1][gib] =
			(pdpt + (gib + 1) * PARTITION_PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITE;
		for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
			tables[2 + gib][i] = ((gib * TABLE_ENTRIES + i) << LARGE_PAGE_SHIFT) |
					     PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE;
	}
	_Static_assert(BOOT_PAGE_TABLES + sizeof(tables) <= BOOT_CMDLINE, "boot_layout.h");
	return partition_write_gpa(partition, BOOT_PAGE_TABLES, tables, sizeof(tables));
}

static hv_status linux64_gdt_write(struct partition *partition)
{
	/* null, unused, BOOT_GDT_CODE, BOOT_GDT_DATA, BOOT_GDT_TSS (16 bytes): flat, 64-bit code */
	static const uint64_t gdt[] = {
		0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x0000890000000067, 0};

	return partition_write_gpa(partition, BOOT_GDT, gdt, sizeof(gdt));
}

hv_status linux64_prepare(struct partition *partition, const struct boot_image *image,
			  struct boot_entry *entry)
{
	struct boot_params params = {0};
	hv_status status;

	linux64_params_fill(&params, image);
	status = partition_write_gpa(partition, BOOT_PARAMS, &params, sizeof(params));
	if (status == HV_STATUS_SUCCESS)
		status = linux64_page_tables_write(partition);
	if (status == HV_STATUS_SUCCESS)
		status = linux64_gdt_write(partition);
	*entry = (struct boot_entry){
		.protocol = BOOT_LINUX64,
		.rip = image->elf.entry,
		.parameters = BOOT_PARAMS,
		.page_table = BOOT_PAGE_TABLES,
		.gdt = BOOT_GDT,
	};
	return status;
}
