/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "io_bus.h"

#define assert_bytes(data, expected, n) g_assert_cmpint(memcmp(data, expected, n), ==, 0)

/* A device that notes its last access and answers with its offset in every byte. */
struct probe {
	uint64_t offset, value;
	unsigned int reads, writes, strings, size;
	size_t string_size;
	uint8_t string[16];
};

static uint64_t probe_read(void *device, uint64_t offset, unsigned int size)
{
	struct probe *probe = device;

	probe->reads++;
	probe->offset = offset;
	probe->size = size;
	return 0x8877665544332211u + offset;
}

static void probe_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct probe *probe = device;

	probe->writes++;
	probe->offset = offset;
	probe->size = size;
	probe->value = value;
}

static void probe_write_string(void *device, uint64_t offset, const uint8_t *data, size_t n)
{
	struct probe *probe = device;

	probe->strings++;
	probe->offset = offset;
	probe->string_size = n;
	memcpy(probe->string, data, MIN(n, sizeof probe->string));
}

static const struct io_ops wide = {.read = probe_read, .write = probe_write};
static const struct io_ops narrow = {
	.read = probe_read, .write = probe_write, .write_string = probe_write_string, .width = 1};

static void test_add(void)
{
	struct io_bus *bus = io_bus_new();
	struct probe probe = {};

	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0x60, 1, &wide, &probe));
	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0x64, 1, &wide, &probe));
	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0x61, 3, &wide, &probe));
	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0xffff, 1, &wide, &probe));
	g_assert_true(io_bus_add(bus, IO_SPACE_MEMORY, UINT64_MAX - 7, 8, &wide, &probe));
	/* the other space is another space */
	g_assert_true(io_bus_add(bus, IO_SPACE_MEMORY, 0x60, 4, &wide, &probe));

	g_assert_false(io_bus_add(bus, IO_SPACE_PORT, 0x70, 0, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_PORT, 0x64, 1, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_PORT, 0x50, 0x11, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_PORT, 0x63, 8, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_PORT, 0, 0x10000, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_PORT, 0xfffe, 3, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_PORT, 0x10000, 1, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_MEMORY, UINT64_MAX - 7, 9, &wide, &probe));
	g_assert_false(io_bus_add(bus, IO_SPACE_MEMORY, 1, UINT64_MAX, &wide, &probe));
	io_bus_free(bus);
	io_bus_free(NULL);
}

static void test_access(void)
{
	struct io_bus *bus = io_bus_new();
	struct probe a = {}, b = {};
	uint8_t data[16];

	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0x3f8, 8, &narrow, &a));
	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0xcf8, 1, &wide, &b));

	io_bus_read(bus, IO_SPACE_PORT, 0x3fd, 1, 1, data);
	g_assert_cmpuint(a.offset, ==, 5);
	g_assert_cmphex(data[0], ==, 0x16);
	/* a wide device gets the whole access, although it owns the first byte only */
	io_bus_read(bus, IO_SPACE_PORT, 0xcf8, 4, 1, data);
	g_assert_cmpuint(b.reads, ==, 1);
	g_assert_cmpuint(b.size, ==, 4);
	assert_bytes(data, "\x11\x22\x33\x44", 4);
	/* a narrow one gets the bytes, and the bytes behind its end are nobody's */
	io_bus_write(bus, IO_SPACE_PORT, 0x3fe, 4, 1, "\x01\x02\x03\x04");
	g_assert_cmpuint(a.writes, ==, 2);
	g_assert_cmpuint(a.offset, ==, 7);
	g_assert_cmpuint(a.value, ==, 2);
	g_assert_cmpuint(io_bus_unclaimed(bus), ==, 1);
	/* the first byte is nobody's, and so are the others although a device owns them */
	io_bus_read(bus, IO_SPACE_PORT, 0x3f7, 2, 1, data);
	assert_bytes(data, "\xff\xff", 2);
	g_assert_cmpuint(a.reads, ==, 1);
	g_assert_cmpuint(io_bus_unclaimed(bus), ==, 2);
	/* string input asks the same address again */
	io_bus_read(bus, IO_SPACE_PORT, 0x3f8, 1, 3, data);
	assert_bytes(data, "\x11\x11\x11", 3);
	io_bus_write(bus, IO_SPACE_PORT, 0xcf8, 2, 3, "\x01\x02\x03\x04\x05\x06");
	g_assert_cmpuint(b.writes, ==, 3);
	g_assert_cmphex(b.value, ==, 0x0605);
	io_bus_free(bus);
}

static void test_string(void)
{
	struct io_bus *bus = io_bus_new();
	struct probe a = {}, b = {};

	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0x3f8, 8, &narrow, &a));
	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0x2f8, 8, &wide, &b));
	io_bus_write(bus, IO_SPACE_PORT, 0x3f8, 1, 5, "hello");
	g_assert_cmpuint(a.strings, ==, 1);
	g_assert_cmpuint(a.string_size, ==, 5);
	assert_bytes(a.string, "hello", 5);
	io_bus_write(bus, IO_SPACE_PORT, 0x2f8, 1, 5, "hello");
	g_assert_cmpuint(b.writes, ==, 5);
	io_bus_write(bus, IO_SPACE_PORT, 0x4f8, 1, 5, "hello");
	g_assert_cmpuint(io_bus_unclaimed(bus), ==, 5);
	io_bus_free(bus);
}

static void test_edges(void)
{
	struct io_bus *bus = io_bus_new();
	struct probe probe = {};
	uint8_t data[8];

	g_assert_true(io_bus_add(bus, IO_SPACE_PORT, 0, 1, &narrow, &probe));
	g_assert_true(io_bus_add(bus, IO_SPACE_MEMORY, 0, 1, &narrow, &probe));
	io_bus_read(bus, IO_SPACE_PORT, 0xffff, 2, 1, data); /* does not wrap to port 0 */
	assert_bytes(data, "\xff\xff", 2);
	io_bus_read(bus, IO_SPACE_MEMORY, UINT64_MAX, 8, 1, data);
	assert_bytes(data, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	g_assert_cmpuint(probe.reads, ==, 0);
	g_assert_cmpuint(io_bus_unclaimed(bus), ==, 2);
	g_assert_true(io_bus_add(bus, IO_SPACE_MEMORY, UINT64_MAX, 1, &narrow, &probe));
	io_bus_read(bus, IO_SPACE_MEMORY, UINT64_MAX, 2, 1, data); /* nor to address 0 */
	g_assert_cmpuint(probe.reads, ==, 1);
	g_assert_cmphex(data[1], ==, 0xff);
	io_bus_free(bus);
}

/* Odd sizes, which memory accesses may have, come as powers of two. */
static void test_odd_sizes(void)
{
	struct io_bus *bus = io_bus_new();
	struct probe probe = {};
	uint8_t data[8];
	static const unsigned int pieces[9] = {0, 1, 1, 2, 1, 2, 2, 3, 1};

	g_assert_true(io_bus_add(bus, IO_SPACE_MEMORY, 0x1000, 0x1000, &wide, &probe));
	for (unsigned int size = 1; size <= 8; size++) {
		probe.reads = 0;
		memset(data, 0xee, sizeof data);
		io_bus_read(bus, IO_SPACE_MEMORY, 0x1000, size, 1, data);
		g_assert_cmpuint(probe.reads, ==, pieces[size]);
		if (size < 8)
			g_assert_cmphex(data[size], ==, 0xee);
	}
	io_bus_free(bus);
}

/* Random non-overlapping maps against an array of owners. */
static void test_lookup_property(void)
{
	for (int round = 0; round < 50; round++) {
		struct io_bus *bus = io_bus_new();
		struct probe probes[20] = {};
		uint8_t owner[0x400] = {};

		for (unsigned int i = 0; i < 20; i++) {
			unsigned int base = (unsigned int)g_test_rand_int_range(0, 0x400);
			unsigned int size = (unsigned int)g_test_rand_int_range(1, 0x40);
			bool clash = base + size > sizeof owner;

			for (unsigned int at = base; !clash && at < base + size; at++)
				clash = owner[at];
			if (base + size > sizeof owner)
				continue;
			g_assert_cmpint(
				io_bus_add(bus, IO_SPACE_PORT, base, size, &narrow, &probes[i]), ==,
				!clash);
			if (!clash)
				memset(owner + base, (int)i + 1, size);
		}
		for (unsigned int at = 0; at < sizeof owner; at++) {
			unsigned int before = owner[at] ? probes[owner[at] - 1].reads : 0;
			uint64_t unclaimed = io_bus_unclaimed(bus);
			uint8_t byte;

			io_bus_read(bus, IO_SPACE_PORT, at, 1, 1, &byte);
			if (owner[at])
				g_assert_cmpuint(probes[owner[at] - 1].reads, ==, before + 1);
			else
				g_assert_cmpuint(io_bus_unclaimed(bus), ==, unclaimed + 1);
		}
		io_bus_free(bus);
	}
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/io-bus/add", test_add);
	g_test_add_func("/io-bus/access", test_access);
	g_test_add_func("/io-bus/string", test_string);
	g_test_add_func("/io-bus/edges", test_edges);
	g_test_add_func("/io-bus/odd-sizes", test_odd_sizes);
	g_test_add_func("/io-bus/lookup-property", test_lookup_property);
	return g_test_run();
}
