/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "line_watch.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define PANIC	  "Kernel panic - not syncing"
#define PANIC_END "---[ end " PANIC
#define END_MARK  " ]---"

/* Escape sequences of ECMA-48, as far as is needed to skip them. */
enum line_watch_escape {
	TEXT,
	ESCAPE,	      /* ESC */
	INTERMEDIATE, /* ESC and bytes 0x20-0x2f: one final byte follows */
	CONTROL,      /* ESC [: up to a byte 0x40-0x7e */
	STRING,	      /* ESC ], P, X, ^, _: up to BEL or ESC \ */
	STRING_ESCAPE,
};

struct line_watch {
	void (*panic)(void *context, const char *line);
	void *context;
	enum line_watch_escape escape;
	size_t size;
	bool overlong; /* the rest of the line is not looked at */
	char line[LINE_WATCH_MAX];
	char reported[LINE_WATCH_MAX];
};

static const char *skip_digits(const char *p)
{
	while (g_ascii_isdigit(*p))
		p++;
	return p;
}

/* Whether `line` up to `end` is nothing, or ends with what printk puts before a message: a time,
 * "[   12.345678] ", or the caller that may follow it, "[    T1] " or "[    C0] ". */
static bool line_ends_with_stamp(const char *line, const char *end)
{
	const char *p;

	if (end == line)
		return true;
	if (end - line < 4 || end[-1] != ' ' || end[-2] != ']')
		return false;
	p = memrchr(line, '[', (size_t)(end - line));
	if (!p)
		return false;
	for (p++; *p == ' '; p++)
		;
	if (*p != 'T' && *p != 'C') {
		p = skip_digits(p);
		if (*p != '.')
			return false;
	}
	p++;
	return skip_digits(p) == end - 2;
}

static void line_watch_report(struct line_watch *watch, const char *text)
{
	g_strlcpy(watch->reported, text, sizeof watch->reported);
	watch->panic(watch->context, watch->reported);
}

/* The line is whole, or as long as it gets. */
static void line_watch_look(struct line_watch *watch)
{
	char *line = watch->line, *end, *p;

	line[watch->size] = '\0';
	end = strstr(line, PANIC_END);
	if (end && line_ends_with_stamp(line, end)) {
		p = end + strlen(PANIC_END) - strlen(PANIC);
		end = strstr(p, END_MARK);
		if (end)
			*end = '\0';
		if (strcmp(p, watch->reported) != 0)
			line_watch_report(watch, p);
		return;
	}
	for (p = strstr(line, PANIC); p; p = strstr(p + 1, PANIC)) {
		if (!line_ends_with_stamp(line, p))
			continue;
		line_watch_report(watch, p);
		return;
	}
}

static void line_watch_end(struct line_watch *watch)
{
	if (!watch->overlong && watch->size > 0)
		line_watch_look(watch);
	watch->size = 0;
	watch->overlong = false;
}

static void line_watch_text(struct line_watch *watch, uint8_t byte)
{
	if (byte == '\n' || byte == '\r') {
		line_watch_end(watch);
		return;
	}
	if (byte == '\t')
		byte = ' ';
	if (watch->overlong || byte < 0x20 || byte == 0x7f)
		return;
	watch->line[watch->size++] = byte < 0x7f ? (char)byte : '?';
	if (watch->size == LINE_WATCH_MAX - 1) {
		line_watch_look(watch);
		watch->overlong = true;
	}
}

static enum line_watch_escape line_watch_escape(uint8_t byte)
{
	if (byte >= 0x20 && byte <= 0x2f)
		return INTERMEDIATE;
	switch (byte) {
	case '[':
		return CONTROL;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return STRING;
	default:
		return TEXT;
	}
}

static void line_watch_byte(struct line_watch *watch, uint8_t byte)
{
	/* A line's end ends everything: half a sequence must not swallow the panic behind it. */
	if (byte == '\n' || byte == '\r') {
		watch->escape = TEXT;
		line_watch_text(watch, byte);
		return;
	}
	if (byte == 0x1b && watch->escape != STRING) {
		watch->escape = ESCAPE;
		return;
	}
	switch (watch->escape) {
	case TEXT:
		line_watch_text(watch, byte);
		break;
	case ESCAPE:
	case INTERMEDIATE:
		watch->escape = line_watch_escape(byte);
		break;
	case CONTROL:
		if (byte >= 0x40 && byte <= 0x7e)
			watch->escape = TEXT;
		break;
	case STRING:
		if (byte == 0x1b)
			watch->escape = STRING_ESCAPE;
		else if (byte == 0x07)
			watch->escape = TEXT;
		break;
	case STRING_ESCAPE:
		watch->escape = byte == '\\' ? TEXT : STRING;
		break;
	}
}

void line_watch_feed(struct line_watch *watch, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		line_watch_byte(watch, data[i]);
}

void line_watch_reset(struct line_watch *watch)
{
	watch->escape = TEXT;
	watch->size = 0;
	watch->overlong = false;
	watch->reported[0] = '\0';
}

struct line_watch *line_watch_new(void (*panic)(void *context, const char *line), void *context)
{
	struct line_watch *watch = g_new0(struct line_watch, 1);

	watch->panic = panic;
	watch->context = context;
	return watch;
}

void line_watch_free(struct line_watch *watch)
{
	g_free(watch);
}
