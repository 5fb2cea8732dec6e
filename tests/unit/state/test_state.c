/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "saved_bytes.h"

/* A machine with two disks. */
static struct state_writer *example(void)
{
	struct state_writer *writer = state_writer_new();

	state_begin(writer, "machine", 2);
	state_put_u8(writer, 0x12);
	state_put_u16(writer, 0x3456);
	for (uint32_t i = 0; i < 2; i++) {
		state_begin(writer, "disk", 1);
		state_put_u32(writer, 7 + i);
		state_put_bool(writer, i == 1);
		state_put_string(writer, i == 1 ? "serial" : NULL);
		state_end(writer);
	}
	state_put_u64(writer, 0x123456789abcdef0u);
	state_put_bytes(writer, "raw", 3);
	state_end(writer);
	return writer;
}

/* What is in a section that nobody wants is not looked at. */
static void test_skip(void)
{
	g_autoptr(state_writer) writer = example();
	struct state_reader reader;
	size_t size;
	const uint8_t *data = state_writer_data(writer, &size);

	state_reader_init(&reader, data, size);
	g_assert_cmpuint(state_enter(&reader, "machine", 2), ==, 2);
	g_assert_cmpuint(state_get_u8(&reader), ==, 0x12);
	g_assert_cmpuint(state_get_u16(&reader), ==, 0x3456);
	state_skip(&reader, "disk");
	state_skip(&reader, "disk");
	g_assert_cmphex(state_get_u64(&reader), ==, 0x123456789abcdef0u);
	g_assert_true(state_ok(&reader));
	state_skip(&reader, "disk");
	g_assert_false(state_ok(&reader));

	state_reader_init(&reader, data, size);
	state_skip(&reader, "machine");
	g_assert_true(state_ok(&reader));
	g_assert_true(reader.at == data + size);
}

static void read_disk(struct state_reader *reader, uint32_t i)
{
	g_autofree char *serial = NULL;

	g_assert_true(state_next_is(reader, "disk"));
	g_assert_cmpuint(state_enter(reader, "disk", 1), ==, 1);
	g_assert_cmpuint(state_get_count(reader, 8), ==, 7 + i);
	g_assert_cmpint(state_get_bool(reader), ==, i == 1);
	serial = state_get_string(reader, 6);
	g_assert_cmpstr(serial, ==, i == 1 ? "serial" : "");
	state_leave(reader);
}

static void test_round_trip(void)
{
	g_autoptr(state_writer) writer = example();
	struct state_reader reader;
	size_t size;
	const uint8_t *data = state_writer_data(writer, &size);
	char raw[3];

	state_reader_init(&reader, data, size);
	g_assert_cmpuint(state_enter(&reader, "machine", 3), ==, 2);
	g_assert_false(state_next_is(&reader, "disk"));
	g_assert_cmpuint(state_get_u8(&reader), ==, 0x12);
	g_assert_cmpuint(state_get_u16(&reader), ==, 0x3456);
	for (uint32_t i = 0; i < 2; i++)
		read_disk(&reader, i);
	g_assert_false(state_next_is(&reader, "disk"));
	g_assert_cmpuint(state_get_u64(&reader), ==, 0x123456789abcdef0u);
	state_get_bytes(&reader, raw, sizeof(raw));
	g_assert_cmpint(memcmp(raw, "raw", sizeof(raw)), ==, 0);
	state_leave(&reader);
	g_assert_true(state_ok(&reader));
	/* And nothing behind it. */
	g_assert_cmpuint(state_enter(&reader, "machine", 3), ==, 0);
	g_assert_cmpstr(reader.fault, ==, "saved state: it ends too early");
}

static void load_disk(struct state_reader *reader)
{
	state_enter(reader, "disk", 1);
	state_get_u32(reader);
	state_get_bool(reader);
	g_free(state_get_string(reader, 6));
	state_leave(reader);
}

static void load(struct state_reader *reader)
{
	state_enter(reader, "machine", 2);
	state_get_u8(reader);
	state_get_u16(reader);
	load_disk(reader);
	load_disk(reader);
	state_get_u64(reader);
	state_get_view(reader, 3);
	state_leave(reader);
}

/* Cut anywhere it is refused, and nothing is read behind its end. */
static void test_cut(void)
{
	g_autoptr(state_writer) writer = example();
	size_t size;
	const uint8_t *data = state_writer_data(writer, &size);

	for (size_t n = 0; n < size; n++) {
		g_autofree uint8_t *copy = g_memdup2(data, n);
		struct state_reader reader;

		state_reader_init(&reader, copy, n);
		load(&reader);
		g_assert_false(state_ok(&reader));
	}
}

/* Whatever a byte becomes, loading ends. */
static void test_changed(void)
{
	g_autoptr(state_writer) writer = example();
	size_t size;
	const uint8_t *data = state_writer_data(writer, &size);

	for (size_t n = 0; n < size; n++) {
		for (unsigned int value = 0; value < 256; value += 17) {
			g_autofree uint8_t *copy = g_memdup2(data, size);
			struct state_reader reader;

			copy[n] = (uint8_t)value;
			state_reader_init(&reader, copy, size);
			load(&reader);
			g_assert_true(!state_ok(&reader) || reader.depth == 0);
		}
	}
}

static void expect_fault(void (*read)(struct state_reader *reader), const char *fault)
{
	g_autoptr(state_writer) writer = example();
	struct state_reader reader;
	size_t size;
	const uint8_t *data = state_writer_data(writer, &size);

	state_reader_init(&reader, data, size);
	read(&reader);
	g_assert_cmpstr(reader.fault, ==, fault);
	/* Nothing is good afterwards. */
	g_assert_cmpuint(state_get_u64(&reader), ==, 0);
	g_assert_null(state_get_view(&reader, 0));
	g_assert_false(state_next_is(&reader, "disk"));
	state_fail(&reader, "another");
	g_assert_cmpstr(reader.fault, ==, fault);
}

static void read_wrong_tag(struct state_reader *reader)
{
	state_enter(reader, "vmbus", 2);
	state_leave(reader);
}

static void read_wrong_version(struct state_reader *reader)
{
	state_enter(reader, "machine", 1);
}

static void read_too_little(struct state_reader *reader)
{
	state_enter(reader, "machine", 2);
	state_get_u8(reader);
	state_leave(reader);
}

static void read_wrong_bool(struct state_reader *reader)
{
	state_enter(reader, "machine", 2);
	g_assert_false(state_get_bool(reader));
}

static void read_wrong_count(struct state_reader *reader)
{
	state_enter(reader, "machine", 2);
	g_assert_cmpuint(state_get_count(reader, 9), ==, 0);
}

static void read_long_string(struct state_reader *reader)
{
	g_autofree char *empty = NULL;

	state_enter(reader, "machine", 2);
	state_get_u8(reader);
	state_get_u16(reader);
	state_enter(reader, "disk", 1);
	state_get_u32(reader);
	state_get_bool(reader);
	empty = state_get_string(reader, 0);
	g_assert_cmpstr(empty, ==, "");
	state_leave(reader);
	state_enter(reader, "disk", 1);
	state_get_u32(reader);
	state_get_bool(reader);
	g_assert_null(state_get_string(reader, 5));
}

static void test_faults(void)
{
	expect_fault(read_wrong_tag, "saved state: the section vmbus is not where it has to be");
	expect_fault(read_wrong_version,
		     "saved state: the section machine is of a version that is not known here");
	expect_fault(read_too_little, "machine: there is more in it than is known here");
	expect_fault(read_wrong_bool, "machine: a yes or no that is neither");
	expect_fault(read_wrong_count, "machine: a number that is too large");
	expect_fault(read_long_string, "disk: a number that is too large");
}

static void test_too_much(void)
{
	g_autoptr(state_writer) writer = state_writer_new();
	g_autofree uint8_t *data = g_malloc0(STATE_SIZE_MAX);
	size_t size;

	state_begin(writer, "machine", 1);
	state_put_bytes(writer, data, STATE_SIZE_MAX - 32);
	state_end(writer);
	g_assert_nonnull(state_writer_data(writer, &size));
	g_assert_cmpuint(size, ==, STATE_SIZE_MAX);
	state_put_u8(writer, 1);
	g_assert_null(state_writer_data(writer, &size));
	state_begin(writer, "machine", 1);
	state_put_bytes(writer, data, STATE_SIZE_MAX);
	state_end(writer);
	g_assert_null(state_writer_data(writer, &size));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/state/round-trip", test_round_trip);
	g_test_add_func("/state/skip", test_skip);
	g_test_add_func("/state/cut", test_cut);
	g_test_add_func("/state/changed", test_changed);
	g_test_add_func("/state/faults", test_faults);
	g_test_add_func("/state/too-much", test_too_much);
	return g_test_run();
}
