/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scan_code.h"

#include <string.h>

/* A guest's keymap, by scan code; written down from a keyboard, not from scan_code.c. */
static const char plain[] =
	"\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

/* What a guest reads; the keys must all be up at the end. */
static char *guest_reads(const GArray *strokes)
{
	GString *text = g_string_new(NULL);
	gboolean down[128] = {0};

	for (guint i = 0; i < strokes->len; i++) {
		const struct keystroke *s = &g_array_index(strokes, struct keystroke, i);

		g_assert_cmpuint(s->code, <, sizeof(plain));
		if (s->flags & KEYSTROKE_BREAK) {
			g_assert_true(down[s->code]);
			down[s->code] = FALSE;
			continue;
		}
		g_assert_false(down[s->code]);
		down[s->code] = TRUE;
		if (s->code != 0x2a)
			g_string_append_c(text, (down[0x2a] ? shifted : plain)[s->code]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(down); i++)
		g_assert_false(down[i]);
	return g_string_free(text, FALSE);
}

static void check_text(const char *text, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) strokes = scan_code_of_text(text, &error);
	g_autofree char *read = NULL;

	g_assert_no_error(error);
	read = guest_reads(strokes);
	g_assert_cmpstr(read, ==, expected);
}

static void test_text(void)
{
	char all[96];

	for (int i = 0; i < 95; i++)
		all[i] = (char)(' ' + i);
	all[95] = '\0';
	check_text(all, all);
	check_text("", "");
	check_text("root\nls -l | grep 'x'\t\b\x1b", "root\nls -l | grep 'x'\t\b\x1b");
	check_text("dos\r\nends", "dos\nends");
}

static void check_bad_text(const char *text, const char *says)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(scan_code_of_text(text, &error));
	g_assert_error(error, SCAN_CODE_ERROR, SCAN_CODE_ERROR_CHARACTER);
	g_assert_nonnull(strstr(error->message, says));
}

static void test_bad_text(void)
{
	check_bad_text("abc\xc3\xa4", "character 4 of the text (U+00E4)");
	check_bad_text("\xc3", "not UTF-8");
	check_bad_text("\x7f", "U+007F");
	check_bad_text("a\rb", "character 2 of the text (U+000D)");
	check_bad_text("😀", "character 1 of the text (U+1F600)");
}

static void check_combination(const char *names, unsigned int n, const struct keystroke *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) strokes = scan_code_of_combination(names, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(strokes->len, ==, n);
	g_assert_cmpint(memcmp(strokes->data, expected, n * sizeof(*expected)), ==, 0);
}

static void test_combination(void)
{
	static const struct keystroke three[] = {{0x1d, 0}, {0x38, 0}, {0x53, 4},
						 {0x53, 6}, {0x38, 2}, {0x1d, 2}};
	static const struct keystroke f2[] = {{0x3c, 0}, {0x3c, 2}};
	static const struct keystroke sysrq[] = {{0x38, 0}, {0x54, 0}, {0x30, 0},
						 {0x30, 2}, {0x54, 2}, {0x38, 2}};

	check_combination("ctrl-alt-del", 6, three);
	check_combination("Control-ALT-Delete", 6, three);
	check_combination("f2", 2, f2);
	check_combination("alt-sysrq-b", 6, sysrq);
	check_combination("alt-sysrq-B", 6, sysrq);
}

static void test_bad_combination(void)
{
	static const char *const bad[] = {
		"", "-", "ctrl-", "ctrl--alt", "foo", "!", "a-b-c-d-e-f-g-h-i", "\xc3\xa4", " "};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(scan_code_of_combination(bad[i], &error));
		g_assert_error(error, SCAN_CODE_ERROR, SCAN_CODE_ERROR_KEY);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/scan_code/text", test_text);
	g_test_add_func("/scan_code/bad-text", test_bad_text);
	g_test_add_func("/scan_code/combination", test_combination);
	g_test_add_func("/scan_code/bad-combination", test_bad_combination);
	return g_test_run();
}
