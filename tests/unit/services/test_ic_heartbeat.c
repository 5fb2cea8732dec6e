/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_heartbeat.h"

#include "guest_ic.h"

#define PERIOD IC_HEARTBEAT_PERIOD_NS

struct fixture {
	struct guest_ic guest;
	struct ic_heartbeat *heartbeat;
	unsigned int changes;
	enum ic_heartbeat_state state;
};

static void on_changed(void *context, enum ic_heartbeat_state state)
{
	struct fixture *f = context;

	f->changes++;
	f->state = state;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_init(&f->guest);
	f->heartbeat = ic_heartbeat_new(&f->guest.env, on_changed, f, NULL);
	g_assert_nonnull(f->heartbeat);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_heartbeat_free(f->heartbeat);
	guest_ic_clear(&f->guest);
}

/* The driver adds one to the sequence and sends it back; false: there was no request. */
static bool driver_beat(struct fixture *f)
{
	if (!guest_ic_receive(&f->guest))
		return false;
	g_assert_cmpuint(guest_ic_type(&f->guest), ==, 1);
	g_assert_cmpuint(guest_ic_body_size(&f->guest), ==, 40);
	guest_ic_body(&f->guest)[0]++;
	guest_ic_answer(&f->guest, 0);
	return true;
}

static void test_beats(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmpint(ic_heartbeat_state(f->heartbeat), ==, IC_HEARTBEAT_ABSENT);
	guest_ic_start(&f->guest, 3u << 16);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	g_assert_true(driver_beat(f)); /* the first at once */
	for (int i = 0; i < 20; i++) {
		g_assert_false(driver_beat(f));
		fake_io_advance(f->guest.thread, PERIOD);
		g_assert_true(driver_beat(f));
	}
	g_assert_cmpuint(ic_heartbeat_beats(f->heartbeat), ==, 21);
	g_assert_cmpuint(f->changes, ==, 1);
	guest_ic_close(&f->guest);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_ABSENT);
	fake_io_advance(f->guest.thread, 100 * PERIOD);
	g_assert_cmpuint(f->changes, ==, 2);
}

/* Whenever the driver came, beats are at the moments that all services share. */
static void test_shared_moments(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	fake_io_advance(f->guest.thread, PERIOD * 9 / 10);
	guest_ic_start(&f->guest, 3u << 16);
	g_assert_true(driver_beat(f));
	fake_io_advance(f->guest.thread, PERIOD / 10 - 1);
	g_assert_false(driver_beat(f));
	fake_io_advance(f->guest.thread, 1);
	g_assert_true(driver_beat(f));
	/* One that was asked just before such a moment has its time all the same. */
	guest_ic_close(&f->guest);
	fake_io_advance(f->guest.thread, PERIOD * 9 / 10);
	guest_ic_start(&f->guest, 3u << 16);
	fake_io_advance(f->guest.thread, PERIOD / 10);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	fake_io_advance(f->guest.thread, PERIOD - 1);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	fake_io_advance(f->guest.thread, 1);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_LOST);
}

static void test_lost(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16);
	fake_io_advance(f->guest.thread, IC_HEARTBEAT_LOST_NS - 1);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	fake_io_advance(f->guest.thread, 1);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_LOST);
	fake_io_advance(f->guest.thread, 1000 * PERIOD);
	g_assert_cmpuint(f->changes, ==, 2);
	/* it was stuck, and goes on: its ring holds one request, not a thousand */
	g_assert_true(driver_beat(f));
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	g_assert_false(driver_beat(f));
	fake_io_advance(f->guest.thread, PERIOD);
	g_assert_true(driver_beat(f));
	/* and again */
	fake_io_advance(f->guest.thread, 2 * PERIOD);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_LOST);
	guest_ic_close(&f->guest);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_ABSENT);
}

static void test_paused(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16);
	fake_io_advance(f->guest.thread, PERIOD / 2); /* late already */
	ic_heartbeat_set_paused(f->heartbeat, true);
	fake_io_advance(f->guest.thread, 1000 * PERIOD);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	ic_heartbeat_set_paused(f->heartbeat, false);
	/* all of its time again */
	fake_io_advance(f->guest.thread, IC_HEARTBEAT_LOST_NS - 1);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	g_assert_true(driver_beat(f));
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_OK);
	/* nothing is sent while it is paused */
	ic_heartbeat_set_paused(f->heartbeat, true);
	fake_io_advance(f->guest.thread, 10 * PERIOD);
	g_assert_false(driver_beat(f));
	ic_heartbeat_set_paused(f->heartbeat, false);
	g_assert_true(driver_beat(f));
	/* pausing a VM does not find what was lost */
	fake_io_advance(f->guest.thread, 10 * PERIOD);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_LOST);
	ic_heartbeat_set_paused(f->heartbeat, true);
	ic_heartbeat_set_paused(f->heartbeat, false);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_LOST);
	guest_ic_close(&f->guest);
	/* a driver that comes while the VM is being paused */
	ic_heartbeat_set_paused(f->heartbeat, true);
	guest_ic_start(&f->guest, 1u << 16);
	g_assert_false(driver_beat(f));
	ic_heartbeat_set_paused(f->heartbeat, false);
	g_assert_true(driver_beat(f));
}

static void test_sequence(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16);
	g_assert_true(guest_ic_receive(&f->guest));
	guest_ic_answer(&f->guest, 0); /* not counted up */
	g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==, 1);
	g_assert_cmpuint(ic_heartbeat_beats(f->heartbeat), ==, 0);
	g_assert_cmpint(f->state, ==, IC_HEARTBEAT_ABSENT);
}

static void test_every_size(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (uint32_t size = 0; size < 100; size++) {
		guest_ic_start(&f->guest, 3u << 16);
		g_assert_true(guest_ic_receive(&f->guest));
		guest_ic_body(&f->guest)[0]++;
		guest_ic_answer_cut(&f->guest, 0, size);
		guest_ic_close(&f->guest);

		/* with headers that say so */
		guest_ic_start(&f->guest, 3u << 16);
		g_assert_true(guest_ic_receive(&f->guest));
		guest_ic_body(&f->guest)[0]++;
		f->guest.message[18] = (uint8_t)size;
		guest_ic_answer(&f->guest, 0);
		g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==,
				 size < 8 || size > 40 ? 1 : 0);
		guest_ic_close(&f->guest);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/ic_heartbeat/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("beats", test_beats);
	ADD("shared-moments", test_shared_moments);
	ADD("lost", test_lost);
	ADD("paused", test_paused);
	ADD("sequence", test_sequence);
	ADD("every-size", test_every_size);
	return g_test_run();
}
