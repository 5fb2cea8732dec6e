/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rtc_time.h"

#define DAY_SECONDS  86400
#define HOUR_PM	     0x80u
#define ALARM_ANY    0xc0u
#define EPOCH_FROM_0 719528 /* days from January 1 of year 0 (proleptic Gregorian) to the epoch */
#define LAST_SECOND  253402300799   /* 9999-12-31 23:59:59 */
#define FIRST_SECOND (-62167219200) /* 0000-01-01 00:00:00 */

static uint8_t rtc_encode(unsigned int value, struct rtc_format format)
{
	return (uint8_t)(format.binary ? value : (value / 10) << 4 | value % 10);
}

static unsigned int rtc_decode(uint8_t byte, struct rtc_format format)
{
	return format.binary ? byte : (byte >> 4) * 10u + (byte & 0x0fu);
}

static uint8_t rtc_encode_hour(unsigned int hour, struct rtc_format format)
{
	if (format.hours24)
		return rtc_encode(hour, format);
	return (uint8_t)(rtc_encode(hour % 12 ? hour % 12 : 12, format) |
			 (hour >= 12 ? HOUR_PM : 0));
}

static unsigned int rtc_decode_hour(uint8_t byte, struct rtc_format format)
{
	unsigned int hour;

	if (format.hours24)
		return rtc_decode(byte, format);
	hour = rtc_decode(byte & 0x7f, format);
	if (hour == 12)
		hour = 0;
	return hour + ((byte & HOUR_PM) ? 12 : 0);
}

static bool rtc_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from January 1 of year 0 to January 1 of `year` (>= 0). */
static int64_t rtc_days_before_year(int64_t year)
{
	if (year == 0)
		return 0;
	/* year 0 is a leap year, and the first of the multiples that are counted here */
	return year * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1;
}

static const uint16_t days_before_month[13] = {0,   31,	 59,  90,  120, 151, 181,
					       212, 243, 273, 304, 334, 365};

static int64_t rtc_days_before(int64_t year, unsigned int month /* from 0 */)
{
	return rtc_days_before_year(year) + days_before_month[month] +
	       (month > 1 && rtc_leap(year) ? 1 : 0);
}

static int64_t rtc_clamp(int64_t seconds)
{
	if (seconds > LAST_SECOND)
		return LAST_SECOND;
	return seconds < FIRST_SECOND ? FIRST_SECOND : seconds;
}

unsigned int rtc_weekday(int64_t seconds)
{
	/* January 1 of year 0 was a Saturday */
	return (unsigned int)(((rtc_clamp(seconds) - FIRST_SECOND) / DAY_SECONDS + 6) % 7) + 1;
}

void rtc_fields_from_seconds(struct rtc_fields *fields, int64_t seconds, struct rtc_format format)
{
	int64_t since = rtc_clamp(seconds) - FIRST_SECOND;
	int64_t days = since / DAY_SECONDS;
	unsigned int rest = (unsigned int)(since % DAY_SECONDS), month = 0;
	int64_t year = days / 366; /* never too late, and some years early at most */

	while (rtc_days_before_year(year + 1) <= days)
		year++;
	while (rtc_days_before(year, month + 1) <= days)
		month++;
	*fields = (struct rtc_fields){
		.second = rtc_encode(rest % 60, format),
		.minute = rtc_encode(rest / 60 % 60, format),
		.hour = rtc_encode_hour(rest / 3600, format),
		.weekday = rtc_encode(rtc_weekday(seconds), format),
		.day = rtc_encode((unsigned int)(days - rtc_days_before(year, month)) + 1, format),
		.month = rtc_encode(month + 1, format),
		.year = rtc_encode((unsigned int)(year % 100), format),
		.century = rtc_encode((unsigned int)(year / 100), format),
	};
}

int64_t rtc_fields_to_seconds(const struct rtc_fields *fields, struct rtc_format format)
{
	int64_t year = (int64_t)rtc_decode(fields->century, format) * 100 +
		       rtc_decode(fields->year, format);
	unsigned int month = rtc_decode(fields->month, format);
	int64_t days, seconds;

	if (month > 0) /* month 0 counts as January */
		month--;
	year += month / 12;
	days = rtc_days_before(year, month % 12) + (int64_t)rtc_decode(fields->day, format) - 1;
	seconds = (days - EPOCH_FROM_0) * DAY_SECONDS +
		  (int64_t)rtc_decode_hour(fields->hour, format) * 3600 +
		  (int64_t)rtc_decode(fields->minute, format) * 60 +
		  rtc_decode(fields->second, format);
	return rtc_clamp(seconds);
}

static int rtc_decode_alarm(uint8_t byte, unsigned int value)
{
	return byte >= ALARM_ANY ? RTC_ANY : (int)value;
}

/* `from` or the next multiple of `unit` above it, depending on whether its field matches. */
static int64_t rtc_alarm_step(int64_t from, int field, int wanted, int64_t unit)
{
	if (wanted == RTC_ANY || wanted == field)
		return from;
	return (from / unit + 1) * unit;
}

int64_t rtc_alarm_next(uint8_t second, uint8_t minute, uint8_t hour, struct rtc_format format,
		       int64_t after)
{
	int s = rtc_decode_alarm(second, rtc_decode(second, format));
	int m = rtc_decode_alarm(minute, rtc_decode(minute, format));
	int h = rtc_decode_alarm(hour, rtc_decode_hour(hour, format));
	/* counted from year 0, so that divisions round down */
	int64_t now = rtc_clamp(after) - FIRST_SECOND + 1;

	if (s >= 60 || m >= 60 || h >= 24)
		return INT64_MAX;
	/* At most a day away: every step but the last ends on a larger unit than it began. */
	for (int steps = 0; steps < 2 * (24 + 60 + 60); steps++) {
		int64_t next = rtc_alarm_step(now, (int)(now / 3600 % 24), h, 3600);

		if (next == now)
			next = rtc_alarm_step(now, (int)(now / 60 % 60), m, 60);
		if (next == now)
			next = rtc_alarm_step(now, (int)(now % 60), s, 1);
		if (next == now)
			return now + FIRST_SECOND;
		now = next;
	}
	return INT64_MAX;
}
