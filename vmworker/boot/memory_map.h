/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory map that the guest is told: RAM, and what of the first MiB is the firmware's. */
#ifndef MEMORY_MAP_H
#define MEMORY_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "partition.h"

/* ACPI specification, "Address Range Types"; e820 and PVH use the same numbers. */
enum memory_type { MEMORY_RAM = 1, MEMORY_RESERVED = 2 };

struct memory_range {
	uint64_t base, size; /* GPA, bytes */
	enum memory_type type;
};

#define MEMORY_MAP_MAX 6u
struct memory_map {
	size_t n;
	struct memory_range ranges[MEMORY_MAP_MAX]; /* ascending, disjoint */
};

/*
 * The map of a machine with this RAM (ascending, the first range at 0 and at least 1 MiB). The hole
 * for devices below 4 GiB is in no range.
 */
void memory_map_build(const struct gpa_range *ram, size_t n_ram, struct memory_map *map);

#endif
