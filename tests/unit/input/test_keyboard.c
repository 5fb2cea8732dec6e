/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keyboard.h"

#include <string.h>

#include "fake_io.h"
#include "fake_vmbus.h"

struct fixture {
	struct vmbus *bus;
	struct io_thread *thread;
	struct keyboard *keyboard;
	struct vmbus_channel *channel;
	unsigned int comings, goings, leds;
};

static uint64_t on_clock(void *context)
{
	return fake_io_now(((struct fixture *)context)->thread);
}

static void on_available(void *context, bool is)
{
	struct fixture *f = context;

	f->comings += is;
	f->goings += !is;
}

static void on_leds(void *context, unsigned int leds)
{
	((struct fixture *)context)->leds = leds;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->bus = fake_vmbus_new();
	f->thread = io_thread_new("input", NULL);
	f->keyboard = keyboard_new(
		&(struct keyboard_config){f->bus, f->thread, on_clock, on_available, on_leds, f},
		NULL);
	g_assert_nonnull(f->keyboard);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	keyboard_free(f->keyboard);
	fake_vmbus_free(f->bus);
	io_thread_free(f->thread);
}

/* ---- the guest's driver ---------------------------------------------------------------------- */

static void driver_send(struct fixture *f, const void *data, uint32_t size)
{
	fake_channel_send(f->channel, &(struct fake_packet){
					      .payload = data,
					      .size = size,
					      .transaction_id = 0x1234567890u,
					      .flags = VMBUS_PACKET_WANTS_COMPLETION,
				      });
	fake_io_settle(f->thread);
}

static void driver_open(struct fixture *f, uint32_t version)
{
	const uint32_t request[2] = {1, version};

	f->channel = fake_channel_open(fake_vmbus_find(f->bus, "keyboard"), 0, NULL);
	g_assert_nonnull(f->channel);
	driver_send(f, request, sizeof(request));
}

/* It waits for the response and takes no interest in the completion. */
static void driver_expect_response(struct fixture *f, uint32_t status)
{
	const uint32_t expected[2] = {2, status};
	struct fake_sent sent;

	g_assert_true(fake_channel_pull(f->channel, &sent));
	g_assert_cmpint(sent.type, ==, VMBUS_PACKET_DATA_INBAND);
	g_assert_cmpuint(sent.size, ==, 8);
	g_assert_cmpint(memcmp(sent.payload, expected, 8), ==, 0);
	fake_sent_clear(&sent);
	g_assert_true(fake_channel_pull(f->channel, &sent));
	g_assert_cmpint(sent.type, ==, VMBUS_PACKET_COMPLETION);
	g_assert_cmphex(sent.transaction_id, ==, 0x1234567890u);
	fake_sent_clear(&sent);
}

static void driver_start(struct fixture *f)
{
	driver_open(f, 1u << 16);
	driver_expect_response(f, 1);
}

/* The bytes that it gives to the guest's input layer; -1: none. */
static bool driver_event(struct fixture *f, GByteArray *bytes)
{
	struct fake_sent sent;
	uint32_t info;
	uint8_t code;

	if (!fake_channel_pull(f->channel, &sent))
		return false;
	g_assert_cmpint(sent.type, ==, VMBUS_PACKET_DATA_INBAND);
	g_assert_cmpuint(sent.size, ==, 12);
	g_assert_cmpint(memcmp(sent.payload, "\3\0\0\0", 4), ==, 0);
	memcpy(&info, sent.payload + 8, 4);
	g_assert_cmphex(info & ~0xeu, ==, 0); /* no Unicode: it would take it for a code */
	if (info & 4)
		g_byte_array_append(bytes, (const guint8 *)"\xe0", 1);
	if (info & 8)
		g_byte_array_append(bytes, (const guint8 *)"\xe1", 1);
	code = (uint8_t)(sent.payload[4] | (info & 2 ? 0x80 : 0));
	g_byte_array_append(bytes, &code, 1);
	fake_sent_clear(&sent);
	return true;
}

static void press(struct fixture *f, GArray *strokes, enum keyboard_result expected)
{
	g_assert_cmpint(keyboard_press(f->keyboard, (struct keystroke *)(void *)strokes->data,
				       strokes->len),
			==, expected);
	g_array_unref(strokes);
}

static void test_three_keys(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	press(f, scan_code_of_combination("ctrl-alt-del", NULL), KEYBOARD_ABSENT);
	driver_start(f);
	g_assert_cmpuint(f->comings, ==, 1);
	press(f, scan_code_of_combination("ctrl-alt-del", NULL), KEYBOARD_DONE);
	while (driver_event(f, bytes))
		;
	g_assert_cmpuint(bytes->len, ==, 8);
	g_assert_cmpint(memcmp(bytes->data, "\x1d\x38\xe0\x53\xe0\xd3\xb8\x9d", 8), ==, 0);
	g_assert_cmpuint(fake_channel_flushes(f->channel), ==, 2);
	fake_channel_close(f->channel);
	g_assert_cmpuint(f->goings, ==, 1);
	press(f, scan_code_of_combination("a", NULL), KEYBOARD_ABSENT);
}

static void test_pace(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autofree char *text = g_strnfill(1000, 'x');

	driver_start(f);
	press(f, scan_code_of_text(text, NULL), KEYBOARD_DONE);
	while (driver_event(f, bytes))
		;
	g_assert_cmpuint(bytes->len, ==, 16);
	press(f, scan_code_of_text("y", NULL), KEYBOARD_DONE); /* in its turn */
	for (unsigned int i = 2; bytes->len < 2002; i++) {
		fake_io_advance(f->thread, 10000000);
		while (driver_event(f, bytes))
			;
		g_assert_cmpuint(bytes->len, ==, MIN(16 * i, 2002));
	}
	g_assert_cmphex(bytes->data[2000], ==, 0x15);
	g_assert_cmpuint(keyboard_backlog(f->keyboard), ==, 0);
	g_assert_cmpuint(fake_io_armed(f->thread), ==, 0);
}

static void test_full(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autofree char *text = g_strnfill(KEYBOARD_QUEUE / 2, 'x');

	driver_start(f);
	fake_channel_limit(f->channel, 0);
	press(f, scan_code_of_text(text, NULL), KEYBOARD_DONE);
	press(f, scan_code_of_text("y", NULL), KEYBOARD_FULL);
	fake_io_advance(f->thread, 1000000000);
	g_assert_cmpuint(fake_channel_refused(f->channel), ==, 1); /* it waits for `ready` */
	fake_channel_limit(f->channel, 400);
	while (driver_event(f, bytes))
		;
	g_assert_cmpuint(bytes->len, ==, 10);
	press(f, scan_code_of_text("y", NULL), KEYBOARD_DONE);
	fake_channel_limit(f->channel, UINT32_MAX);
	fake_io_advance(f->thread, UINT64_C(20000000000));
	while (driver_event(f, bytes))
		;
	g_assert_cmpuint(bytes->len, ==, KEYBOARD_QUEUE + 2);
	/* what was typed for a guest that went is not typed for the next */
	press(f, scan_code_of_text(text, NULL), KEYBOARD_DONE);
	fake_channel_close(f->channel);
	g_assert_cmpuint(keyboard_backlog(f->keyboard), ==, 0);
	g_assert_cmpuint(fake_io_armed(f->thread), ==, 0);
}

static void test_versions(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const uint32_t request[2] = {1, 1u << 16};

	driver_open(f, 2u << 16);
	driver_expect_response(f, 0);
	g_assert_cmpuint(f->comings, ==, 0);
	driver_send(f, request, sizeof(request)); /* and now what we know */
	driver_expect_response(f, 1);
	g_assert_cmpuint(f->comings, ==, 1);
	driver_send(f, request, sizeof(request)); /* it begins anew */
	driver_expect_response(f, 1);
	g_assert_cmpuint(f->goings, ==, 1);
	g_assert_cmpuint(f->comings, ==, 2);
}

static void test_late_room(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const uint32_t request[2] = {1, 1u << 16};

	f->channel = fake_channel_open(fake_vmbus_find(f->bus, "keyboard"), 0, NULL);
	fake_channel_limit(f->channel, 0);
	driver_send(f, request, sizeof(request));
	g_assert_cmpuint(f->comings, ==, 0);
	fake_channel_limit(f->channel, 1000);
	g_assert_cmpuint(f->comings, ==, 1);
	driver_expect_response(f, 1);
}

static void test_leds(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const uint32_t leds[2] = {4, 0xfffffffe};

	driver_start(f);
	driver_send(f, leds, sizeof(leds));
	g_assert_cmphex(f->leds, ==, KEYBOARD_LED_NUM | KEYBOARD_LED_CAPS);
}

static void test_hostile(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint32_t types[] = {0, 2, 3, 5, 0xffffffff};
	uint8_t bytes[512] = {1, 0, 0, 0, 0, 0, 1, 0};

	for (uint32_t size = 0; size < 400; size++) {
		f->channel = fake_channel_open(fake_vmbus_find(f->bus, "keyboard"), 0, NULL);
		driver_send(f, bytes, size);
		/* the ring pads to 8 */
		g_assert_cmpuint(fake_channel_faults(f->channel), ==, size == 0 || size > 256);
		if (fake_channel_is_open(f->channel))
			fake_channel_close(f->channel);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		const uint32_t message[2] = {types[i], 1};

		driver_start(f);
		driver_send(f, message, sizeof(message));
		g_assert_cmpuint(fake_channel_faults(f->channel), ==, 1);
		g_assert_false(fake_channel_is_open(f->channel));
	}
	driver_start(f);
	fake_channel_send(f->channel, &(struct fake_packet){.type = VMBUS_PACKET_COMPLETION,
							    .payload = bytes,
							    .size = 8});
	g_assert_cmpuint(fake_channel_faults(f->channel), ==, 1);
	g_assert_cmpuint(f->comings, ==, f->goings);
	/* requests without end: the thread has its turns, and the guest its answers */
	driver_start(f);
	for (int i = 0; i < 100; i++)
		fake_channel_push(f->channel, &(struct fake_packet){.payload = bytes, .size = 8});
	fake_channel_kick(f->channel);
	g_assert_cmpuint(fake_channel_backlog(f->channel), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/keyboard/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("three-keys", test_three_keys);
	ADD("pace", test_pace);
	ADD("full", test_full);
	ADD("versions", test_versions);
	ADD("late-room", test_late_room);
	ADD("leds", test_leds);
	ADD("hostile", test_hostile);
	return g_test_run();
}
