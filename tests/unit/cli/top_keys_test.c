// SPDX-License-Identifier: LGPL-2.1-or-later
#include "top_keys.h"

#include <glib.h>

#include "top_view.h"

/* The keys that come of a text, one after the other. */
static void expect(const char *text, const int *expected, gsize n)
{
	struct top_keys keys = {0};
	gsize seen = 0;

	for (; *text; text++) {
		int key = top_keys_take(&keys, *text);

		if (key == TOP_KEY_NONE)
			continue;
		g_assert_cmpuint(seen, <, n);
		g_assert_cmpint(key, ==, expected[seen]);
		seen++;
	}
	g_assert_cmpuint(seen, ==, n);
}

#define EXPECT(text, ...) \
	expect(text, (const int[]){__VA_ARGS__}, G_N_ELEMENTS(((const int[]){__VA_ARGS__})))

static void test_bytes(void)
{
	EXPECT("q+-", TOP_KEY_QUIT, TOP_KEY_SLOWER, TOP_KEY_FASTER);
	EXPECT("crlen", TOP_KEY_SORT + TOP_BY_CPU, TOP_KEY_SORT + TOP_BY_READY,
	       TOP_KEY_SORT + TOP_BY_LIMIT, TOP_KEY_SORT + TOP_BY_EXITS,
	       TOP_KEY_SORT + TOP_BY_NAME);
	EXPECT("kj bgG", TOP_KEY_UP, TOP_KEY_DOWN, TOP_KEY_PAGE_DOWN, TOP_KEY_PAGE_UP,
	       TOP_KEY_FIRST, TOP_KEY_LAST);
	expect("xQ?\xff\x01", NULL, 0);
}

static void test_sequences(void)
{
	EXPECT("\033[A\033[B\033OA\033OB", TOP_KEY_UP, TOP_KEY_DOWN, TOP_KEY_UP, TOP_KEY_DOWN);
	EXPECT("\033[5~\033[6~", TOP_KEY_PAGE_UP, TOP_KEY_PAGE_DOWN);
	EXPECT("\033[H\033[F\033OH\033OF", TOP_KEY_FIRST, TOP_KEY_LAST, TOP_KEY_FIRST,
	       TOP_KEY_LAST);
	EXPECT("\033[1~\033[4~\033[7~\033[8~", TOP_KEY_FIRST, TOP_KEY_LAST, TOP_KEY_FIRST,
	       TOP_KEY_LAST);
}

/* Of keys that mean nothing no part is taken for one that does. */
static void test_others(void)
{
	expect("\033[15~\033[1;5A\033[3~\033[c\033[?25l\033OR\033[6;q", NULL, 0);
	EXPECT("\033[\033[A", TOP_KEY_UP);
	EXPECT("\033q", TOP_KEY_QUIT);
	EXPECT("\033[9q q", TOP_KEY_PAGE_DOWN, TOP_KEY_QUIT);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/top-keys/bytes", test_bytes);
	g_test_add_func("/top-keys/sequences", test_sequences);
	g_test_add_func("/top-keys/others", test_others);
	return g_test_run();
}
