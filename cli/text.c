// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sizes, times and foreign text, as people read them. */
#include <time.h>

#include "output.h"

/* Bytes of the control character at `text`: 0 when it is none. C1 is 0xc2 0x80..0x9f in UTF-8. */
static size_t control_size(const unsigned char *text)
{
	if (text[0] < 0x20 || text[0] == 0x7f)
		return 1;
	return text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0 ? 2 : 0;
}

void text_print(FILE *stream, const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *from = p;

	/* Runs rather than bytes: a list has ten thousand rows. */
	for (;;) {
		size_t control = control_size(p);
		if (control == 0) {
			p++;
			continue;
		}
		if (p > from)
			fwrite_unlocked(from, 1, (size_t)(p - from), stream);
		if (*p == '\0')
			return;
		putc_unlocked('?', stream);
		p += control;
		from = p;
	}
}

size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

size_t text_bytes(const char *text, size_t width)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && width-- == 0)
			break;
	}
	return i;
}

const char *format_size(char buffer[FORMAT_SIZE], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned shift = 0, unit = 0;

	while (bytes >> shift >= 1024) {
		shift += 10;
		unit++;
	}
	if (unit == 0) {
		snprintf(buffer, FORMAT_SIZE, "%u", (unsigned)bytes);
		return buffer;
	}
	uint64_t whole = bytes >> shift;
	uint64_t rest = bytes & ((UINT64_C(1) << shift) - 1);
	/* Tenths, rounded; in the unit below there is room for the product. */
	unsigned tenths = (unsigned)(((rest >> (shift - 10)) * 10 + 512) / 1024);
	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	if (tenths == 0)
		snprintf(buffer, FORMAT_SIZE, "%u%c", (unsigned)whole, units[unit]);
	else
		snprintf(buffer, FORMAT_SIZE, "%u.%u%c", (unsigned)whole, tenths, units[unit]);
	return buffer;
}

const char *format_duration(char buffer[FORMAT_SIZE], uint64_t seconds)
{
	unsigned long long s = seconds;

	if (s < 60)
		snprintf(buffer, FORMAT_SIZE, "%llus", s);
	else if (s < 3600)
		snprintf(buffer, FORMAT_SIZE, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buffer, FORMAT_SIZE, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buffer, FORMAT_SIZE, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buffer;
}

const char *format_time(char buffer[FORMAT_SIZE], uint64_t usec)
{
	time_t seconds = (time_t)(usec / 1000000u);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) ||
	    strftime(buffer, FORMAT_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buffer, FORMAT_SIZE, "@%llu", (unsigned long long)(usec / 1000000u));
	return buffer;
}

uint64_t uptime_of(uint64_t started)
{
	struct timespec ts;

	if (started == 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t now = (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
	return now > started ? (now - started) / 1000000u : 0;
}
