/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arithmetic of reference time, against division in 128 bits. */
#include <glib.h>
#include <string.h>

#include "hv_reftime.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t random64(void)
{
	return (uint64_t)(uint32_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

static void test_scale(void)
{
	g_assert_cmpuint(hv_reftime_scale(0), ==, 0);
	g_assert_cmpuint(hv_reftime_scale(HV_REFTIME_HZ), ==, 0); /* 2^64 */
	g_assert_cmphex(hv_reftime_scale(2 * HV_REFTIME_HZ), ==, 1ull << 63);
	g_assert_cmphex(hv_reftime_scale(HV_REFTIME_HZ + 1), ==, 0xfffffe5280d924c8ull);
	g_assert_cmpuint(hv_reftime_scale(UINT64_MAX), ==, HV_REFTIME_HZ);
}

/* Never ahead of the true quotient, and behind it by less than one unit and what the scale lost. */
static void test_property(void)
{
	for (unsigned int i = 0; i < 200000; i++) {
		uint64_t hz = HV_REFTIME_HZ + 1 + random64() % 10000000000ull;
		uint64_t tsc = random64();

		tsc >>= g_test_rand_int_range(0, 64);
		uint64_t scale = hv_reftime_scale(hz);
		uint64_t exact = (uint64_t)((wide)tsc * HV_REFTIME_HZ / hz);
		uint64_t got = hv_reftime_by_tsc(scale, 0, tsc);

		g_assert_cmpuint(got, <=, exact);
		g_assert_cmpuint(exact - got, <=, 1);
	}
}

/* It begins at 0 and only grows, whatever the TSC began at. */
static void test_start(void)
{
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t hz = 1000000000ull + (uint32_t)g_test_rand_int();
		uint64_t tsc = (uint64_t)(uint32_t)g_test_rand_int() << 30;
		uint64_t ticks = (uint64_t)(uint32_t)g_test_rand_int() << 8;
		struct hv_reftime time;

		hv_reftime_init(&time, hz, tsc, 77);
		g_assert_true(time.by_tsc);
		g_assert_cmpuint(hv_reftime_now(&time, tsc, 0), ==, 0);
		uint64_t then = hv_reftime_now(&time, tsc + ticks, 0);
		uint64_t exact = (uint64_t)((wide)ticks * HV_REFTIME_HZ / hz);
		g_assert_cmpuint(then + 1, >=, exact);
		g_assert_cmpuint(then, <=, exact + 1);
	}
}

static void test_by_clock(void)
{
	struct hv_reftime time;

	hv_reftime_init(&time, 0, 123, 1000000);
	g_assert_false(time.by_tsc);
	g_assert_cmpuint(hv_reftime_now(&time, 99, 1000000), ==, 0);
	g_assert_cmpuint(hv_reftime_now(&time, 99, 1000000 + 12345), ==, 123);
}

static void test_publish(void)
{
	struct hv_tsc_page page = {.sequence = 0, .scale = 1, .offset = 1};
	struct hv_reftime time;

	hv_reftime_init(&time, 2000000000, 4001, 0);
	hv_reftime_publish(&time, &page);
	g_assert_cmpuint(page.sequence, ==, 1);
	g_assert_cmphex(page.scale, ==, time.scale);
	g_assert_cmpint(page.offset, ==, -20);
	hv_reftime_publish(&time, &page);
	g_assert_cmpuint(page.sequence, ==, 2);
	/* The values that mean "invalid" are passed over. */
	page.sequence = UINT32_MAX - 1;
	hv_reftime_publish(&time, &page);
	g_assert_cmpuint(page.sequence, ==, 1);
	page.sequence = UINT32_MAX;
	hv_reftime_publish(&time, &page);
	g_assert_cmpuint(page.sequence, ==, 1);
	hv_reftime_init(&time, 0, 0, 0);
	hv_reftime_publish(&time, &page);
	g_assert_cmpuint(page.sequence, ==, HV_TSC_SEQUENCE_INVALID);
}

struct race {
	struct hv_tsc_page page;
	gint stop; /* atomic */
};

/* Publishes pairs of which one is the other's complement. */
static gpointer publish_often(gpointer data)
{
	struct race *race = data;

	for (uint64_t i = 0; !g_atomic_int_get(&race->stop); i++) {
		const struct hv_reftime time = {.by_tsc = true, .scale = i, .offset = (int64_t)~i};

		hv_reftime_publish(&time, &race->page);
		/* A page that changes all the time is never read whole. */
		for (int spin = 0; spin < 256; spin++)
			__builtin_ia32_pause();
	}
	return NULL;
}

/* As a guest reads it: what was read under one valid sequence belongs together. */
static void test_reader(void)
{
	struct race race = {.page = {.sequence = 0}};
	GThread *writer = g_thread_new("writer", publish_often, &race);
	const gint64 deadline = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
	unsigned int good = 0;

	while (good < 100000 && g_get_monotonic_time() < deadline) {
		uint32_t sequence = __atomic_load_n(&race.page.sequence, __ATOMIC_ACQUIRE);
		uint64_t scale = __atomic_load_n(&race.page.scale, __ATOMIC_ACQUIRE);
		int64_t offset = __atomic_load_n(&race.page.offset, __ATOMIC_ACQUIRE);

		if (sequence == HV_TSC_SEQUENCE_INVALID ||
		    __atomic_load_n(&race.page.sequence, __ATOMIC_ACQUIRE) != sequence)
			continue;
		g_assert_cmphex(scale, ==, ~(uint64_t)offset);
		good++;
	}
	g_atomic_int_set(&race.stop, 1);
	g_thread_join(writer);
	g_assert_cmpuint(good, >, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/hv/reftime/scale", test_scale);
	g_test_add_func("/hv/reftime/property", test_property);
	g_test_add_func("/hv/reftime/start", test_start);
	g_test_add_func("/hv/reftime/by-clock", test_by_clock);
	g_test_add_func("/hv/reftime/publish", test_publish);
	g_test_add_func("/hv/reftime/reader", test_reader);
	return g_test_run();
}
