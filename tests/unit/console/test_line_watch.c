/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "line_watch.h"

struct fixture {
	struct line_watch *watch;
	GPtrArray *lines;
};

static void on_panic(void *context, const char *line)
{
	struct fixture *f = context;

	for (const char *p = line; *p; p++)
		g_assert_true(g_ascii_isprint(*p));
	g_assert_cmpuint(strlen(line), <, LINE_WATCH_MAX);
	g_ptr_array_add(f->lines, g_strdup(line));
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->lines = g_ptr_array_new_with_free_func(g_free);
	f->watch = line_watch_new(on_panic, f);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	line_watch_free(f->watch);
	g_ptr_array_unref(f->lines);
}

static void feed(struct fixture *f, const char *text)
{
	line_watch_feed(f->watch, (const uint8_t *)text, strlen(text));
}

static const struct {
	const char *name, *text, *expected; /* expected NULL: nothing */
} examples[] = {
	{"init-dies",
	 "[    1.234567] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n"
	 "[    1.235000] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-18-cloud-amd64 #1\r\n"
	 "[    1.236000] Call Trace:\r\n"
	 "[    1.299999] ---[ end Kernel panic - not syncing: Attempted to kill init! "
	 "exitcode=0x00000100 ]---\r\n",
	 "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"},
	{"no-root",
	 "[    0.912345][    T1] Kernel panic - not syncing: VFS: Unable to mount root fs on "
	 "unknown-block(0,0)\r\n",
	 "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"},
	{"no-time", "Kernel panic - not syncing: No working init found.\n",
	 "Kernel panic - not syncing: No working init found."},
	{"caller-only", "[    C0] Kernel panic - not syncing: Fatal exception in interrupt\n",
	 "Kernel panic - not syncing: Fatal exception in interrupt"},
	{"behind-a-prompt",
	 "root@guest:~# [12345.678901] Kernel panic - not syncing: sysrq triggered crash\r\n",
	 "Kernel panic - not syncing: sysrq triggered crash"},
	{"coloured",
	 "\x1b[0m\x1b[1;31m[   12.345678] \x1b[0mKernel panic - not syncing: Fatal exception\x1b[K\r\n",
	 "Kernel panic - not syncing: Fatal exception"},
	{"window-title", "\x1b]0;root@guest\x07Kernel panic - not syncing: x\n",
	 "Kernel panic - not syncing: x"},
	{"window-title-st", "\x1b]0;root\x1b\\\x1b(BKernel panic - not syncing: x\n",
	 "Kernel panic - not syncing: x"},
	{"half-a-sequence", "\x1b]0;never ended\r\nKernel panic - not syncing: x\n",
	 "Kernel panic - not syncing: x"},
	{"not-ascii", "Kernel panic - not syncing: \xc3\xa4\x01\ty\n",
	 "Kernel panic - not syncing: ?? y"},
	{"end-only", /* the beginning stood behind a prompt, without a time */
	 "# Kernel panic - not syncing: boom\r\n---[ end Kernel panic - not syncing: boom ]---\r\n",
	 "Kernel panic - not syncing: boom"},
	{"of-another-kernel",
	 "Nov 22 01:02:03 host kernel: Kernel panic - not syncing: old news\r\n"
	 "grep 'Kernel panic - not syncing' /var/log/kern.log\r\n"
	 "[not a time] Kernel panic - not syncing: x\r\n"
	 "[1.] x] Kernel panic - not syncing: x\r\n"
	 "] Kernel panic - not syncing: x\r\n",
	 NULL},
	{"no-panic", "[    1.0] Kernel panic - syncing?\nKernel panicked\n\r\n\r\n\n", NULL},
	{"unfinished", "Kernel panic - not syncing: x", NULL},
};

static void test_example(struct fixture *f, gconstpointer data)
{
	const typeof(examples[0]) *example = data;

	feed(f, example->text);
	g_assert_cmpuint(f->lines->len, ==, example->expected ? 1 : 0);
	if (example->expected)
		g_assert_cmpstr(f->lines->pdata[0], ==, example->expected);
	/* and a byte at a time */
	line_watch_reset(f->watch);
	g_ptr_array_set_size(f->lines, 0);
	for (const char *p = example->text; *p; p++)
		line_watch_feed(f->watch, (const uint8_t *)p, 1);
	g_assert_cmpuint(f->lines->len, ==, example->expected ? 1 : 0);
	if (example->expected)
		g_assert_cmpstr(f->lines->pdata[0], ==, example->expected);
}

static void test_long_line(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	feed(f, "Kernel panic - not syncing: ");
	for (int i = 0; i < 10000; i++)
		feed(f, "0123456789");
	g_assert_cmpuint(f->lines->len, ==, 1); /* without waiting for its end */
	feed(f, "\n");
	g_assert_cmpuint(f->lines->len, ==, 1);
	g_assert_cmpuint(strlen(f->lines->pdata[0]), ==, LINE_WATCH_MAX - 1);
	for (int i = 0; i < 1000; i++)
		feed(f, "x");
	feed(f, "Kernel panic - not syncing: y\nKernel panic - not syncing: z\n");
	g_assert_cmpuint(f->lines->len, ==, 2);
	g_assert_cmpstr(f->lines->pdata[1], ==, "Kernel panic - not syncing: z");
}

static void test_again(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	feed(f, "Kernel panic - not syncing: a\nKernel panic - not syncing: a\n");
	g_assert_cmpuint(f->lines->len, ==, 2);
	feed(f, "Kernel pa");
	line_watch_reset(f->watch);
	feed(f, "nic - not syncing: b\n---[ end Kernel panic - not syncing: a ]---\n");
	g_assert_cmpuint(f->lines->len, ==, 3);
}

static void test_noise(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const char alphabet[] = "\x1b[]\\;0m\n\r \x07PK\x80~(";

	for (int i = 0; i < 200000; i++) {
		uint8_t byte = (uint8_t)alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];

		line_watch_feed(f->watch, &byte, 1);
	}
	feed(f, "\nKernel panic - not syncing: found\n");
	g_assert_cmpuint(f->lines->len, ==, 1);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(examples); i++) {
		g_autofree char *path = g_strconcat("/line-watch/", examples[i].name, NULL);

		g_test_add(path, struct fixture, &examples[i], set_up, test_example, tear_down);
	}
#define TEST(name, function) g_test_add(name, struct fixture, NULL, set_up, function, tear_down)
	TEST("/line-watch/long-line", test_long_line);
	TEST("/line-watch/again", test_again);
	TEST("/line-watch/noise", test_noise);
	return g_test_run();
}
