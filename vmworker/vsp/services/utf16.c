/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "utf16.h"

#include <glib.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

static uint16_t unit_at(const uint8_t *bytes, size_t at)
{
	return (uint16_t)(bytes[2 * at] | bytes[2 * at + 1] << 8);
}

/* The character at *at, which moves on. */
static gunichar take_character(const uint8_t *bytes, size_t n, size_t *at)
{
	uint16_t high = unit_at(bytes, (*at)++), low;

	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || *at == n)
		return REPLACEMENT;
	low = unit_at(bytes, *at);
	if (low < 0xdc00 || low > 0xdfff)
		return REPLACEMENT; /* the unit after it may be a character */
	(*at)++;
	return 0x10000u + ((gunichar)(high - 0xd800) << 10) + (gunichar)(low - 0xdc00);
}

char *utf16_decode(const uint8_t *bytes, size_t size)
{
	GString *out = g_string_new(NULL);
	size_t n = size / 2, at = 0;

	while (at < n && unit_at(bytes, at) != 0) {
		gunichar c = take_character(bytes, n, &at);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			c = REPLACEMENT;
		g_string_append_unichar(out, c);
	}
	return g_string_free(out, FALSE);
}

static void put_unit(uint8_t *bytes, size_t at, gunichar unit)
{
	bytes[2 * at] = (uint8_t)unit;
	bytes[2 * at + 1] = (uint8_t)(unit >> 8);
}

/* Returns the end of what fitted, with room for a NUL that is not written yet. */
static const char *encode(const char *utf8, uint8_t *bytes, size_t room, size_t *units)
{
	*units = 0;
	for (const char *p = utf8; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		size_t n = c < 0x10000u ? 1 : 2;

		if (*units + n + 1 > room)
			return p;
		if (n == 1) {
			put_unit(bytes, *units, c);
		} else {
			put_unit(bytes, *units, 0xd800u + ((c - 0x10000u) >> 10));
			put_unit(bytes, *units + 1, 0xdc00u + ((c - 0x10000u) & 0x3ffu));
		}
		*units += n;
	}
	return utf8 + strlen(utf8);
}

size_t utf16_encode(const char *utf8, uint8_t *bytes, size_t size, bool *fits)
{
	size_t units;

	*fits = size >= 2 && *encode(utf8, bytes, size / 2, &units) == '\0';
	if (!*fits) {
		memset(bytes, 0, size);
		return 0;
	}
	put_unit(bytes, units, 0);
	return units;
}

void utf16_encode_cut(const char *utf8, uint8_t *bytes, size_t size)
{
	g_autofree char *valid = g_utf8_make_valid(utf8, -1);
	size_t units;

	if (size < 2)
		return;
	(void)encode(valid, bytes, size / 2, &units);
	put_unit(bytes, units, 0);
}
