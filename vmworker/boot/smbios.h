/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The SMBIOS tables (DMTF DSP0134 3.2): the machine's name and UUID for tools in the guest, and
 * the firmware's date, by which Linux takes the machine for a recent one.
 */
#ifndef SMBIOS_H
#define SMBIOS_H

#include <stddef.h>
#include <stdint.h>

#define SMBIOS_MAX 1024u

struct smbios_config {
	const char *name;     /* of the machine; NULL: none. Cut at 64 bytes. */
	const uint8_t *uuid;  /* 16 bytes in RFC 4122 order; NULL: none */
	uint64_t memory_size; /* bytes */
};

/* Fills area with the entry point and, behind it, the structures; returns the bytes used. */
size_t smbios_build(const struct smbios_config *config, uint64_t base, uint8_t area[SMBIOS_MAX]);

#endif
