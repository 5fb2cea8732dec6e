/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_timesync.h"

#include "guest_ic.h"

#define PERIOD IC_TIMESYNC_PERIOD_NS

struct fixture {
	struct guest_ic guest;
	struct ic_timesync *timesync;
	uint8_t flags; /* of the last message */
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_init(&f->guest);
	f->timesync = ic_timesync_new(&f->guest.env, NULL);
	g_assert_nonnull(f->timesync);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_timesync_free(f->timesync);
	guest_ic_clear(&f->guest);
}

/* What the driver would set its clock to, in ns since 1970; 0: there was no message. It corrects
 * what it reads by the reference time that passed since, if the message has one. */
static uint64_t driver_time(struct fixture *f, bool version_4, bool answer)
{
	uint64_t time, reference = f->guest.clock.reference_100ns(f->guest.clock.context);

	if (!guest_ic_receive(&f->guest))
		return 0;
	g_assert_cmpuint(guest_ic_type(&f->guest), ==, 4);
	g_assert_cmpuint(guest_ic_body_size(&f->guest), >=, version_4 ? 22 : 25);
	f->flags = guest_ic_body(&f->guest)[version_4 ? 16 : 24];
	time = guest_ic_u64(&f->guest, 0) - 116444736000000000u;
	if (version_4)
		time += reference - guest_ic_u64(&f->guest, 8);
	if (answer)
		guest_ic_answer(&f->guest, 0);
	return time * 100;
}

static uint64_t host_time(struct fixture *f)
{
	return f->guest.clock.realtime_ns(f->guest.clock.context) / 100 * 100;
}

static void test_start(struct fixture *f, gconstpointer version)
{
	bool version_4 = GPOINTER_TO_UINT(version) == 4u << 16;

	ic_timesync_sync(f->timesync); /* nobody is there yet */
	guest_ic_start(&f->guest, GPOINTER_TO_UINT(version));
	g_assert_cmpuint(driver_time(f, version_4, true), ==, host_time(f));
	g_assert_cmpuint(f->flags, ==, 1);
	for (int i = 0; i < 5; i++) {
		g_assert_cmpuint(driver_time(f, version_4, true), ==, 0);
		fake_io_advance(f->guest.thread, PERIOD);
		g_assert_cmpuint(driver_time(f, version_4, true), ==, host_time(f));
		g_assert_cmpuint(f->flags, ==, 2);
	}
}

static void test_reference(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 4u << 16);
	fake_io_advance(f->guest.thread, PERIOD / 2); /* the guest reads it late */
	g_assert_cmpuint(driver_time(f, true, true), ==, host_time(f));
}

static void test_resume(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 4u << 16);
	g_assert_cmpuint(driver_time(f, true, true), !=, 0);
	/* an hour's pause: one sample waits, no more */
	fake_io_advance(f->guest.thread, 3600 * IC_SECOND);
	ic_timesync_sync(f->timesync);
	g_assert_cmpuint(driver_time(f, true, true), !=, 0);
	g_assert_cmpuint(f->flags, ==, 2);
	g_assert_cmpuint(driver_time(f, true, true), ==, host_time(f));
	g_assert_cmpuint(f->flags, ==, 1);
	g_assert_cmpuint(driver_time(f, true, true), ==, 0);
}

static void test_jump(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 4u << 16);
	g_assert_cmpuint(driver_time(f, true, true), !=, 0);
	/* the host slept: realtime went on, monotonic time did not */
	f->guest.realtime_ns += 600 * IC_SECOND;
	fake_io_advance(f->guest.thread, PERIOD);
	g_assert_cmpuint(driver_time(f, true, true), ==, host_time(f));
	g_assert_cmpuint(f->flags, ==, 1);
	/* slewing is no jump */
	f->guest.realtime_ns -= IC_SECOND / 4;
	fake_io_advance(f->guest.thread, PERIOD);
	g_assert_cmpuint(driver_time(f, true, true), ==, host_time(f));
	g_assert_cmpuint(f->flags, ==, 2);
	/* backwards is */
	f->guest.realtime_ns -= IC_SECOND;
	fake_io_advance(f->guest.thread, PERIOD);
	g_assert_cmpuint(driver_time(f, true, true), ==, host_time(f));
	g_assert_cmpuint(f->flags, ==, 1);
}

/* Syncs that a stuck guest does not take are bounded, and the last is made up for. */
static void test_stuck(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	unsigned int n = 0;

	guest_ic_start(&f->guest, 4u << 16);
	for (int i = 0; i < 20; i++) {
		fake_io_advance(f->guest.thread, PERIOD);
		ic_timesync_sync(f->timesync);
	}
	while (driver_time(f, true, true) != 0)
		n++;
	g_assert_cmpuint(n, >=, 5);
	g_assert_cmpuint(n, <=, 6);
	g_assert_cmpuint(f->flags, ==, 1);
	fake_io_advance(f->guest.thread, PERIOD);
	g_assert_cmpuint(driver_time(f, true, true), ==, host_time(f));
	g_assert_cmpuint(f->flags, ==, 2);
}

static void test_every_size(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (uint32_t size = 0; size < 200; size++) {
		guest_ic_start(&f->guest, 4u << 16);
		g_assert_true(guest_ic_receive(&f->guest));
		guest_ic_answer_cut(&f->guest, 0, size);
		g_assert_cmpuint(fake_channel_faults(f->guest.channel), ==,
				 size > 48 && size <= 160 ? 0 : 1);
		guest_ic_close(&f->guest);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, data, function) \
	g_test_add("/ic_timesync/" name, struct fixture, data, set_up, function, tear_down)
	ADD("start/4.0", GUINT_TO_POINTER(4u << 16), test_start);
	ADD("start/3.0", GUINT_TO_POINTER(3u << 16), test_start);
	ADD("start/1.0", GUINT_TO_POINTER(1u << 16), test_start);
	ADD("reference", NULL, test_reference);
	ADD("resume", NULL, test_resume);
	ADD("jump", NULL, test_jump);
	ADD("stuck", NULL, test_stuck);
	ADD("every-size", NULL, test_every_size);
	return g_test_run();
}
