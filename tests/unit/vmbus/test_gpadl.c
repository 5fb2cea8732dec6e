/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GPADLs of every shape, and page lists as a property: what is accepted is what was named. */
#include <string.h>

#include "fake_partition.h"
#include "gpadl.h"
#include "vmbus_wire.h"

#define MEMORY (4u << 20)
#define PAGES  (MEMORY / 4096)

struct fixture {
	struct partition *partition;
	struct gpadl_table *table;
	unsigned int released;
};

static void on_released(void *context)
{
	struct fixture *f = context;

	f->released++;
}

static void setup(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->partition = fake_partition_of(MEMORY);
	f->table = gpadl_table_new(f->partition, on_released, f);
}

static void teardown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	gpadl_table_free(f->table);
	partition_delete(f->partition);
}

static void add_range(GByteArray *list, uint32_t bytes, uint32_t offset, const uint64_t *pages,
		      uint32_t n)
{
	uint32_t head[2] = {bytes, offset};

	g_byte_array_append(list, (const guint8 *)head, sizeof(head));
	g_byte_array_append(list, (const guint8 *)pages, n * 8);
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* The host's addresses, byte by byte, are those of the guest's pages, byte by byte. */
static void test_random_lists(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct gpa_list list = {0};
	uint8_t *base = partition_gpa_pointer(f->partition, 0, MEMORY);

	for (int round = 0; round < 300; round++) {
		g_autoptr(GByteArray) bytes = g_byte_array_new();
		g_autoptr(GArray) expected = g_array_new(FALSE, FALSE, sizeof(uint8_t *));
		uint32_t n_ranges = (uint32_t)g_test_rand_int_range(0, 5), pages = 0, merged = 0;

		for (uint32_t r = 0; r < n_ranges; r++) {
			uint32_t offset = (uint32_t)g_test_rand_int_range(0, 4096);
			uint32_t size = (uint32_t)g_test_rand_int_range(1, 20000), n;
			uint64_t page[8], next = 1;

			n = (offset + size + 4095) / 4096;
			for (uint32_t i = 0; i < n; i++) {
				next = g_test_rand_bit()
					       ? (next + 1) % PAGES
					       : (uint64_t)g_test_rand_int_range(0, PAGES);
				page[i] = next;
			}
			for (uint32_t b = 0; b < size; b++) {
				uint32_t at = offset + b;
				uint8_t *address = base + page[at / 4096] * 4096 + at % 4096;

				g_array_append_val(expected, address);
			}
			add_range(bytes, size, offset, page, n);
			pages += n;
		}
		g_assert_true(
			gpa_list_parse(&list, f->partition, n_ranges, bytes->data, bytes->len));
		g_assert_cmpuint(list.pages, ==, pages);
		g_assert_cmpuint(list.bytes, ==, expected->len);
		for (uint32_t i = 0, at = 0; i < list.n; i++) {
			uint8_t *part = list.parts[i].iov_base;

			g_assert_cmpuint(list.parts[i].iov_len, >, 0);
			if (i > 0) /* else they were to be merged */
				g_assert_true(part != (uint8_t *)list.parts[i - 1].iov_base +
							      list.parts[i - 1].iov_len);
			for (size_t b = 0; b < list.parts[i].iov_len; b++)
				g_assert_true(part + b == g_array_index(expected, uint8_t *, at++));
			merged++;
		}
		g_assert_cmpuint(merged, <=, pages);
		/* A byte less does not do, whatever the rest is. */
		if (bytes->len > 0)
			g_assert_false(gpa_list_parse(&list, f->partition, n_ranges, bytes->data,
						      bytes->len - 1));
	}
	gpa_list_clear(&list);
}

/* ---- tables --------------------------------------------------------------------------------- */

/* One list in a header and bodies of any length. */
static void test_any_pieces(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (uint32_t piece = 1; piece < 300; piece += 7) {
		g_autoptr(GByteArray) bytes = g_byte_array_new();
		enum gpadl_result result;
		uint64_t pages[64];
		uint32_t relid = 0, at = piece;
		struct gpadl *gpadl;

		for (uint32_t i = 0; i < G_N_ELEMENTS(pages); i++)
			pages[i] = (uint64_t)i * 3;
		add_range(bytes, 3 * 4096, 0, pages, 3);
		add_range(bytes, 50 * 4096 + 1, 4095, pages, 52);
		result = gpadl_table_begin(f->table, piece, 9, (uint16_t)bytes->len, 2, bytes->data,
					   MIN(piece, bytes->len));
		for (; result == GPADL_MORE; at += piece) {
			g_assert_null(gpadl_table_find(f->table, piece, 9, 1));
			result = gpadl_table_continue(f->table, piece, bytes->data + at,
						      MIN(piece, bytes->len - at), &relid);
			g_assert_cmpuint(relid, ==, 9);
		}
		g_assert_cmpint(result, ==, GPADL_READY);
		g_assert_cmpuint(at, >=, bytes->len);
		gpadl = gpadl_table_find(f->table, piece, 9, 1);
		g_assert_nonnull(gpadl);
		g_assert_cmpuint(gpadl->list.bytes, ==, 53 * 4096 + 1);
		g_assert_cmpint(gpadl_table_continue(f->table, piece, bytes->data, 8, &relid), ==,
				GPADL_UNKNOWN);
		gpadl_unref(gpadl);
	}
}

static enum gpadl_result begin(struct fixture *f, uint32_t id, uint32_t bytes, uint32_t offset,
			       uint64_t page, uint32_t n)
{
	g_autoptr(GByteArray) list = g_byte_array_new();
	g_autofree uint64_t *pages = g_new(uint64_t, n);

	for (uint32_t i = 0; i < n; i++)
		pages[i] = page;
	add_range(list, bytes, offset, pages, n);
	return gpadl_table_begin(f->table, id, 1, (uint16_t)list->len, 1, list->data, list->len);
}

static void test_refused(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t zeros[64];
	uint32_t relid;

	g_assert_cmpint(begin(f, 1, 4096, 0, PAGES, 1), ==, GPADL_REFUSED); /* unmapped */
	g_assert_cmpint(begin(f, 1, 4096, 0, UINT64_MAX, 1), ==, GPADL_REFUSED);
	g_assert_cmpint(begin(f, 1, 4096, 4096, 0, 2), ==, GPADL_REFUSED);
	g_assert_cmpint(begin(f, 1, 0, 0, 0, 1), ==, GPADL_REFUSED);
	g_assert_cmpint(begin(f, 1, UINT32_MAX, 4095, 0, 8000), ==, GPADL_REFUSED);
	g_assert_cmpint(gpadl_table_begin(f->table, 1, 1, 64, 0, zeros, 64), ==, GPADL_REFUSED);
	g_assert_cmpint(gpadl_table_begin(f->table, 1, 1, 0, 1, zeros, 64), ==, GPADL_REFUSED);
	g_assert_cmpint(gpadl_table_begin(f->table, 1, 1, 64, 65535, zeros, 64), ==, GPADL_REFUSED);
	g_assert_cmpuint(gpadl_table_count(f->table), ==, 0);

	/* An empty body could be sent for ever. */
	g_assert_cmpint(gpadl_table_begin(f->table, 1, 1, 64, 1, zeros, 32), ==, GPADL_MORE);
	g_assert_cmpint(gpadl_table_begin(f->table, 1, 1, 64, 1, zeros, 32), ==, GPADL_REFUSED);
	g_assert_cmpint(gpadl_table_continue(f->table, 1, zeros, 0, &relid), ==, GPADL_REFUSED);
	g_assert_cmpint(gpadl_table_continue(f->table, 1, zeros, 8, &relid), ==, GPADL_UNKNOWN);

	/* Duplicate pages are nobody's business but the guest's. */
	g_assert_cmpint(begin(f, 7, 8000 * 4096, 0, 5, 8000), ==, GPADL_READY);
	g_assert_cmpint(begin(f, 7, 4096, 0, 5, 1), ==, GPADL_REFUSED); /* the id is taken */
	g_assert_null(gpadl_table_find(f->table, 7, 2, 5));		/* not of these */
	g_assert_null(gpadl_table_find(f->table, 7, 0, 1));
	g_assert_cmpint(gpadl_table_tear(f->table, 7), ==, GPADL_TORN);
	g_assert_cmpint(gpadl_table_tear(f->table, 7), ==, GPADL_NONE);
}

/* The number is taken, and nobody finds it, until the last user has let go. */
static void test_torn(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t zeros[64];
	struct gpadl *users[2], *listed;
	uint32_t id = 0;

	g_assert_cmpint(gpadl_table_begin(f->table, 3, 1, 64, 1, zeros, 32), ==, GPADL_MORE);
	g_assert_cmpint(gpadl_table_tear(f->table, 3), ==, GPADL_TORN); /* half of it */
	for (int round = 0; round < 3; round++) {
		f->released = 0;
		g_assert_cmpint(begin(f, 7, 4096, 0, 5, 1), ==, GPADL_READY);
		for (int i = 0; i < 2; i++)
			users[i] = gpadl_table_find(f->table, 7, 1, 1);
		g_assert_cmpint(gpadl_table_tear(f->table, 7), ==, GPADL_IN_USE);
		g_assert_cmpint(gpadl_table_tear(f->table, 7), ==, GPADL_TORN_TWICE);
		g_assert_null(gpadl_table_find(f->table, 7, 1, 1));
		g_assert_cmpint(begin(f, 7, 4096, 0, 5, 1), ==, GPADL_REFUSED);
		gpadl_unref(users[0]);
		listed = gpadl_table_find_listed(f->table, 7, 1);
		g_assert_true(listed == users[1]);
		gpadl_unref(listed);
		g_assert_cmpuint(f->released, ==, 0);
		g_assert_false(gpadl_table_next_torn(f->table, &id));
		if (round == 1) /* it goes with its channel */
			gpadl_table_remove_of(f->table, 1);
		gpadl_unref(users[1]);
		g_assert_cmpuint(f->released, ==, round == 1 ? 0 : 1);
		if (round == 2)
			gpadl_table_remove_of(f->table, 0);
		g_assert_true(gpadl_table_next_torn(f->table, &id) == (round == 0));
		g_assert_false(gpadl_table_next_torn(f->table, &id));
		g_assert_cmpuint(gpadl_table_count(f->table), ==, 0);
	}
	g_assert_cmpuint(id, ==, 7);
}

static uint32_t fill(struct fixture *f, uint32_t pages)
{
	uint32_t n = 0;

	while (begin(f, 1000 + n, pages * 4096, 0, 3, pages) == GPADL_READY)
		n++;
	return n;
}

static void test_bounds(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct gpadl *kept[3];
	uint32_t id;

	g_assert_cmpuint(fill(f, 8000), ==, GPADL_MAX_PAGES / 8001);
	gpadl_table_remove_of(f->table, 2);
	g_assert_cmpuint(gpadl_table_count(f->table), >, 0);
	/* What was removed and is still used counts, or a guest could pile it up. */
	for (uint32_t i = 0; i < 3; i++) {
		kept[i] = gpadl_table_find(f->table, 1000 + i, 1, 1);
		g_assert_cmpint(gpadl_table_tear(f->table, 1000 + i), ==, GPADL_IN_USE);
	}
	g_assert_cmpint(begin(f, 5, 8000 * 4096, 0, 3, 8000), ==, GPADL_REFUSED);
	gpadl_unref(kept[0]);
	g_assert_cmpint(begin(f, 5, 8000 * 4096, 0, 3, 8000), ==, GPADL_REFUSED);
	g_assert_true(gpadl_table_next_torn(f->table, &id));
	g_assert_cmpuint(id, ==, 1000);
	g_assert_cmpint(begin(f, 5, 8000 * 4096, 0, 3, 8000), ==, GPADL_READY);
	gpadl_table_remove_of(f->table, 1);
	g_assert_cmpuint(kept[1]->list.bytes, ==, 32768000);
	gpadl_unref(kept[1]);
	gpadl_unref(kept[2]);
	g_assert_cmpuint(fill(f, 1), ==, GPADL_MAX);
	gpadl_table_remove_of(f->table, 0);
	g_assert_cmpuint(gpadl_table_count(f->table), ==, 0);
}

#define ADD(path, test) g_test_add(path, struct fixture, NULL, setup, test, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/gpadl/random-lists", test_random_lists);
	ADD("/gpadl/any-pieces", test_any_pieces);
	ADD("/gpadl/refused", test_refused);
	ADD("/gpadl/torn", test_torn);
	ADD("/gpadl/bounds", test_bounds);
	return g_test_run();
}
