/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory_map.h"

#include "boot_layout.h"

#define EBDA_END 0xa0000u

static void memory_map_add(struct memory_map *map, uint64_t base, uint64_t end,
			   enum memory_type type)
{
	if (end <= base || map->n == MEMORY_MAP_MAX)
		return;
	map->ranges[map->n++] = (struct memory_range){base, end - base, type};
}

void memory_map_build(const struct gpa_range *ram, size_t n_ram, struct memory_map *map)
{
	*map = (struct memory_map){0};
	memory_map_add(map, 0, BOOT_LOW_END, MEMORY_RAM);
	memory_map_add(map, BOOT_LOW_END, EBDA_END, MEMORY_RESERVED);
	memory_map_add(map, BOOT_FIRMWARE_BASE, BOOT_FIRMWARE_END, MEMORY_RESERVED);
	for (size_t i = 0; i < n_ram; i++) {
		uint64_t base = ram[i].base;

		memory_map_add(map, base > BOOT_FIRMWARE_END ? base : BOOT_FIRMWARE_END,
			       base + ram[i].size, MEMORY_RAM);
	}
}
