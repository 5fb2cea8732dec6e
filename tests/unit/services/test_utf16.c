/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "utf16.h"

#include <glib.h>
#include <string.h>

static void check_decode(const char *bytes, size_t size, const char *expected)
{
	g_autofree char *text = utf16_decode((const uint8_t *)bytes, size);

	g_assert_cmpstr(text, ==, expected);
}

static void test_decode(void)
{
	check_decode("", 0, "");
	check_decode("a\0b\0", 4, "ab");
	check_decode("a\0b\0\0\0c\0", 8, "ab");
	check_decode("a\0b", 3, "a");
	check_decode("\xe4\0\xac\x20", 4, "ä€");
	check_decode("\x3d\xd8\x00\xde", 4, "😀");
	check_decode("\x3d\xd8", 2, "\xef\xbf\xbd");	 /* a lone high surrogate, last */
	check_decode("\x3d\xd8z\0", 4, "\xef\xbf\xbdz"); /* and before a character */
	check_decode("\x00\xdez\0", 4, "\xef\xbf\xbdz"); /* a lone low one */
	check_decode("\x1b\0[\0", 4, "\xef\xbf\xbd[");	 /* no terminal escapes */
	check_decode("\x9b\0\x7f\0", 4, "\xef\xbf\xbd\xef\xbf\xbd"); /* C1 and DEL */
}

static void test_encode(void)
{
	uint8_t bytes[8];
	bool fits;

	g_assert_cmpuint(utf16_encode("a€", bytes, sizeof(bytes), &fits), ==, 2);
	g_assert_true(fits);
	g_assert_cmpint(memcmp(bytes, "a\0\xac\x20\0\0", 6), ==, 0);
	g_assert_cmpuint(utf16_encode("abc", bytes, sizeof(bytes), &fits), ==, 3);
	g_assert_true(fits);
	utf16_encode("abcd", bytes, sizeof(bytes), &fits);
	g_assert_false(fits);
	utf16_encode("ab😀", bytes, sizeof(bytes), &fits); /* two units and the NUL */
	g_assert_false(fits);
	utf16_encode("", bytes, 1, &fits);
	g_assert_false(fits);
	g_assert_cmpuint(utf16_encode("", bytes, 2, &fits), ==, 0);
	g_assert_true(fits);

	utf16_encode_cut("ab😀", bytes, sizeof(bytes));
	g_assert_cmpint(memcmp(bytes, "a\0b\0\0\0", 6), ==, 0);
	utf16_encode_cut("\xff", bytes, sizeof(bytes));
	g_assert_cmpint(memcmp(bytes, "\xfd\xff\0\0", 4), ==, 0);
}

/* Whatever the bytes are, the text is valid; and what is encoded comes back. */
static void test_properties(void)
{
	uint8_t bytes[64], back[200];
	bool fits;

	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)g_test_rand_int_range(0, sizeof(bytes));
		g_autofree char *text = NULL, *again = NULL;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)g_test_rand_int_range(0, i % 2 ? 0xe2 : 0x100);
		text = utf16_decode(bytes, size);
		g_assert_true(g_utf8_validate(text, -1, NULL));
		utf16_encode(text, back, sizeof(back), &fits);
		g_assert_true(fits);
		again = utf16_decode(back, sizeof(back));
		g_assert_cmpstr(again, ==, text);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/utf16/decode", test_decode);
	g_test_add_func("/utf16/encode", test_encode);
	g_test_add_func("/utf16/properties", test_properties);
	return g_test_run();
}
