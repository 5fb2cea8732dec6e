/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is typed comes through, each key once, wherever between the guest is moved. */
#include <string.h>

#include "guest_bus.h"
#include "keyboard.h"

#define STROKES 100u

struct fixture {
	struct guest_bus g;
	struct keyboard *keyboard;
	struct guest_channel c;
	struct guest_packet packet;
	unsigned int comings;
};

static uint64_t clock_now(void *context G_GNUC_UNUSED)
{
	return (uint64_t)g_get_monotonic_time() * 1000;
}

static void on_available(void *context, bool is)
{
	((struct fixture *)context)->comings += is;
}

static void offer(struct fixture *f)
{
	const struct keyboard_config config = {.bus = f->g.bus,
					       .thread = f->g.thread,
					       .monotonic_ns = clock_now,
					       .available = on_available,
					       .context = f};

	f->keyboard = keyboard_new(&config, NULL);
	g_assert_nonnull(f->keyboard);
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint32_t relids[16];

	guest_bus_init(&f->g);
	offer(f);
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_3, relids), ==, 1);
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, relids[0], 16, 0), ==, 0);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	keyboard_free(f->keyboard);
	guest_bus_clear(&f->g);
}

static void leave(struct fixture *f)
{
	keyboard_free(f->keyboard);
	guest_bus_move(&f->g);
	offer(f);
}

static void move(struct fixture *f)
{
	g_autoptr(GBytes) bytes = guest_bus_save(&f->g);

	leave(f);
	g_assert_true(guest_bus_restore(&f->g, bytes));
}

static void driver_begins(struct fixture *f)
{
	const uint32_t request[2] = {1, 1u << 16};

	f->packet = (struct guest_packet){.type = 6, .size = sizeof(request)};
	memcpy(f->packet.payload, request, sizeof(request));
	guest_channel_send(&f->c, &f->packet);
	guest_channel_receive(&f->c, &f->packet);
	g_assert_cmpuint(f->packet.payload[0], ==, 2);
	g_assert_cmpuint(f->packet.payload[4], ==, 1);
}

static void press_all(void *context)
{
	struct fixture *f = context;
	struct keystroke strokes[STROKES];

	for (uint16_t i = 0; i < STROKES; i++)
		strokes[i] = (struct keystroke){.code = i, .flags = i % 4};
	g_assert_cmpint(keyboard_press(f->keyboard, strokes, STROKES), ==, KEYBOARD_DONE);
}

static void test_typing(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	move(f); /* before there is a driver */
	driver_begins(f);
	io_thread_call(f->g.thread, press_all, f);
	for (uint16_t i = 0; i < STROKES; i++) {
		if (i % 30 == 7)
			move(f);
		guest_channel_receive(&f->c, &f->packet);
		g_assert_cmpuint(f->packet.payload[0], ==, 3);
		g_assert_cmpuint(f->packet.payload[4], ==, i);
		g_assert_cmpuint(f->packet.payload[8], ==, i % 4);
	}
	guest_bus_settle(&f->g);
	g_assert_cmpuint(f->comings, ==, 5);
}

static void test_mutated(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GBytes) good = NULL;
	unsigned int refused = 0;

	driver_begins(f);
	io_thread_call(f->g.thread, press_all, f);
	good = guest_bus_save(&f->g);
	for (int i = 0; i < 1000; i++) {
		g_autoptr(GBytes) bad = guest_bus_spoil(good);

		leave(f);
		refused += !guest_bus_restore(&f->g, bad);
	}
	g_assert_cmpuint(refused, >, 100);
	leave(f);
	g_assert_true(guest_bus_restore(&f->g, good));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/keyboard/saved/typing", struct fixture, NULL, set_up, test_typing, tear_down);
	g_test_add("/keyboard/saved/mutated", struct fixture, NULL, set_up, test_mutated,
		   tear_down);
	return g_test_run();
}
