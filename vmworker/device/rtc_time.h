/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The time registers of an MC146818 as numbers: pure conversions between seconds since the epoch
 * and the bytes that the guest sees, binary or BCD, 12 or 24 hours.
 */
#ifndef RTC_TIME_H
#define RTC_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct rtc_format {
	bool binary; /* register B, DM; otherwise BCD */
	bool hours24;
};

/* As the registers hold them, encoded. */
struct rtc_fields {
	uint8_t second, minute, hour;
	uint8_t weekday; /* 1 is Sunday */
	uint8_t day, month, year, century;
};

#define RTC_ANY (-1)

/* Years 0 to 9999; what lies beyond is clamped. */
void rtc_fields_from_seconds(struct rtc_fields *fields, int64_t seconds, struct rtc_format format);

/*
 * Seconds since the epoch of 00:00:00 UTC 1970. The chip has no notion of an invalid date; ours are
 * carried over, as mktime does (February 30 is March 1 or 2), and a digit above 9 counts as it is.
 * The weekday is not looked at.
 */
int64_t rtc_fields_to_seconds(const struct rtc_fields *fields, struct rtc_format format);

/* 1 (Sunday) to 7. */
unsigned int rtc_weekday(int64_t seconds);

/*
 * The first second after `after` at which an alarm with these encoded bytes matches, or INT64_MAX
 * if it never does. A byte of 0xc0 and above matches always (data sheet: "don't care").
 */
int64_t rtc_alarm_next(uint8_t second, uint8_t minute, uint8_t hour, struct rtc_format format,
		       int64_t after);

#endif
