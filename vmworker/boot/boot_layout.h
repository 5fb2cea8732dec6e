/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the loader puts things below 1 MiB. Everything up to BOOT_LOW_END is free again for the
 * guest once its kernel has read it; the firmware area stays.
 */
#ifndef BOOT_LAYOUT_H
#define BOOT_LAYOUT_H

#define BOOT_GDT	   0x1000u
#define BOOT_START_INFO	   0x2000u /* PVH: hvm_start_info, module list, memory map */
#define BOOT_PARAMS	   0x7000u /* Linux: the zero page */
#define BOOT_STACK_TOP	   0x8ff0u
#define BOOT_PAGE_TABLES   0x9000u /* PML4, PDPT, one PD per GiB */
#define BOOT_CMDLINE	   0x20000u
#define BOOT_CMDLINE_ROOM  0x10000u
#define BOOT_LOW_END	   0x9fc00u /* RAM below: PC convention, an EBDA of 1 KiB above */
#define BOOT_FIRMWARE_BASE 0xe0000u /* RSDP, ACPI tables */
#define BOOT_SMBIOS_BASE   0xf0000u
#define BOOT_FIRMWARE_END  0x100000u

#define BOOT_GDT_CODE 0x10u /* selectors that the 64-bit boot protocol asks for */
#define BOOT_GDT_DATA 0x18u
#define BOOT_GDT_TSS  0x20u

#define BOOT_IDENTITY_GIB 4u /* how much the page tables map */

/* For messages: MiB, rounded up. */
static inline uint64_t boot_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & 0xfffff) != 0);
}

#endif
