/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synthetic timers, on a clock that moves when told. */
#include <string.h>

#include "hv_fixture.h"

#define SINT	  3u
#define BY_SINT	  ((uint64_t)SINT << 16)
#define VECTOR	  0x60u
#define DIRECT	  (HV_STIMER_DIRECT | VECTOR << 4)
#define CONFIG(n) (HV_MSR_STIMER0_CONFIG + 2 * (n))
#define COUNT(n)  (CONFIG(n) + 1)
#define MS_UNITS  10000ull
#define MS_NS	  1000000ull

static void setup(struct hv_test *t, gconstpointer data)
{
	hv_test_build(t, hv_features_all, data == NULL);
	hv_test_enable_synic(t, SINT, 0xf3);
}

static void teardown(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_drop(t);
}

static uint64_t now(struct hv_test *t)
{
	return hv_test_read(t, 0, HV_MSR_TIME_REF_COUNT);
}

static struct hv_timer_message expired(struct hv_test *t)
{
	const struct hv_message_slot *slot = hv_test_slot(t, SINT);
	struct hv_timer_message m;

	g_assert_cmphex(slot->type, ==, HV_MESSAGE_TIMER_EXPIRED);
	g_assert_cmpuint(slot->payload_size, ==, sizeof(m));
	g_assert_cmpuint(slot->origin, ==, 0);
	memcpy(&m, slot->payload, sizeof(m));
	return m;
}

static bool slot_is_free(struct hv_test *t)
{
	return hv_test_slot(t, SINT)->type == HV_MESSAGE_NONE;
}

static void test_one_shot(struct hv_test *t, gconstpointer data)
{
	uint64_t due = now(t) + 5 * MS_UNITS;

	(void)data;
	hv_test_write(t, 0, COUNT(1), due);
	hv_test_write(t, 0, CONFIG(1), BY_SINT | HV_STIMER_ENABLE);
	hv_test_advance(t, 5 * MS_NS - 1000);
	g_assert_true(slot_is_free(t));
	g_assert_cmphex(hv_test_read(t, 0, CONFIG(1)), ==, BY_SINT | HV_STIMER_ENABLE);
	hv_test_advance(t, 2000);
	struct hv_timer_message m = expired(t);
	g_assert_cmpuint(m.timer, ==, 1);
	g_assert_cmpuint(m.expiration, ==, due);
	g_assert_cmpuint(m.delivery, >=, due);
	g_assert_cmpuint(m.delivery, <=, now(t));
	g_assert_cmphex(hv_test_read(t, 0, CONFIG(1)), ==, BY_SINT);
	g_assert_cmpuint(hv_test_read(t, 0, COUNT(1)), ==, due);
	hv_test_consume(t, SINT);
	hv_test_advance(t, 1000 * MS_NS);
	g_assert_true(slot_is_free(t));
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 1);
}

static void test_past(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_advance(t, MS_NS);
	hv_test_write(t, 0, CONFIG(0), BY_SINT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 0, COUNT(0), 1);
	g_assert_cmpuint(expired(t).expiration, ==, 1);
	hv_test_write(t, 0, COUNT(0), UINT64_MAX); /* and hardly ever */
	hv_test_advance(t, 1ull << 60);
	g_assert_cmpuint(hv_test_counter(t, "hv.timer.expirations"), ==, 1);
}

static void test_direct(struct hv_test *t, gconstpointer data)
{
	struct fake_msi msi;

	(void)data;
	hv_test_write(t, 1, CONFIG(3), DIRECT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 1, COUNT(3), now(t) + MS_UNITS);
	hv_test_advance(t, MS_NS + 1000);
	g_assert_cmpuint(hv_test_msis(t, &msi), ==, 1);
	g_assert_cmphex(msi.address, ==, 0xfee01000);
	g_assert_cmphex(msi.data, ==, VECTOR);
	/* To a vector of the processor's own: none. */
	hv_test_write(t, 1, CONFIG(3), HV_STIMER_DIRECT | 8 << 4 | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 1, COUNT(3), 1);
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 1);
}

static void test_auto_enable(struct hv_test *t, gconstpointer data)
{
	const uint64_t config = BY_SINT | HV_STIMER_AUTO_ENABLE;

	(void)data;
	hv_test_write(t, 0, CONFIG(0), config);
	g_assert_cmphex(hv_test_read(t, 0, CONFIG(0)), ==, config);
	hv_test_write(t, 0, COUNT(0), now(t) + MS_UNITS);
	g_assert_cmphex(hv_test_read(t, 0, CONFIG(0)), ==, config | HV_STIMER_ENABLE);
	/* A count of 0 stops it, as does SINT 0, by which there are no timer messages. */
	hv_test_write(t, 0, COUNT(0), 0);
	g_assert_cmphex(hv_test_read(t, 0, CONFIG(0)), ==, config);
	hv_test_write(t, 0, CONFIG(1), HV_STIMER_ENABLE);
	g_assert_cmphex(hv_test_read(t, 0, CONFIG(1)), ==, 0);
	hv_test_advance(t, 10 * MS_NS);
	g_assert_true(slot_is_free(t));
}

static void test_periodic(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_write(t, 0, COUNT(0), MS_UNITS);
	hv_test_write(t, 0, CONFIG(0), BY_SINT | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	uint64_t begin = now(t);
	for (uint64_t i = 1; i <= 5; i++) {
		hv_test_advance(t, MS_NS);
		g_assert_cmpuint(expired(t).expiration, ==, begin + i * MS_UNITS);
		hv_test_consume(t, SINT);
	}
	/* Periods that nobody took are one message, which waits. */
	hv_test_advance(t, 10 * MS_NS);
	uint64_t first = expired(t).expiration;
	hv_test_consume(t, SINT);
	g_assert_cmpuint(expired(t).expiration, >, first);
	hv_test_consume(t, SINT);
	g_assert_true(slot_is_free(t));
	hv_test_write(t, 0, CONFIG(0), 0);
	hv_test_advance(t, 10 * MS_NS);
	g_assert_true(slot_is_free(t));
}

/* A period of nothing does not keep the host busy. */
static void test_short_period(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_write(t, 0, COUNT(0), 1);
	hv_test_write(t, 0, CONFIG(0), DIRECT | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	hv_test_advance(t, 100 * MS_NS);
	g_assert_cmpuint(hv_test_counter(t, "hv.timer.expirations"), >=, 500);
	g_assert_cmpuint(hv_test_counter(t, "hv.timer.expirations"), <=, 1000);
}

/* One that expires before the guest has its page waits for it. */
static void test_early(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_write(t, 0, HV_MSR_SIMP, 0);
	hv_test_write(t, 0, CONFIG(0), BY_SINT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 0, COUNT(0), 1);
	hv_test_write(t, 0, CONFIG(1), BY_SINT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 0, COUNT(1), now(t) + MS_UNITS);
	hv_test_advance(t, 2 * MS_NS);
	g_assert_true(slot_is_free(t));
	hv_test_write(t, 0, HV_MSR_SIMP, SIM_PAGE | HV_PAGE_ENABLE);
	g_assert_cmpuint(expired(t).timer, ==, 0);
	g_assert_cmpuint(hv_test_slot(t, SINT)->flags, ==, HV_MESSAGE_PENDING);
	hv_test_consume(t, SINT);
	g_assert_cmpuint(expired(t).timer, ==, 1);
	hv_test_consume(t, SINT);
	g_assert_true(slot_is_free(t));
}

/* Being set anew takes back the message that waits. */
static void test_rearm(struct hv_test *t, gconstpointer data)
{
	const uint8_t payload = 0;
	const struct hv_message other = {1, 1, 0, &payload};

	(void)data;
	g_assert_cmpint(hv_message_post(t->hv, 0, SINT, &other), ==, HV_POST_DELIVERED);
	hv_test_write(t, 0, CONFIG(0), BY_SINT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 0, COUNT(0), 1);
	hv_test_write(t, 0, COUNT(0), 0);
	hv_test_consume(t, SINT);
	g_assert_true(slot_is_free(t));
}

static void test_reset(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_write(t, 0, CONFIG(0), BY_SINT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 0, COUNT(0), now(t) + MS_UNITS);
	hv_test_reset(t);
	g_assert_cmpuint(hv_test_read(t, 0, CONFIG(0)), ==, 0);
	hv_test_enable_synic(t, SINT, 0xf3);
	hv_test_advance(t, 10 * MS_NS);
	g_assert_true(slot_is_free(t));
	g_assert_cmpuint(now(t), ==, 10 * MS_UNITS); /* time began anew */
}

/* While the VPs are stopped nothing is armed, raised or written; then what is due comes, once. */
static void test_paused(struct hv_test *t, gconstpointer data)
{
	uint64_t due = now(t) + 5 * MS_UNITS;

	(void)data;
	hv_test_write(t, 0, CONFIG(0), BY_SINT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 0, COUNT(0), due);
	hv_test_write(t, 1, COUNT(1), MS_UNITS);
	hv_test_write(t, 1, CONFIG(1), DIRECT | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	struct hv_test_timer late = t->timers[0];
	hv_set_paused(t->hv, true);
	hv_set_paused(t->hv, true);
	g_assert_cmpuint(t->timers[0].deadline, ==, 0);
	g_assert_cmpuint(t->timers[1].deadline, ==, 0);
	uint64_t before = now(t);
	hv_test_advance(t, 1000 * MS_NS);
	late.expired(late.owner); /* was under way */
	g_assert_true(slot_is_free(t));
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 0);
	g_assert_cmpuint(hv_test_counter(t, "hv.timer.expirations"), ==, 0);
	g_assert_cmpuint(now(t), ==, before + 1000 * MS_UNITS); /* time runs on */
	hv_set_paused(t->hv, false);
	g_assert_cmpuint(expired(t).expiration, ==, due);
	g_assert_cmpuint(expired(t).delivery, ==, now(t));
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 2);
	hv_test_consume(t, SINT);
	hv_test_advance(t, 10 * MS_NS);
	g_assert_true(slot_is_free(t));
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 12); /* the periods go on */
}

/* The host's clock runs fast against the guest's: no timer is early for that. */
static void test_drift(struct hv_test *t, gconstpointer data)
{
	(void)data;
	uint64_t due = now(t) + 1000 * MS_UNITS;
	hv_test_write(t, 0, CONFIG(0), DIRECT | HV_STIMER_AUTO_ENABLE);
	hv_test_write(t, 0, COUNT(0), due);
	struct hv_test_timer *timer = &t->timers[0];
	uint64_t tsc = t->now_ns * (TSC_HZ / 1000000000);
	t->now_ns = timer->deadline; /* and the TSC a tenth less */
	fake_set_tsc(TSC_HZ, tsc + 1800000000, true);
	timer->deadline = 0;
	timer->expired(timer->owner);
	g_assert_cmpuint(now(t), <, due);
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 0);
	g_assert_cmpuint(timer->deadline, >=, t->now_ns + 100 * MS_NS);
	hv_test_write(t, 0, CONFIG(0), 0);
}

static void test_no_direct(void)
{
	struct hv_features features = hv_features_all;
	struct hv_test t;

	features.on &= ~HV_FEATURE_BIT(HV_FEATURE_STIMER_DIRECT);
	hv_test_build(&t, features, true);
	g_assert_false(hv_msr_write(t.hv, 0, CONFIG(0), DIRECT));
	hv_test_write(&t, 0, CONFIG(0), BY_SINT);
	hv_test_drop(&t);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn)                                                                 \
	g_test_add("/hv/stimer/tsc/" name, struct hv_test, NULL, setup, fn, teardown); \
	g_test_add("/hv/stimer/clock/" name, struct hv_test, (gpointer)1, setup, fn, teardown)
	CASE("one-shot", test_one_shot);
	CASE("past", test_past);
	CASE("direct", test_direct);
	CASE("auto-enable", test_auto_enable);
	CASE("periodic", test_periodic);
	CASE("short-period", test_short_period);
	CASE("early", test_early);
	CASE("rearm", test_rearm);
	CASE("reset", test_reset);
	CASE("paused", test_paused);
	g_test_add("/hv/stimer/drift", struct hv_test, NULL, setup, test_drift, teardown);
	g_test_add_func("/hv/stimer/no-direct", test_no_direct);
	return g_test_run();
}
