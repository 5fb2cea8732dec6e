/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake_device_env.h"
#include "rtc.h"

#define MS 1000000ull
#define US 1000ull
#define S  1000000000ull

struct fixture {
	struct fake_env env;
	struct rtc *rtc;
};

static void set_up(struct fixture *f, gconstpointer data)
{
	fake_env_init(&f->env,
		      data ? *(const int64_t *)data : 1709251198); /* 2024-02-29 23:59:58 */
	f->rtc = rtc_new(&(struct rtc_config){.irq = fake_env_irq(&f->env),
					      .clock = fake_env_clock(&f->env)});
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	rtc_free(f->rtc);
}

static uint8_t get(struct fixture *f, uint8_t index)
{
	rtc_ops.write(f->rtc, 0, 1, index | 0x80); /* with the NMI bit */
	return (uint8_t)rtc_ops.read(f->rtc, 1, 1);
}

static void set(struct fixture *f, uint8_t index, uint8_t value)
{
	rtc_ops.write(f->rtc, 0, 1, index);
	rtc_ops.write(f->rtc, 1, 1, value);
}

/* century year month day weekday hour minute second, as in 0x20240229052359 with the weekday 5 */
static void check(struct fixture *f, const uint8_t expected[8])
{
	static const uint8_t order[8] = {0x32, 9, 8, 7, 6, 4, 2, 0};

	for (int i = 0; i < 8; i++)
		g_assert_cmphex(get(f, order[i]), ==, expected[i]);
}
#define CHECK(f, ...) check(f, (const uint8_t[8]){__VA_ARGS__})

static void test_midnight_of_a_leap_day(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	CHECK(f, 0x20, 0x24, 0x02, 0x29, 0x05, 0x23, 0x59, 0x58);
	fake_env_advance(&f->env, 2 * S - 1);
	CHECK(f, 0x20, 0x24, 0x02, 0x29, 0x05, 0x23, 0x59, 0x59);
	fake_env_advance(&f->env, 1);
	CHECK(f, 0x20, 0x24, 0x03, 0x01, 0x06, 0x00, 0x00, 0x00);
	set(f, 0x0b, 0x06); /* binary */
	fake_env_advance(&f->env, (9 * 86400 + 13 * 3600 + 45ull) * S);
	CHECK(f, 20, 24, 3, 10, 1, 13, 0, 45);
	set(f, 0x0b, 0x04); /* 12 hours */
	CHECK(f, 20, 24, 3, 10, 1, 0x81, 0, 45);
	g_assert_cmphex(get(f, 0x0d), ==, 0x80);
}

/* Linux: SET, divider in reset, the fields, SET off, divider on; the next second half a second
 * later. */
static void test_set_time_as_linux(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t b = get(f, 0x0b), a = get(f, 0x0a);

	fake_env_advance(&f->env, 300 * MS);
	set(f, 0x0b, b | 0x80);
	set(f, 0x0a, a | 0x70);
	set(f, 9, 0x99);
	set(f, 8, 0x12);
	set(f, 7, 0x31);
	set(f, 4, 0x23);
	set(f, 2, 0x59);
	set(f, 0, 0x59);
	set(f, 0x32, 0x19);
	set(f, 0x0b, b);
	fake_env_advance(&f->env, 5 * S); /* the divider still holds the clock */
	CHECK(f, 0x19, 0x99, 0x12, 0x31, 0x05, 0x23, 0x59, 0x59);
	set(f, 0x0a, a);
	fake_env_advance(&f->env, 499 * MS);
	CHECK(f, 0x19, 0x99, 0x12, 0x31, 0x05, 0x23, 0x59, 0x59);
	fake_env_advance(&f->env, 1 * MS);
	/* the weekday is a counter: it was a Thursday when the date was set, now Friday */
	CHECK(f, 0x20, 0x00, 0x01, 0x01, 0x06, 0x00, 0x00, 0x00);
	/* 24.16 years back, and 5.8 s that it stood still */
	g_assert_cmpint(rtc_offset_us(f->rtc) / 1000000, ==, 946684800 - (1709251198 + 5));
}

/* SET alone leaves the divider alone: the second goes on where it was. */
static void test_set_keeps_phase(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	fake_env_advance(&f->env, 900 * MS);
	set(f, 0x0b, 0x82);
	set(f, 0, 0x30);
	fake_env_advance(&f->env, 3 * S);
	g_assert_cmphex(get(f, 0), ==, 0x30);
	set(f, 0x0b, 0x02);
	fake_env_advance(&f->env, 99 * MS);
	g_assert_cmphex(get(f, 0), ==, 0x30);
	fake_env_advance(&f->env, 1 * MS);
	g_assert_cmphex(get(f, 0), ==, 0x31);
	/* and one register may be written while the clock runs */
	set(f, 2, 0x07);
	g_assert_cmphex(get(f, 2), ==, 0x07);
	g_assert_cmphex(get(f, 0), ==, 0x31);
}

static void test_set_any_date(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (int i = 0; i < 3000; i++) {
		uint8_t b = (uint8_t)(g_test_rand_int_range(0, 4) << 1);
		bool binary = b & 4;
		uint8_t v[7] = {(uint8_t)g_test_rand_int_range(0, 60),
				(uint8_t)g_test_rand_int_range(0, 60),
				(uint8_t)((b & 2) ? g_test_rand_int_range(0, 24)
						  : g_test_rand_int_range(1, 13)),
				(uint8_t)g_test_rand_int_range(1, 29),
				(uint8_t)g_test_rand_int_range(1, 13),
				(uint8_t)g_test_rand_int_range(0, 100),
				(uint8_t)g_test_rand_int_range(0, 100)};
		static const uint8_t index[7] = {0, 2, 4, 7, 8, 9, 0x32};

		if (!binary)
			for (int k = 0; k < 7; k++)
				v[k] = (uint8_t)(v[k] / 10 * 16 + v[k] % 10);
		if (!(b & 2) && g_test_rand_bit())
			v[2] |= 0x80;
		set(f, 0x0b, 0x80 | b);
		for (int k = 0; k < 7; k++)
			set(f, index[k], v[k]);
		set(f, 6, (uint8_t)(1 + i % 7));
		set(f, 0x0b, b);
		for (int k = 0; k < 7; k++)
			g_assert_cmphex(get(f, index[k]), ==, v[k]);
		g_assert_cmpint(get(f, 6), ==, 1 + i % 7);
	}
}

static void test_uip(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmphex(get(f, 0x0a), ==, 0x26);
	fake_env_advance(&f->env, S - 300 * US);
	g_assert_cmphex(get(f, 0x0a), ==, 0x26);
	fake_env_advance(&f->env, 60 * US);
	g_assert_cmphex(get(f, 0x0a), ==, 0xa6);
	fake_env_advance(&f->env, 240 * US);
	g_assert_cmphex(get(f, 0x0a), ==, 0x26);
	fake_env_advance(&f->env, S - 100 * US);
	set(f, 0x0b, 0x82);
	g_assert_cmphex(get(f, 0x0a), ==, 0x26); /* no update while SET */
}

static void test_update_interrupt(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	set(f, 1, 0x61); /* no alarm */
	get(f, 0x0c);
	set(f, 0x0b, 0x12);
	fake_env_advance(&f->env, S - 1);
	g_assert_false(f->env.level);
	fake_env_advance(&f->env, 1);
	g_assert_true(f->env.level);
	/* unacknowledged: no timer runs, further seconds are the same interrupt */
	g_assert_cmpuint(fake_env_armed(&f->env), ==, 0);
	fake_env_advance(&f->env, 3 * S);
	g_assert_cmpuint(f->env.raised, ==, 1);
	g_assert_cmphex(get(f, 0x0c), ==, 0xd0); /* with PF: 1024 Hz is selected */
	g_assert_false(f->env.level);
	g_assert_cmphex(get(f, 0x0c), ==, 0x00);
	fake_env_advance(&f->env, S);
	g_assert_cmpuint(f->env.raised, ==, 2);
	set(f, 0x0b, 0x92); /* SET clears UIE */
	g_assert_false(f->env.level);
	g_assert_cmphex(get(f, 0x0b), ==, 0x82);
}

static void test_alarm_interrupt(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	set(f, 1, 0x05);
	set(f, 3, 0x10);
	set(f, 5, 0xff); /* every hour */
	set(f, 0x0b, 0x22);
	fake_env_advance(&f->env, 606 * S);
	g_assert_false(f->env.level);
	fake_env_advance(&f->env, 1 * S);
	g_assert_true(f->env.level);
	g_assert_cmphex(get(f, 0x0c) & 0xa0, ==, 0xa0);
	fake_env_advance(&f->env, 3600 * S);
	g_assert_cmpuint(f->env.raised, ==, 2);
	/* an alarm that passed while its interrupt was off is seen in the flag */
	set(f, 0x0b, 0x02);
	get(f, 0x0c);
	fake_env_advance(&f->env, 3599 * S);
	g_assert_cmphex(get(f, 0x0c) & 0x20, ==, 0);
	fake_env_advance(&f->env, 1 * S);
	g_assert_cmphex(get(f, 0x0c) & 0xa0, ==, 0x20);
	/* an alarm of 0x61 seconds never comes and costs nothing */
	set(f, 1, 0x61);
	set(f, 0x0b, 0x22);
	g_assert_cmpuint(fake_env_armed(&f->env), ==, 0);
}

/* The host's administrator sets the clock while an alarm is awaited. */
static void test_alarm_after_host_jump(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	set(f, 1, 0);
	set(f, 3, 0);
	set(f, 5, 0x12);
	set(f, 0x0b, 0x22);
	f->env.realtime_ns += (int64_t)(43200 * S);
	fake_env_advance(&f->env, 61 * S);
	g_assert_true(f->env.level);
	get(f, 0x0c);
	f->env.realtime_ns -= (int64_t)(3600 * S); /* back: nothing happens twice at once */
	g_assert_cmphex(get(f, 0x0c), ==, 0);
	fake_env_advance(&f->env, 61 * S);
	g_assert_false(f->env.level);
}

static void test_periodic_interrupt(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		uint8_t select;
		unsigned int hertz;
	} rates[] = {{1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {13, 8}, {15, 2}};

	for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
		unsigned int before = f->env.raised, n = 0;

		set(f, 0x0a, 0x20 | rates[i].select);
		get(f, 0x0c);
		set(f, 0x0b, 0x42);
		/* acknowledge at once, as often as it comes in ten seconds */
		for (uint64_t t = 0; t < 10 * S; t += 50 * US) {
			fake_env_advance(&f->env, 50 * US);
			if (f->env.level) {
				g_assert_cmphex(get(f, 0x0c) & 0xc0, ==, 0xc0);
				n++;
			}
		}
		g_assert_cmpuint(n / 10, ==, rates[i].hertz);
		g_assert_cmpuint(n % 10, ==, 0);
		g_assert_cmpuint(f->env.raised - before, ==, n);
		set(f, 0x0b, 0x02);
	}
	set(f, 0x0a, 0x20); /* none */
	set(f, 0x0b, 0x42);
	g_assert_cmpuint(fake_env_armed(&f->env), ==, 0);
}

static void test_ram(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	rtc_set_cmos(f->rtc, 0x30, 0xab);
	g_assert_cmphex(get(f, 0x30), ==, 0xab);
	for (uint8_t i = 0x0e; i < 0x80; i++)
		if (i != 0x32)
			set(f, i, (uint8_t)(i ^ 0x5a));
	for (uint8_t i = 0x0e; i < 0x80; i++)
		if (i != 0x32)
			g_assert_cmphex(get(f, i), ==, i ^ 0x5a);
	g_assert_cmphex(rtc_ops.read(f->rtc, 0, 1), ==, 0xff);
	set(f, 0x0c, 0xff);
	set(f, 0x0d, 0x00);
	g_assert_cmphex(get(f, 0x0d), ==, 0x80);
	g_assert_cmphex(get(f, 0x0c), ==, 0x00);
}

static void test_reset(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	set(f, 0x40, 0x77);
	set(f, 7, 0x28);
	set(f, 0x0b, 0x7a);
	fake_env_advance(&f->env, 2 * S);
	g_assert_true(f->env.level);
	rtc_reset(f->rtc);
	g_assert_false(f->env.level);
	g_assert_cmphex(get(f, 0x0b), ==, 0x02);
	g_assert_cmphex(get(f, 0x40), ==, 0x77);
	g_assert_cmphex(get(f, 7), ==, 0x29);
}

/* A guest may ask for the year 9999 and for garbage; the sum must hold. */
static void test_extremes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	set(f, 0x0b, 0x82);
	for (int i = 0; i < 10; i++)
		set(f, (uint8_t)i, 0xff);
	set(f, 0x32, 0xff);
	set(f, 0x0b, 0x32);
	fake_env_advance(&f->env, 100 * S);
	CHECK(f, 0x99, 0x99, 0x12, 0x31, 0xff % 7, 0x23, 0x59, 0x59);
	set(f, 0x0b, 0x82);
	for (int i = 0; i < 10; i++)
		set(f, (uint8_t)i, 0);
	set(f, 0x32, 0);
	set(f, 0x0b, 0x32);
	fake_env_advance(&f->env, 100 * S);
	g_assert_cmphex(get(f, 0x32), ==, 0);
}

int main(int argc, char *argv[])
{
	static const int64_t before_epoch = -86400;

	g_test_init(&argc, &argv, NULL);
#define TEST_AT(name, time, function) \
	g_test_add(name, struct fixture, time, set_up, function, tear_down)
#define TEST(name, function) TEST_AT(name, NULL, function)
	TEST("/rtc/midnight-of-a-leap-day", test_midnight_of_a_leap_day);
	TEST("/rtc/set-time-as-linux", test_set_time_as_linux);
	TEST("/rtc/set-keeps-phase", test_set_keeps_phase);
	TEST("/rtc/set-any-date", test_set_any_date);
	TEST_AT("/rtc/set-any-date-before-epoch", &before_epoch, test_set_any_date);
	TEST("/rtc/uip", test_uip);
	TEST("/rtc/update-interrupt", test_update_interrupt);
	TEST_AT("/rtc/update-interrupt-before-epoch", &before_epoch, test_update_interrupt);
	TEST("/rtc/alarm-interrupt", test_alarm_interrupt);
	TEST("/rtc/alarm-after-host-jump", test_alarm_after_host_jump);
	TEST("/rtc/periodic-interrupt", test_periodic_interrupt);
	TEST("/rtc/ram", test_ram);
	TEST("/rtc/reset", test_reset);
	TEST("/rtc/extremes", test_extremes);
	return g_test_run();
}
