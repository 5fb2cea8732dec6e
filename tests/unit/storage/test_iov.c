/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "iov.h"

enum { SIZE = 256, PIECES = 9 };

/* A random row over `buffer`, pieces of no bytes among it. */
static uint32_t random_row(uint8_t *buffer, struct iovec *iov)
{
	uint32_t n = 0;

	for (size_t at = 0; n < PIECES; n++) {
		size_t size = (size_t)g_random_int_range(0, SIZE / PIECES);

		iov[n] = (struct iovec){buffer + at, size};
		at += size;
	}
	return n;
}

static size_t row_size(const struct iovec *iov, uint32_t n)
{
	size_t size = 0;

	for (uint32_t i = 0; i < n; i++)
		size += iov[i].iov_len;
	return size;
}

/* A row over contiguous memory is that memory. */
static void test_property(void)
{
	for (int round = 0; round < 5000; round++) {
		uint8_t buffer[SIZE], out[SIZE + 1];
		struct iovec row[PIECES], *iov = row;
		uint32_t n = random_row(buffer, row), cut, i;
		struct iovec part[PIECES];
		size_t size = row_size(row, n), want = (size_t)g_random_int_range(0, SIZE);
		size_t skip = g_random_int() % (size + 1);

		for (i = 0; i < SIZE; i++)
			buffer[i] = (uint8_t)g_random_int();
		out[SIZE] = 0x5a;
		g_assert_cmpuint(iov_gather(row, n, out, want), ==, MIN(want, size));
		g_assert_true(memcmp(out, buffer, MIN(want, size)) == 0);
		memset(out, 0x77, SIZE);
		g_assert_cmpuint(iov_scatter(row, n, out, want), ==, MIN(want, size));
		for (i = 0; i < MIN(want, size); i++)
			g_assert_cmpuint(buffer[i], ==, 0x77);

		cut = iov_part(row, n, skip, want, part, PIECES);
		g_assert_cmpuint(row_size(part, cut), ==, MIN(want, size - skip));
		g_assert_true(cut == 0 || part[0].iov_base == buffer + skip);
		g_assert_cmpuint(iov_part(row, n, skip, want, part, 1), ==, MIN(cut, 1));
		cut = iov_cut(row, n, want);
		if (want > size) {
			g_assert_cmpuint(cut, ==, UINT32_MAX);
			continue;
		}
		g_assert_cmpuint(row_size(row, cut), ==, want);
		skip = MIN(skip, want);
		iov_advance(&iov, &cut, skip);
		g_assert_cmpuint(row_size(iov, cut), ==, want - skip);
		if (cut)
			g_assert_true(iov->iov_base == buffer + skip);
	}
}

static void test_aligned(void)
{
	struct iovec iov[2] = {{(void *)0x1000, 512}, {(void *)0x2200, 1024}};

	g_assert_true(iov_is_aligned(iov, 2, 512));
	g_assert_false(iov_is_aligned(iov, 2, 4096));
	iov[1].iov_base = (void *)0x2210;
	g_assert_false(iov_is_aligned(iov, 2, 512));
	iov[1] = (struct iovec){(void *)0x2200, 100};
	g_assert_false(iov_is_aligned(iov, 2, 512));
	g_assert_true(iov_is_aligned(iov, 0, 4096));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/iov/property", test_property);
	g_test_add_func("/iov/aligned", test_aligned);
	return g_test_run();
}
