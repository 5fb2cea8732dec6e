/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Direct kernel boot: puts a kernel, its initrd, the command line, the zero page and the firmware
 * tables into a partition's RAM and says where VP 0 begins.
 */
#ifndef BOOT_H
#define BOOT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "partition.h"

#define BOOT_ERROR (boot_error_quark())
GQuark boot_error_quark(void);
enum boot_error {
	BOOT_ERROR_IMAGE, /* the kernel or the initrd cannot be booted; the message says why */
	BOOT_ERROR_ROOM,  /* it does not fit into guest RAM */
	BOOT_ERROR_IO,	  /* reading failed */
};

/* Where the emulated machine's parts are, for the tables. */
#define MACHINE_PM_BASE \
	0x600u /* PM1a event block, 4 bytes; control at +4, 2 bytes; timer at +8, 4 bytes */
#define MACHINE_GPE_BASE    0x620u /* GPE0 block, 8 bytes */
#define MACHINE_S5_SLP_TYP  5u	   /* what the DSDT puts into PM1 control to turn off */
#define MACHINE_S4_SLP_TYP  4u	   /* the same to turn off after it has hibernated */
#define MACHINE_RESET_PORT  0xcf9u /* FADT RESET_REG, value 0x06 */
#define MACHINE_SCI_GSI	    9u
#define MACHINE_COM1_PORT   0x3f8u
#define MACHINE_COM1_GSI    4u
#define MACHINE_COM2_PORT   0x2f8u
#define MACHINE_COM2_GSI    3u
#define MACHINE_RTC_PORT    0x70u
#define MACHINE_RTC_GSI	    8u
#define MACHINE_RTC_CENTURY 0x32u /* index in CMOS RAM */
#define MACHINE_I8042_PORT  0x60u /* data; 0x64 command and status */
/* What the MMIO users of VMBus may have: above any RAM below 4 GiB, and up to the IOAPIC. */
#define MACHINE_VMBUS_MMIO_BASE 0xf8000000u
#define MACHINE_VMBUS_MMIO_END	0xfec00000u
#define MACHINE_IOAPIC_BASE	0xfec00000u
#define MACHINE_LAPIC_BASE	0xfee00000u

struct boot_config {
	int kernel_fd;	     /* as the user named it: bzImage or ELF */
	int payload_fd;	     /* its uncompressed ELF payload, or -1 when kernel_fd is ELF */
	int initrd_fd;	     /* or -1 */
	const char *cmdline; /* UTF-8, NUL-terminated; NULL is empty */
	uint32_t vp_count;
	/* names for messages: what the user called the files */
	const char *kernel_name, *initrd_name;
	/* for SMBIOS: the machine's name, and its UUID in RFC 4122 order (16 bytes); NULL: none */
	const char *name;
	const uint8_t *uuid;
	bool no_vmbus; /* the tables must not tell of VMBus */
};

/* How VP 0 starts: always 64-bit long mode or 32-bit protected mode (PVH), set by
 * boot_set_registers. */
enum boot_protocol { BOOT_LINUX64, BOOT_PVH };
struct boot_entry {
	enum boot_protocol protocol;
	uint64_t rip;
	uint64_t parameters; /* GPA of boot_params (RSI) or hvm_start_info (EBX) */
	uint64_t page_table; /* GPA of the identity map (BOOT_LINUX64) */
	uint64_t gdt;	     /* GPA */
};

/*
 * Loads everything; before any VP runs. The payload's page-aligned segments are mapped privately
 * from payload_fd (partition_map_file), the rest is copied. Errors name the file, the fault and
 * the remedy.
 */
gboolean boot_load(struct partition *partition, const struct boot_config *config,
		   struct boot_entry *entry, GError **error);

/* Sets VP 0 as the entry wants it. The other VPs wait for INIT/SIPI as the hypervisor creates them.
 */
hv_status boot_set_registers(struct vp *bootstrap, const struct boot_entry *entry);

#endif
