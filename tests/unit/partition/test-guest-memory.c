/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_partition.h"
#include "guest_memory.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

static int file_of(const char *text, size_t size)
{
	int fd = memfd_create("test-file", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
	g_assert_cmpint(pwrite(fd, text, strlen(text), 0), ==, (ssize_t)strlen(text));
	return fd;
}

static void test_sizes(void)
{
	static const struct {
		uint64_t size;
		hv_status status;
	} cases[] = {
		{0, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE},
		{MIB - 4096, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE},
		{MIB + 1, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE},
		{UINT64_MAX, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE},
		{UINT64_MAX - 4095, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE},
		{1ull << 45, HV_STATUS_INSUFFICIENT_MEMORY},
		{MIB, HV_STATUS_SUCCESS},
		{3 * MIB + 4096, HV_STATUS_SUCCESS},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct guest_memory memory;
		struct hv_fault fault = {0};

		g_assert_cmpint(guest_memory_init(&memory, cases[i].size, 0, &fault), ==,
				cases[i].status);
		if (cases[i].status == HV_STATUS_SUCCESS) {
			g_assert_cmpuint((uintptr_t)memory.hva % 0x200000, ==, 0);
			guest_memory_release(&memory);
		} else {
			g_assert_cmpint(fault.status, ==, cases[i].status);
			g_assert_nonnull(fault.call);
		}
		guest_memory_release(&memory); /* once too often is fine */
	}
}

/* Above what tiny guests use the host may give huge pages; below it never does. */
static void test_pages(void)
{
	struct gpa_range used;
	struct partition *partition = fake_partition_of(64 * MIB);

	partition_write_gpa(partition, 3 * MIB, "x", 1);
	g_assert_true(partition_next_used(partition, 0, &used));
	g_assert_cmphex(used.base, ==, 3 * MIB);
	g_assert_cmphex(used.size, ==, 0x1000);
	partition_write_gpa(partition, 33 * MIB, "x", 1);
	g_assert_true(partition_next_used(partition, 16 * MIB, &used));
	g_assert_cmphex(used.base, <=, 33 * MIB);
	g_assert_cmphex(used.size, <=, 2 * MIB);
	partition_delete(partition);
}

/* A process that could not open what tells it: all of RAM may be used. */
static void test_pages_unknown(void)
{
	const struct partition_properties properties = {
		.memory_size = 4 * MIB, .vp_count = 1, .pages_fd = -1};
	struct partition *partition = NULL;
	struct gpa_range used;
	struct hv_fault fault;

	g_assert_cmpint(partition_create(&properties, &partition, &fault), ==, HV_STATUS_SUCCESS);
	g_assert_true(partition_next_used(partition, MIB, &used));
	g_assert_cmphex(used.base, ==, MIB);
	g_assert_cmphex(used.size, ==, 3 * MIB);
	partition_delete(partition);
}

static void test_one_range(void)
{
	struct partition *partition = fake_partition_of(2 * MIB);
	struct gpa_range ranges[2];
	uint8_t *ram = partition_gpa_pointer(partition, 0, 2 * MIB);

	g_assert_cmpuint(partition_memory_size(partition), ==, 2 * MIB);
	g_assert_cmpuint(partition_ram_ranges(partition, ranges), ==, 1);
	g_assert_cmpuint(ranges[0].base, ==, 0);
	g_assert_cmpuint(ranges[0].size, ==, 2 * MIB);
	g_assert_nonnull(ram);
	g_assert_true(partition_gpa_pointer(partition, 2 * MIB - 1, 1) == ram + 2 * MIB - 1);
	g_assert_null(partition_gpa_pointer(partition, 2 * MIB - 1, 2));
	g_assert_null(partition_gpa_pointer(partition, 2 * MIB + 1, 0));
	g_assert_null(partition_gpa_pointer(partition, 1, UINT64_MAX));
	g_assert_null(partition_gpa_pointer(partition, UINT64_MAX, 2));
	g_assert_null(partition_gpa_pointer(partition, PARTITION_HIGH_BASE, 1));
	partition_delete(partition);
}

/* Memory is charged on touch, so that a partition larger than most test machines' can be laid out.
 */
static void test_hole(void)
{
	struct guest_memory memory = {.hva = NULL, .size = 5 * GIB, .n_ranges = 2};
	uint64_t offset;

	memory.range[0] = (struct gpa_range){0, PARTITION_LOW_LIMIT};
	memory.range[1] = (struct gpa_range){PARTITION_HIGH_BASE, 2 * GIB};
	g_assert_true(guest_memory_offset(&memory, PARTITION_LOW_LIMIT - 1, 1, &offset));
	g_assert_cmpuint(offset, ==, PARTITION_LOW_LIMIT - 1);
	g_assert_false(guest_memory_offset(&memory, PARTITION_LOW_LIMIT - 1, 2, &offset));
	g_assert_false(guest_memory_offset(&memory, PARTITION_LOW_LIMIT, 1, &offset));
	g_assert_false(guest_memory_offset(&memory, PARTITION_HIGH_BASE - 1, 2, &offset));
	g_assert_true(guest_memory_offset(&memory, PARTITION_HIGH_BASE, 2 * GIB, &offset));
	g_assert_cmpuint(offset, ==, PARTITION_LOW_LIMIT);
	g_assert_false(guest_memory_offset(&memory, PARTITION_HIGH_BASE, 2 * GIB + 1, &offset));

	struct hv_fault fault;
	struct guest_memory real;
	if (guest_memory_init(&real, PARTITION_LOW_LIMIT + 16 * MIB, 0, &fault) !=
	    HV_STATUS_SUCCESS) {
		g_assert_cmpint(fault.status, ==, HV_STATUS_INSUFFICIENT_MEMORY);
		g_test_message("no room for a partition of more than 3 GiB here");
		return;
	}
	g_assert_cmpuint(real.n_ranges, ==, 2);
	g_assert_cmpuint(real.range[0].size, ==, PARTITION_LOW_LIMIT);
	g_assert_cmpuint(real.range[1].base, ==, PARTITION_HIGH_BASE);
	g_assert_cmpuint(real.range[1].size, ==, 16 * MIB);
	real.hva[PARTITION_LOW_LIMIT] = 1;
	real.hva[PARTITION_LOW_LIMIT + 16 * MIB - 1] = 1;
	guest_memory_release(&real);
}

/* Whatever is found lies in RAM, and what lies in RAM is found: against a slow model. */
static void test_offset_property(void)
{
	struct guest_memory memory = {.size = 12, .n_ranges = 2, .range = {{0, 8}, {16, 4}}};

	for (uint64_t gpa = 0; gpa < 32; gpa++) {
		for (uint64_t size = 1; size < 32; size++) {
			bool inside = (gpa + size <= 8) || (gpa >= 16 && gpa + size <= 20);
			uint64_t offset = UINT64_MAX;

			g_assert_cmpint(guest_memory_offset(&memory, gpa, size, &offset), ==,
					inside);
			if (inside)
				g_assert_cmpuint(offset, ==, gpa < 16 ? gpa : gpa - 8);
		}
	}
}

static void test_copy(void)
{
	struct partition *partition = fake_partition_of(MIB);
	char text[6] = "";

	g_assert_cmpint(partition_write_gpa(partition, MIB - 5, "hello", 5), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(partition_read_gpa(partition, MIB - 5, text, 5), ==, HV_STATUS_SUCCESS);
	g_assert_cmpstr(text, ==, "hello");
	g_assert_cmpint(partition_write_gpa(partition, MIB - 4, "hello", 5), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(partition_read_gpa(partition, MIB - 4, text, 5), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(partition_read_gpa(partition, MIB, NULL, 0), ==, HV_STATUS_SUCCESS);
	partition_delete(partition);
}

static void test_map_file(void)
{
	struct partition *partition = fake_partition_of(MIB);
	int fd = file_of("kernel", 4096 + 100);
	char text[7] = "";

	g_assert_cmpint(partition_write_gpa(partition, 0x4000, "behind", 6), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(partition_map_file(partition, 0x2000, fd, 0, 0x2000), ==,
			HV_STATUS_SUCCESS);
	g_assert_cmpint(partition_read_gpa(partition, 0x2000, text, 6), ==, HV_STATUS_SUCCESS);
	g_assert_cmpstr(text, ==, "kernel");

	/* The guest's writes stay its own. */
	g_assert_cmpint(partition_write_gpa(partition, 0x2000, "KERNEL", 6), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(pread(fd, text, 6, 0), ==, 6);
	g_assert_cmpstr(text, ==, "kernel");
	g_assert_cmpint(partition_read_gpa(partition, 0x2000, text, 6), ==, HV_STATUS_SUCCESS);
	g_assert_cmpstr(text, ==, "KERNEL");
	g_assert_cmpint(partition_read_gpa(partition, 0x4000, text, 6), ==, HV_STATUS_SUCCESS);
	g_assert_cmpstr(text, ==, "behind");
	close(fd);
	partition_delete(partition);
}

static void test_map_file_refused(void)
{
	struct partition *partition = fake_partition_of(MIB);
	int fd = file_of("kernel", 4096);
	int pipes[2];
	static const struct {
		uint64_t gpa, offset, size;
		hv_status status;
	} cases[] = {
		{0x2001, 0, 0x1000, HV_STATUS_INVALID_ALIGNMENT},
		{0x2000, 1, 0x1000, HV_STATUS_INVALID_ALIGNMENT},
		{0x2000, 0, 0x1001, HV_STATUS_INVALID_ALIGNMENT},
		{0x2000, 0, 0, HV_STATUS_INVALID_PARAMETER},
		{MIB, 0, 0x1000, HV_STATUS_INVALID_PARAMETER},
		{0x2000, 0, 0x2000, HV_STATUS_INVALID_PARAMETER}, /* beyond the file */
		{0x2000, 0x1000, 0x1000, HV_STATUS_INVALID_PARAMETER},
		{0x2000, 1ull << 62, 0x1000, HV_STATUS_INVALID_PARAMETER},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpint(partition_map_file(partition, cases[i].gpa, fd, cases[i].offset,
						   cases[i].size),
				==, cases[i].status);
	g_assert_cmpint(pipe(pipes), ==, 0);
	g_assert_cmpint(partition_map_file(partition, 0, pipes[0], 0, 0x1000), ==,
			HV_STATUS_INVALID_PARAMETER);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	partition_delete(partition);
}

static void next_used_expect(const struct partition *partition, uint64_t gpa, uint64_t base,
			     uint64_t size)
{
	struct gpa_range used = {0};

	g_assert_true(partition_next_used(partition, gpa, &used));
	g_assert_cmphex(used.base, ==, base);
	g_assert_cmphex(used.size, ==, size);
}

/* What was touched and what is mapped is found; looking for it touches nothing. */
static void test_next_used(void)
{
	struct partition *partition = fake_partition_of(16 * MIB);
	int fd = file_of("kernel", 0x2000);
	struct gpa_range used;

	g_assert_false(partition_next_used(partition, 0, &used));
	g_assert_cmpint(partition_write_gpa(partition, 12 * MIB + 5, "x", 1), ==,
			HV_STATUS_SUCCESS);
	/* The host may have given a larger page than the one that was touched. */
	g_assert_true(partition_next_used(partition, 0, &used));
	g_assert_cmphex(used.base, <=, 12 * MIB);
	g_assert_cmphex(used.base + used.size, >, 12 * MIB);
	g_assert_cmphex(used.size, <=, 2 * MIB);
	next_used_expect(partition, 12 * MIB, 12 * MIB, used.base + used.size - 12 * MIB);
	g_assert_false(partition_next_used(partition, used.base + used.size, &used));

	g_assert_cmpint(partition_map_file(partition, 6 * MIB, fd, 0, 0x2000), ==,
			HV_STATUS_SUCCESS);
	next_used_expect(partition, 0, 6 * MIB, 0x2000);
	next_used_expect(partition, 6 * MIB + 0x1000, 6 * MIB + 0x1000, 0x1000);
	g_assert_true(partition_next_used(partition, 6 * MIB + 0x2000, &used));
	g_assert_cmphex(used.base + used.size, >, 12 * MIB);
	g_assert_false(partition_next_used(partition, 16 * MIB, &used));
	g_assert_false(partition_next_used(partition, UINT64_MAX, &used));
	close(fd);
	partition_delete(partition);
}

/* Around the PCI hole: never a part that is in both ranges. */
static void test_next_used_hole(void)
{
	const struct partition_properties properties = {.memory_size = 3 * GIB + 16 * MIB,
							.vp_count = 1};
	struct partition *partition = NULL;
	struct gpa_range used;
	struct hv_fault fault;

	if (partition_create(&properties, &partition, &fault) != HV_STATUS_SUCCESS) {
		g_test_skip("no room for a partition of more than 3 GiB here");
		return;
	}
	g_assert_cmpint(partition_write_gpa(partition, PARTITION_LOW_LIMIT - 1, "x", 1), ==,
			HV_STATUS_SUCCESS);
	g_assert_cmpint(partition_write_gpa(partition, PARTITION_HIGH_BASE, "x", 1), ==,
			HV_STATUS_SUCCESS);
	g_assert_true(partition_next_used(partition, 0, &used));
	g_assert_cmphex(used.base + used.size, ==, PARTITION_LOW_LIMIT);
	for (uint64_t gpa = PARTITION_LOW_LIMIT; gpa <= PARTITION_HIGH_BASE;
	     gpa += PARTITION_HIGH_BASE - PARTITION_LOW_LIMIT) {
		g_assert_true(partition_next_used(partition, gpa, &used));
		g_assert_cmphex(used.base, ==, PARTITION_HIGH_BASE);
	}
	g_assert_false(partition_next_used(partition, used.base + used.size, &used));
	partition_delete(partition);
}

static void test_names(void)
{
	g_assert_cmpstr(hv_status_name(HV_STATUS_SUCCESS), ==, "HV_STATUS_SUCCESS");
	g_assert_cmpstr(hv_status_name(HV_STATUS_TIMEOUT), ==, "HV_STATUS_TIMEOUT");
	g_assert_cmpstr(hv_status_name((hv_status)0x7777), ==, "HV_STATUS_?");
	for (int type = 0; type < HV_INTERCEPT_N; type++)
		g_assert_nonnull(hv_intercept_type_name((enum hv_intercept_type)type));
	g_assert_cmpstr(hv_intercept_type_name(HV_INTERCEPT_IO_PORT), ==, "io");
	g_assert_cmpstr(hv_intercept_type_name(HV_INTERCEPT_N), ==, "?");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/guest-memory/sizes", test_sizes);
	g_test_add_func("/guest-memory/pages", test_pages);
	g_test_add_func("/guest-memory/pages-unknown", test_pages_unknown);
	g_test_add_func("/guest-memory/one-range", test_one_range);
	g_test_add_func("/guest-memory/hole", test_hole);
	g_test_add_func("/guest-memory/offset-property", test_offset_property);
	g_test_add_func("/guest-memory/copy", test_copy);
	g_test_add_func("/guest-memory/map-file", test_map_file);
	g_test_add_func("/guest-memory/map-file-refused", test_map_file_refused);
	g_test_add_func("/guest-memory/next-used", test_next_used);
	g_test_add_func("/guest-memory/next-used-hole", test_next_used_hole);
	g_test_add_func("/partition/names", test_names);
	return g_test_run();
}
