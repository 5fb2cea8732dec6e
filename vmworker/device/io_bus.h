/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Port and memory-mapped I/O dispatch: a sorted table of regions, built before the VPs run and
 * constant afterwards, so that VP threads look up without a lock. Unclaimed reads give all ones,
 * unclaimed writes are dropped; both are counted.
 */
#ifndef IO_BUS_H
#define IO_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_bus;

enum io_space { IO_SPACE_PORT, IO_SPACE_MEMORY, IO_SPACE_N };

/*
 * Called on the VP thread that made the access; a device guards its own state. offset is relative
 * to the region's base, size is 1, 2, 4 or (memory only) 8, and [offset, offset + size) may reach
 * beyond the region's end when the access straddles it: the device sees only the first byte's
 * offset.
 */
struct io_ops {
	uint64_t (*read)(void *device, uint64_t offset, unsigned int size);
	void (*write)(void *device, uint64_t offset, unsigned int size, uint64_t value);
	/* Optional: n byte writes to one offset at once ("rep outsb"); NULL: n calls of write. */
	void (*write_string)(void *device, uint64_t offset, const uint8_t *data, size_t n);
	/* Widest access that the device decodes, a power of two; 0: the widest of the space (4 or
	 * 8). A wider access becomes several, each looked up by its own address, lowest first, as
	 * a bus bridge does it: with 1 the device sees bytes inside its region and nothing else.
	 * What begins at a byte that nobody claims is nobody's to its end: the long write to PCI's
	 * address port 0xcf8 is not a byte for the reset port 0xcf9. */
	unsigned int width;
};

struct io_bus *io_bus_new(void);
void io_bus_free(struct io_bus *bus);

/* false when the range is empty, wraps, leaves the space, or overlaps another. ops and device are
 * borrowed for the life of the bus. */
bool io_bus_add(struct io_bus *bus, enum io_space space, uint64_t base, uint64_t size,
		const struct io_ops *ops, void *device);

/* data is little-endian, size bytes, count times (string I/O); any size 1..8. */
void io_bus_read(struct io_bus *bus, enum io_space space, uint64_t address, unsigned int size,
		 unsigned int count, void *data);
void io_bus_write(struct io_bus *bus, enum io_space space, uint64_t address, unsigned int size,
		  unsigned int count, const void *data);

uint64_t io_bus_unclaimed(const struct io_bus *bus);

#endif
