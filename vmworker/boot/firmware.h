/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables that a PC's firmware leaves in the last 128 KiB of the first MiB. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include "boot.h"

/* Writes ACPI and SMBIOS tables; *rsdp is where ACPI begins. Fails only where there is no RAM. */
hv_status firmware_install(struct partition *partition, const struct boot_config *config,
			   uint64_t *rsdp);

#endif
