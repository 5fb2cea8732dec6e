/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_confine.h"

#include "host_cpu_list.h"

static void test_share(void)
{
	static const struct {
		const char *own, *left, *share; /* NULL: none */
	} rows[] = {
		{"", "0,2-3", "0,2-3"}, {"0-2", "0,2-3", "0,2"}, {"0-3", "0,2-3", "0,2-3"},
		{"1", "0,2-3", NULL},	{"no list", "0", "0"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GArray) left = host_cpu_list_parse(rows[i].left);
		g_autoptr(GArray) share = host_confine_share(rows[i].own, left);
		g_autofree char *text = share ? host_cpu_list_format(share) : NULL;

		g_assert_cmpstr(text, ==, rows[i].share);
	}
}

static void test_list(void)
{
	static const uint8_t bytes[] = {0x07, 0x00, 0x81};
	g_autofree char *none = host_confine_list(NULL, 0);
	g_autofree char *zeros = host_confine_list((const uint8_t[4]){0}, 4);
	g_autofree char *some = host_confine_list(bytes, sizeof(bytes));
	g_autofree uint8_t *many = g_malloc(4096);
	g_autofree char *all = NULL;

	g_assert_cmpstr(none, ==, "");
	g_assert_cmpstr(zeros, ==, "");
	g_assert_cmpstr(some, ==, "0-2,16,23");
	memset(many, 0xff, 4096);
	all = host_confine_list(many, 4096);
	g_assert_cmpstr(all, ==, "0-8191");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host-confine/share", test_share);
	g_test_add_func("/host-confine/list", test_list);
	return g_test_run();
}
