/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scan_code.h"

#include <stdbool.h>
#include <string.h>

#define CODE_SHIFT 0x2au
#define CODE_MAX   8u /* keys of a combination */

G_DEFINE_QUARK(vmms - scan - code - error - quark, scan_code_error)

/* The main block, from the top left: what each key gives without and with Shift. */
static const struct {
	uint8_t first;
	const char *plain, *shifted;
} rows[] = {
	{0x02, "1234567890-=", "!@#$%^&*()_+"},
	{0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
	{0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
	{0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
	{0x39, " ", ""},
	{0x1c, "\n", ""},
	{0x0f, "\t", ""},
	{0x0e, "\b", ""},
	{0x01, "\x1b", ""},
};

static const struct {
	const char *name;
	uint8_t code;
	uint8_t flags;
} keys[] = {
	{"esc", 0x01, 0},
	{"escape", 0x01, 0},
	{"backspace", 0x0e, 0},
	{"tab", 0x0f, 0},
	{"enter", 0x1c, 0},
	{"return", 0x1c, 0},
	{"ctrl", 0x1d, 0},
	{"control", 0x1d, 0},
	{"shift", CODE_SHIFT, 0},
	{"alt", 0x38, 0},
	{"space", 0x39, 0},
	{"minus", 0x0c, 0},
	{"capslock", 0x3a, 0},
	{"f1", 0x3b, 0},
	{"f2", 0x3c, 0},
	{"f3", 0x3d, 0},
	{"f4", 0x3e, 0},
	{"f5", 0x3f, 0},
	{"f6", 0x40, 0},
	{"f7", 0x41, 0},
	{"f8", 0x42, 0},
	{"f9", 0x43, 0},
	{"f10", 0x44, 0},
	{"numlock", 0x45, 0},
	{"scrolllock", 0x46, 0},
	{"sysrq", 0x54, 0}, /* what Print gives with Alt */
	{"f11", 0x57, 0},
	{"f12", 0x58, 0},
	{"rshift", 0x36, 0},
	{"rctrl", 0x1d, KEYSTROKE_E0},
	{"print", 0x37, KEYSTROKE_E0},
	{"altgr", 0x38, KEYSTROKE_E0},
	{"ralt", 0x38, KEYSTROKE_E0},
	{"home", 0x47, KEYSTROKE_E0},
	{"up", 0x48, KEYSTROKE_E0},
	{"pageup", 0x49, KEYSTROKE_E0},
	{"left", 0x4b, KEYSTROKE_E0},
	{"right", 0x4d, KEYSTROKE_E0},
	{"end", 0x4f, KEYSTROKE_E0},
	{"down", 0x50, KEYSTROKE_E0},
	{"pagedown", 0x51, KEYSTROKE_E0},
	{"insert", 0x52, KEYSTROKE_E0},
	{"ins", 0x52, KEYSTROKE_E0},
	{"delete", 0x53, KEYSTROKE_E0},
	{"del", 0x53, KEYSTROKE_E0},
	{"super", 0x5b, KEYSTROKE_E0},
	{"win", 0x5b, KEYSTROKE_E0},
	{"menu", 0x5d, KEYSTROKE_E0},
};

static void put(GArray *strokes, uint16_t code, uint16_t flags)
{
	struct keystroke stroke = {code, flags};

	g_array_append_val(strokes, stroke);
}

static bool find_character(gunichar c, uint16_t *code, bool *shift)
{
	for (size_t i = 0; c > 0 && c < 0x80 && i < G_N_ELEMENTS(rows); i++) {
		const char *plain = strchr(rows[i].plain, (int)c);
		const char *shifted = strchr(rows[i].shifted, (int)c);

		*shift = !plain;
		if (plain)
			*code = (uint16_t)(rows[i].first + (plain - rows[i].plain));
		else if (shifted)
			*code = (uint16_t)(rows[i].first + (shifted - rows[i].shifted));
		else
			continue;
		return true;
	}
	return false;
}

static void put_character(GArray *strokes, uint16_t code, bool shift)
{
	if (shift)
		put(strokes, CODE_SHIFT, 0);
	put(strokes, code, 0);
	put(strokes, code, KEYSTROKE_BREAK);
	if (shift)
		put(strokes, CODE_SHIFT, KEYSTROKE_BREAK);
}

static void set_character_error(const char *utf8, const char *at, GError **error)
{
	gunichar c = g_utf8_get_char(at);

	g_set_error(error, SCAN_CODE_ERROR, SCAN_CODE_ERROR_CHARACTER,
		    "character %ld of the text (U+%04X) is on no key of a US keyboard; type only "
		    "printable ASCII, line ends and tabs",
		    g_utf8_pointer_to_offset(utf8, at) + 1, c);
}

GArray *scan_code_of_text(const char *utf8, GError **error)
{
	GArray *strokes;

	if (!g_utf8_validate(utf8, -1, NULL)) {
		g_set_error(error, SCAN_CODE_ERROR, SCAN_CODE_ERROR_CHARACTER,
			    "the text is not UTF-8; convert it");
		return NULL;
	}
	strokes = g_array_new(FALSE, FALSE, sizeof(struct keystroke));
	for (const char *p = utf8; *p; p = g_utf8_next_char(p)) {
		uint16_t code;
		bool shift;

		if (p[0] == '\r' && p[1] == '\n')
			continue;
		if (!find_character(g_utf8_get_char(p), &code, &shift)) {
			set_character_error(utf8, p, error);
			g_array_unref(strokes);
			return NULL;
		}
		put_character(strokes, code, shift);
	}
	return strokes;
}

static bool find_key(const char *name, struct keystroke *key)
{
	bool shift;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (g_ascii_strcasecmp(name, keys[i].name) == 0) {
			*key = (struct keystroke){keys[i].code, keys[i].flags};
			return true;
		}
	}
	*key = (struct keystroke){0};
	return name[0] > ' ' && name[1] == '\0' &&
	       find_character((gunichar)g_ascii_tolower(name[0]), &key->code, &shift) && !shift;
}

GArray *scan_code_of_combination(const char *names, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(names, "-", CODE_MAX + 1);
	struct keystroke pressed[CODE_MAX];
	unsigned int n = 0;
	GArray *strokes;

	for (; parts[n]; n++) {
		if (n == CODE_MAX || !find_key(parts[n], &pressed[n])) {
			g_set_error(error, SCAN_CODE_ERROR, SCAN_CODE_ERROR_KEY,
				    n == CODE_MAX ? "%s names more than 8 keys; press fewer"
						  : "%s names no keys; join names with -, as in "
						    "ctrl-alt-del or alt-f2",
				    names);
			return NULL;
		}
	}
	if (n == 0) {
		g_set_error(error, SCAN_CODE_ERROR, SCAN_CODE_ERROR_KEY,
			    "no key was named; say for example ctrl-alt-del");
		return NULL;
	}
	strokes = g_array_new(FALSE, FALSE, sizeof(struct keystroke));
	for (unsigned int i = 0; i < n; i++)
		put(strokes, pressed[i].code, pressed[i].flags);
	while (n-- > 0)
		put(strokes, pressed[n].code, pressed[n].flags | KEYSTROKE_BREAK);
	return strokes;
}
