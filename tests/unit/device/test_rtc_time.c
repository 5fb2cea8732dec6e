/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>
#include <time.h>

#include "rtc_time.h"

static const struct rtc_format formats[4] = {
	{.binary = false, .hours24 = true},
	{.binary = true, .hours24 = true},
	{.binary = false, .hours24 = false},
	{.binary = true, .hours24 = false},
};

#define YEAR_0	      INT64_C(-62167219200)
#define YEAR_9999_END INT64_C(253402300799)

static void test_examples(void)
{
	/* 2024-02-29 23:59:58, a Thursday */
	static const struct rtc_fields bcd24 = {0x58, 0x59, 0x23, 5, 0x29, 0x02, 0x24, 0x20};
	static const struct rtc_fields bin12 = {58, 59, 0x80 | 11, 5, 29, 2, 24, 20};
	/* 1999-12-31 00:00:00 and 12:00:00, a Friday: the two twelves */
	static const struct rtc_fields midnight = {0, 0, 0x12, 6, 0x31, 0x12, 0x99, 0x19};
	static const struct rtc_fields noon = {0, 0, 0x92, 6, 0x31, 0x12, 0x99, 0x19};
	struct rtc_fields fields;

	rtc_fields_from_seconds(&fields, 1709251198, formats[0]);
	g_assert_cmpint(memcmp(&fields, &bcd24, sizeof fields), ==, 0);
	rtc_fields_from_seconds(&fields, 1709251198, formats[3]);
	g_assert_cmpint(memcmp(&fields, &bin12, sizeof fields), ==, 0);
	rtc_fields_from_seconds(&fields, 946598400, formats[2]);
	g_assert_cmpint(memcmp(&fields, &midnight, sizeof fields), ==, 0);
	rtc_fields_from_seconds(&fields, 946598400 + 43200, formats[2]);
	g_assert_cmpint(memcmp(&fields, &noon, sizeof fields), ==, 0);
	g_assert_cmpint(rtc_fields_to_seconds(&midnight, formats[2]), ==, 946598400);
	g_assert_cmpint(rtc_fields_to_seconds(&noon, formats[2]), ==, 946598400 + 43200);
}

/* Against the C library, and there and back again. */
static void check_round_trip(int64_t seconds)
{
	time_t t = seconds;
	struct tm tm;

	g_assert_nonnull(gmtime_r(&t, &tm));
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		struct rtc_fields f;

		rtc_fields_from_seconds(&f, seconds, formats[i]);
		g_assert_cmpint(rtc_fields_to_seconds(&f, formats[i]), ==, seconds);
		if (formats[i].binary && formats[i].hours24) {
			g_assert_cmpint(f.second, ==, tm.tm_sec);
			g_assert_cmpint(f.minute, ==, tm.tm_min);
			g_assert_cmpint(f.hour, ==, tm.tm_hour);
			g_assert_cmpint(f.weekday, ==, tm.tm_wday + 1);
			g_assert_cmpint(f.day, ==, tm.tm_mday);
			g_assert_cmpint(f.month, ==, tm.tm_mon + 1);
			g_assert_cmpint(f.century * 100 + f.year, ==, tm.tm_year + 1900);
		}
	}
}

static void test_round_trip(void)
{
	for (int i = 0; i < 20000; i++) {
		int64_t day = g_test_rand_int_range(0, 3652424);

		check_round_trip(YEAR_0 + day * 86400 + g_test_rand_int_range(0, 86400));
	}
	/* every midnight of the centuries around the epoch */
	for (int64_t day = -30000; day < 80000; day++)
		check_round_trip(day * 86400 - (day & 1));
	check_round_trip(YEAR_0);
	check_round_trip(YEAR_9999_END);
}

static void test_clamped(void)
{
	struct rtc_fields a, b;

	rtc_fields_from_seconds(&a, INT64_MAX, formats[0]);
	rtc_fields_from_seconds(&b, YEAR_9999_END, formats[0]);
	g_assert_cmpint(memcmp(&a, &b, sizeof a), ==, 0);
	rtc_fields_from_seconds(&a, INT64_MIN, formats[0]);
	rtc_fields_from_seconds(&b, YEAR_0, formats[0]);
	g_assert_cmpint(memcmp(&a, &b, sizeof a), ==, 0);
}

/* Any bytes give some time within the range. */
static void test_garbage(void)
{
	for (int i = 0; i < 100000; i++) {
		struct rtc_fields f;
		uint8_t *bytes = (uint8_t *)&f;
		int64_t seconds;

		for (size_t k = 0; k < sizeof f; k++)
			bytes[k] = (uint8_t)g_test_rand_int();
		seconds = rtc_fields_to_seconds(&f, formats[i & 3]);
		g_assert_cmpint(seconds, >=, YEAR_0);
		g_assert_cmpint(seconds, <=, YEAR_9999_END);
	}
}

static void test_carry(void)
{
	static const struct rtc_fields february30 = {0, 0, 0, 1, 0x30, 0x02, 0x23, 0x20};

	g_assert_cmpint(rtc_fields_to_seconds(&february30, formats[0]), ==, 1677715200); /* Mar 2 */
}

static bool alarm_matches(const struct rtc_fields *f, const uint8_t alarm[3])
{
	return (alarm[0] >= 0xc0 || alarm[0] == f->second) &&
	       (alarm[1] >= 0xc0 || alarm[1] == f->minute) &&
	       (alarm[2] >= 0xc0 || alarm[2] == f->hour);
}

/* Against a search second by second. */
static void test_alarm_property(void)
{
	for (int i = 0; i < 300; i++) {
		struct rtc_format format = formats[i & 3];
		int64_t now = g_test_rand_int_range(-1000000, 2000000000), next = now;
		struct rtc_fields f;
		uint8_t alarm[3];

		rtc_fields_from_seconds(&f, g_test_rand_int_range(0, 86400), format);
		alarm[0] = g_test_rand_bit() ? 0xff : f.second;
		alarm[1] = g_test_rand_bit() ? 0xc0 : f.minute;
		alarm[2] = g_test_rand_bit() ? 0xee : f.hour;
		do
			rtc_fields_from_seconds(&f, ++next, format);
		while (!alarm_matches(&f, alarm));
		g_assert_cmpint(rtc_alarm_next(alarm[0], alarm[1], alarm[2], format, now), ==,
				next);
	}
}

static void test_alarm_never(void)
{
	g_assert_cmpint(rtc_alarm_next(0x60, 0, 0, formats[0], 0), ==, INT64_MAX);
	g_assert_cmpint(rtc_alarm_next(0, 60, 0, formats[1], 0), ==, INT64_MAX);
	g_assert_cmpint(rtc_alarm_next(0, 0, 0x24, formats[0], 0), ==, INT64_MAX);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rtc-time/examples", test_examples);
	g_test_add_func("/rtc-time/round-trip", test_round_trip);
	g_test_add_func("/rtc-time/clamped", test_clamped);
	g_test_add_func("/rtc-time/garbage", test_garbage);
	g_test_add_func("/rtc-time/carry", test_carry);
	g_test_add_func("/rtc-time/alarm-property", test_alarm_property);
	g_test_add_func("/rtc-time/alarm-never", test_alarm_never);
	return g_test_run();
}
