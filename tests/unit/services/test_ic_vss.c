/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_vss.h"

#include "guest_ic.h"
#include "ic_wire.h"

enum { HOT_BACKUP = 2, FREEZE = 5, THAW = 6 };

struct fixture {
	struct guest_ic guest;
	struct ic_vss *vss;
	unsigned int results;
	enum ic_vss_result last;
	int frozen; /* the guest's file systems */
	bool told;  /* what is told of them */
	unsigned int overdue;
};

static void on_changed(void *context, enum ic_vss_change change)
{
	struct fixture *f = context;
	bool frozen = change == IC_VSS_FROZEN;

	f->overdue += change == IC_VSS_OVERDUE;

	g_assert_cmpint(f->told, !=, frozen);
	f->told = frozen;
}

static void on_done(void *context, enum ic_vss_result result)
{
	struct fixture *f = context;

	f->results++;
	f->last = result;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_init(&f->guest);
	f->vss = ic_vss_new(&f->guest.env, on_changed, f, NULL);
	g_assert_nonnull(f->vss);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_vss_free(f->vss);
	guest_ic_clear(&f->guest);
}

static void expect(struct fixture *f, enum ic_vss_result result)
{
	g_assert_cmpuint(f->results, ==, 1);
	g_assert_cmpint(f->last, ==, result);
	f->results = 0;
}

static void expect_nothing(struct fixture *f)
{
	g_assert_cmpuint(f->results, ==, 0);
}

/* The driver takes the next operation, which its daemon does with this result; -1: none came. */
static int driver_do(struct fixture *f, uint32_t status)
{
	int operation;

	if (!guest_ic_receive(&f->guest))
		return -1;
	g_assert_cmpuint(guest_ic_type(&f->guest), ==, 5);
	g_assert_cmpuint(guest_ic_body_size(&f->guest), >=, 12);
	operation = guest_ic_body(&f->guest)[0];
	if (status == IC_STATUS_OK && operation == FREEZE)
		f->frozen++;
	if (operation == THAW)
		f->frozen = 0;
	guest_ic_answer(&f->guest, status);
	return operation;
}

static void freeze(struct fixture *f)
{
	ic_vss_freeze(f->vss, 60 * IC_SECOND, 30 * IC_SECOND, on_done, f);
}

static void test_backup(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_vss_check(f->vss, on_done, f);
	expect(f, IC_VSS_ABSENT);
	freeze(f);
	expect(f, IC_VSS_ABSENT);
	ic_vss_thaw(f->vss, on_done, f);
	expect(f, IC_VSS_ABSENT);
	guest_ic_start(&f->guest, 5u << 16);
	for (int i = 0; i < 3; i++) {
		ic_vss_check(f->vss, on_done, f);
		expect_nothing(f);
		g_assert_cmpint(driver_do(f, 0), ==, HOT_BACKUP);
		expect(f, IC_VSS_DONE);
		freeze(f);
		expect_nothing(f);
		g_assert_cmpint(driver_do(f, 0), ==, FREEZE);
		expect(f, IC_VSS_DONE);
		g_assert_true(f->told);
		fake_io_advance(f->guest.thread, 29 * IC_SECOND);
		ic_vss_thaw(f->vss, on_done, f);
		expect_nothing(f);
		g_assert_true(f->told);
		g_assert_cmpint(driver_do(f, 0), ==, THAW);
		expect(f, IC_VSS_DONE);
		g_assert_false(f->told);
		fake_io_advance(f->guest.thread, 1000 * IC_SECOND);
		g_assert_cmpint(driver_do(f, 0), ==, -1);
	}
}

static void test_state(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 5u << 16);
	ic_vss_thaw(f->vss, on_done, f);
	expect(f, IC_VSS_STATE);
	freeze(f);
	freeze(f);
	expect(f, IC_VSS_STATE);
	ic_vss_thaw(f->vss, on_done, f);
	expect(f, IC_VSS_STATE);
	driver_do(f, 0);
	expect(f, IC_VSS_DONE);
	ic_vss_check(f->vss, on_done, f);
	expect(f, IC_VSS_STATE);
	g_assert_true(f->told);
	guest_ic_close(&f->guest); /* a frozen guest that reboots */
	g_assert_false(f->told);
	expect_nothing(f);
	guest_ic_start(&f->guest, 5u << 16);
	freeze(f);
	guest_ic_close(&f->guest);
	expect(f, IC_VSS_GONE);
}

static void test_refused(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 5u << 16);
	ic_vss_check(f->vss, on_done, f);
	driver_do(f, IC_STATUS_FAIL);
	expect(f, IC_VSS_REFUSED);
	freeze(f);
	g_assert_cmpint(driver_do(f, IC_STATUS_FAIL), ==, FREEZE);
	expect(f, IC_VSS_REFUSED);
	freeze(f);
	expect(f, IC_VSS_STATE); /* until what was frozen of it is surely thawed */
	g_assert_cmpint(driver_do(f, 0), ==, THAW);
	expect_nothing(f);
	freeze(f);
	g_assert_cmpint(driver_do(f, 0), ==, FREEZE);
	expect(f, IC_VSS_DONE);
}

/* The freeze takes an hour; the thaw waits behind it. */
static void test_freeze_hangs(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 5u << 16);
	freeze(f);
	fake_io_advance(f->guest.thread, 60 * IC_SECOND - 1);
	expect_nothing(f);
	fake_io_advance(f->guest.thread, 1);
	expect(f, IC_VSS_UNANSWERED);
	fake_io_advance(f->guest.thread, 3600 * IC_SECOND);
	freeze(f);
	expect(f, IC_VSS_STATE);
	ic_vss_thaw(f->vss, on_done, f);
	expect(f, IC_VSS_STATE);
	g_assert_cmpint(driver_do(f, 0), ==, FREEZE);
	g_assert_cmpint(f->frozen, ==, 1);
	g_assert_cmpint(driver_do(f, 0), ==, THAW);
	g_assert_cmpint(f->frozen, ==, 0);
	g_assert_cmpint(driver_do(f, 0), ==, -1); /* one thaw, not one a minute */
	expect_nothing(f);
	freeze(f);
	g_assert_cmpint(driver_do(f, 0), ==, FREEZE);
	expect(f, IC_VSS_DONE);
}

/* Nobody thaws. */
static void test_overdue(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 5u << 16);
	freeze(f);
	driver_do(f, 0);
	expect(f, IC_VSS_DONE);
	fake_io_advance(f->guest.thread, 30 * IC_SECOND - 1);
	g_assert_cmpint(driver_do(f, 0), ==, -1);
	fake_io_advance(f->guest.thread, 1);
	g_assert_cmpint(driver_do(f, 0), ==, THAW);
	g_assert_cmpuint(f->overdue, ==, 1);
	/* who froze it learns that the work was not consistent */
	ic_vss_thaw(f->vss, on_done, f);
	expect(f, IC_VSS_EXPIRED);
	g_assert_cmpint(driver_do(f, 0), ==, -1);
	freeze(f);
	g_assert_cmpint(driver_do(f, 0), ==, FREEZE);
	expect(f, IC_VSS_DONE);
}

static void test_thaw_hangs(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 5u << 16);
	freeze(f);
	driver_do(f, 0);
	expect(f, IC_VSS_DONE);
	ic_vss_thaw(f->vss, on_done, f);
	fake_io_advance(f->guest.thread, IC_VSS_ANSWER_NS);
	expect(f, IC_VSS_UNANSWERED);
	freeze(f);
	expect(f, IC_VSS_STATE);
	g_assert_cmpint(driver_do(f, 0), ==, THAW);
	g_assert_cmpuint(f->overdue, ==, 0);
	freeze(f);
	expect_nothing(f);
}

/* The thaw of a freeze that hangs finds no room at first. */
static void test_no_room(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 5u << 16);
	freeze(f);
	fake_channel_limit(f->guest.channel, 0);
	fake_io_advance(f->guest.thread, 100 * IC_SECOND);
	expect(f, IC_VSS_UNANSWERED);
	freeze(f);
	expect(f, IC_VSS_STATE);
	g_assert_cmpint(driver_do(f, 0), ==, FREEZE);
	g_assert_cmpint(driver_do(f, 0), ==, -1);
	fake_channel_limit(f->guest.channel, UINT32_MAX);
	fake_io_advance(f->guest.thread, IC_SECOND);
	g_assert_cmpint(driver_do(f, 0), ==, THAW);
	g_assert_cmpint(f->frozen, ==, 0);
	fake_channel_limit(f->guest.channel, 0);
	freeze(f);
	expect(f, IC_VSS_UNANSWERED);
}

static void test_every_size(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (uint32_t size = 0; size < 200; size++) {
		guest_ic_start(&f->guest, 5u << 16);
		freeze(f);
		g_assert_true(guest_ic_receive(&f->guest));
		guest_ic_answer_cut(&f->guest, 0, size);
		expect(f, size > 40 && size <= 160 ? IC_VSS_DONE : IC_VSS_GONE);
		guest_ic_close(&f->guest);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/ic_vss/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("backup", test_backup);
	ADD("state", test_state);
	ADD("refused", test_refused);
	ADD("freeze-hangs", test_freeze_hangs);
	ADD("overdue", test_overdue);
	ADD("thaw-hangs", test_thaw_hangs);
	ADD("no-room", test_no_room);
	ADD("every-size", test_every_size);
	return g_test_run();
}
