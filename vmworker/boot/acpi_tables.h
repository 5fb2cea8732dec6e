/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ACPI tables of the emulated machine (ACPI specification 6.4). */
#ifndef ACPI_TABLES_H
#define ACPI_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Fills area (zeroed here) with RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT as they are to lie at
 * GPA base, the RSDP first; base is 64-byte aligned and area ends below 4 GiB. vmbus: the DSDT
 * tells of it. Returns the bytes used, 0 when size is too small for vp_count processors.
 */
size_t acpi_tables_build(uint32_t vp_count, bool vmbus, uint64_t base, uint8_t *area, size_t size);

#endif
