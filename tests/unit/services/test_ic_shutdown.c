/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_shutdown.h"

#include "guest_ic.h"
#include "ic_wire.h"

struct fixture {
	struct guest_ic guest;
	struct ic_shutdown *shutdown;
	unsigned int results, comings, goings;
	enum ic_shutdown_result last;
};

static void on_available(void *context, bool is)
{
	struct fixture *f = context;

	f->comings += is;
	f->goings += !is;
}

static void on_done(void *context, enum ic_shutdown_result result)
{
	struct fixture *f = context;

	f->results++;
	f->last = result;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_init(&f->guest);
	f->shutdown = ic_shutdown_new(&f->guest.env, on_available, f, NULL);
	g_assert_nonnull(f->shutdown);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_shutdown_free(f->shutdown);
	guest_ic_clear(&f->guest);
}

static void request(struct fixture *f, enum ic_shutdown_kind kind, bool force)
{
	ic_shutdown_request(f->shutdown, &(struct ic_shutdown_request){
						 .kind = kind,
						 .force = force,
						 .message = "bye 😀",
						 .timeout_ns = 10 * IC_SECOND,
						 .done = on_done,
						 .context = f,
					 });
}

static void expect(struct fixture *f, enum ic_shutdown_result result)
{
	g_assert_cmpuint(f->results, ==, 1);
	g_assert_cmpint(f->last, ==, result);
	f->results = 0;
}

/* As hv_utils reads it: only with the whole structure, and the flags of each kind. */
static uint32_t driver_flags(struct fixture *f)
{
	g_assert_true(guest_ic_receive(&f->guest));
	g_assert_cmpuint(guest_ic_type(&f->guest), ==, 3);
	g_assert_cmpuint(f->guest.size, >=, GUEST_IC_HEADERS + 12 + 2048);
	g_assert_cmpint(
		memcmp(guest_ic_body(&f->guest) + 12, "b\0y\0e\0 \0\x3d\xd8\x00\xde\0\0", 14), ==,
		0);
	return guest_ic_u32(&f->guest, 8);
}

static void test_kinds(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint32_t flags[] = {0, 2, 4};

	request(f, IC_SHUTDOWN_POWER_OFF, false);
	expect(f, IC_SHUTDOWN_ABSENT);
	guest_ic_start(&f->guest, 3u << 16 | 2);
	g_assert_cmpuint(f->comings, ==, 1);
	for (unsigned int kind = 0; kind < 3; kind++) {
		for (unsigned int force = 0; force < 2; force++) {
			request(f, (enum ic_shutdown_kind)kind, force);
			g_assert_cmphex(driver_flags(f), ==, flags[kind] | force);
			g_assert_cmpuint(f->results, ==, 0);
			guest_ic_answer(&f->guest, 0);
			expect(f, IC_SHUTDOWN_ACCEPTED);
		}
	}
}

static void test_refused(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16 | 2);
	request(f, IC_SHUTDOWN_HIBERNATE, false);
	driver_flags(f);
	guest_ic_answer(&f->guest, IC_STATUS_FAIL);
	expect(f, IC_SHUTDOWN_REFUSED);
}

static void test_old_driver(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16);
	request(f, IC_SHUTDOWN_REBOOT, false);
	expect(f, IC_SHUTDOWN_UNSUPPORTED);
	request(f, IC_SHUTDOWN_HIBERNATE, false);
	expect(f, IC_SHUTDOWN_UNSUPPORTED);
	g_assert_false(guest_ic_receive(&f->guest));
	request(f, IC_SHUTDOWN_POWER_OFF, false);
	g_assert_cmphex(driver_flags(f), ==, 0);
	guest_ic_close(&f->guest);
	expect(f, IC_SHUTDOWN_GONE);
	guest_ic_start(&f->guest, 3u << 16 | 1);
	request(f, IC_SHUTDOWN_REBOOT, false);
	g_assert_cmphex(driver_flags(f), ==, 2);
	guest_ic_answer(&f->guest, 0);
	expect(f, IC_SHUTDOWN_ACCEPTED);
	request(f, IC_SHUTDOWN_HIBERNATE, false);
	expect(f, IC_SHUTDOWN_UNSUPPORTED);
}

static void test_unanswered(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16 | 2);
	request(f, IC_SHUTDOWN_POWER_OFF, false);
	request(f, IC_SHUTDOWN_POWER_OFF, false);
	expect(f, IC_SHUTDOWN_BUSY);
	fake_io_advance(f->guest.thread, 10 * IC_SECOND - 1);
	g_assert_cmpuint(f->results, ==, 0);
	fake_io_advance(f->guest.thread, 1);
	expect(f, IC_SHUTDOWN_UNANSWERED);
	/* the late answer is no answer to the next request */
	request(f, IC_SHUTDOWN_REBOOT, false);
	g_assert_cmphex(driver_flags(f), ==, 0);
	guest_ic_answer(&f->guest, 0);
	g_assert_cmpuint(f->results, ==, 0);
	g_assert_cmphex(driver_flags(f), ==, 2);
	guest_ic_answer(&f->guest, 0);
	expect(f, IC_SHUTDOWN_ACCEPTED);
	/* a guest that never answers again is not asked for ever */
	for (int i = 0; i < 6; i++) {
		request(f, IC_SHUTDOWN_POWER_OFF, false);
		fake_io_advance(f->guest.thread, 10 * IC_SECOND);
		expect(f, IC_SHUTDOWN_UNANSWERED);
	}
}

static void test_gone(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 3u << 16 | 2);
	request(f, IC_SHUTDOWN_POWER_OFF, false);
	ic_shutdown_free(f->shutdown);
	f->shutdown = NULL;
	expect(f, IC_SHUTDOWN_GONE);
	g_assert_cmpuint(f->goings, ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/ic_shutdown/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("kinds", test_kinds);
	ADD("refused", test_refused);
	ADD("old-driver", test_old_driver);
	ADD("unanswered", test_unanswered);
	ADD("gone", test_gone);
	return g_test_run();
}
