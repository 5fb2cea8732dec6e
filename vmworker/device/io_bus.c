/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io_bus.h"

#include <glib.h>
#include <stdatomic.h>
#include <string.h>

struct io_region {
	uint64_t first, last; /* inclusive, so that a region may end with the space */
	const struct io_ops *ops;
	void *device;
};

struct io_bus {
	GArray *regions[IO_SPACE_N]; /* struct io_region, ascending */
	_Atomic uint64_t unclaimed;
};

static const struct {
	uint64_t last;
	unsigned int width;
} io_spaces[IO_SPACE_N] = {
	[IO_SPACE_PORT] = {.last = UINT16_MAX, .width = 4},
	[IO_SPACE_MEMORY] = {.last = UINT64_MAX, .width = 8},
};

struct io_bus *io_bus_new(void)
{
	struct io_bus *bus = g_new0(struct io_bus, 1);

	for (int i = 0; i < IO_SPACE_N; i++)
		bus->regions[i] = g_array_new(FALSE, FALSE, sizeof(struct io_region));
	return bus;
}

void io_bus_free(struct io_bus *bus)
{
	if (!bus)
		return;
	for (int i = 0; i < IO_SPACE_N; i++)
		g_array_unref(bus->regions[i]);
	g_free(bus);
}

/* The number of regions that begin at or below address: the last of them may hold it. */
static guint io_bus_search(const GArray *regions, uint64_t address)
{
	guint low = 0, high = regions->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(regions, struct io_region, middle).first <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct io_region *io_bus_find(const struct io_bus *bus, enum io_space space,
					   uint64_t address)
{
	const GArray *regions = bus->regions[space];
	guint n = io_bus_search(regions, address);
	const struct io_region *region;

	if (n == 0)
		return NULL;
	region = &g_array_index(regions, struct io_region, n - 1);
	return address <= region->last ? region : NULL;
}

bool io_bus_add(struct io_bus *bus, enum io_space space, uint64_t base, uint64_t size,
		const struct io_ops *ops, void *device)
{
	struct io_region region = {.first = base, .ops = ops, .device = device};
	GArray *regions = bus->regions[space];
	guint at;

	g_return_val_if_fail(ops && ops->read && ops->write, false);
	g_return_val_if_fail((ops->width & (ops->width - 1)) == 0 &&
				     ops->width <= io_spaces[space].width,
			     false);

	if (size == 0 || base > io_spaces[space].last || size - 1 > io_spaces[space].last - base)
		return false;
	region.last = base + (size - 1);
	at = io_bus_search(regions, region.last);
	if (at > 0 && g_array_index(regions, struct io_region, at - 1).last >= base)
		return false;
	g_array_insert_val(regions, at, region);
	return true;
}

/* How many bytes of an access of `size` go to the region as one piece: a power of two. */
static unsigned int io_region_piece(const struct io_region *region, enum io_space space,
				    unsigned int size)
{
	unsigned int piece = region->ops->width ? region->ops->width : io_spaces[space].width;

	while (piece > size)
		piece /= 2;
	return piece;
}

static uint64_t io_load(const uint8_t *data, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)data[i] << (8 * i);
	return value;
}

static void io_store(uint8_t *data, unsigned int size, uint64_t value)
{
	for (unsigned int i = 0; i < size; i++)
		data[i] = (uint8_t)(value >> (8 * i));
}

/* One access; data is filled in when reading. */
static void io_bus_access(struct io_bus *bus, enum io_space space, uint64_t address,
			  unsigned int size, uint8_t *read, const uint8_t *write)
{
	unsigned int piece;

	for (unsigned int done = 0; done < size; done += piece) {
		uint64_t at = address + done;
		/* A wrapped address is beyond the space, not at its beginning. */
		const struct io_region *region = at < address ? NULL : io_bus_find(bus, space, at);

		if (!region) {
			if (read)
				memset(read + done, 0xff, size - done);
			atomic_fetch_add_explicit(&bus->unclaimed, 1, memory_order_relaxed);
			return;
		}
		piece = io_region_piece(region, space, size - done);
		if (read)
			io_store(read + done, piece,
				 region->ops->read(region->device, at - region->first, piece));
		else
			region->ops->write(region->device, at - region->first, piece,
					   io_load(write + done, piece));
	}
}

void io_bus_read(struct io_bus *bus, enum io_space space, uint64_t address, unsigned int size,
		 unsigned int count, void *data)
{
	uint8_t *bytes = data;

	g_return_if_fail(size >= 1 && size <= 8);
	for (unsigned int i = 0; i < count; i++, bytes += size)
		io_bus_access(bus, space, address, size, bytes, NULL);
}

void io_bus_write(struct io_bus *bus, enum io_space space, uint64_t address, unsigned int size,
		  unsigned int count, const void *data)
{
	const uint8_t *bytes = data;

	g_return_if_fail(size >= 1 && size <= 8);
	if (size == 1 && count > 1) {
		const struct io_region *region = io_bus_find(bus, space, address);

		if (region && region->ops->write_string) {
			region->ops->write_string(region->device, address - region->first, bytes,
						  count);
			return;
		}
	}
	for (unsigned int i = 0; i < count; i++, bytes += size)
		io_bus_access(bus, space, address, size, NULL, bytes);
}

uint64_t io_bus_unclaimed(const struct io_bus *bus)
{
	return atomic_load_explicit(&bus->unclaimed, memory_order_relaxed);
}
