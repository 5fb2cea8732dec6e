/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_cpu_list.h"

/* Every set of CPUs survives the way to text and back. */
static void test_round_trip(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(2);

	for (unsigned i = 0; i < 2000; i++) {
		g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(uint32_t));
		uint32_t cpu = g_rand_int(rand) % 3;
		while (cpu < HOST_CPU_MAX && cpus->len < 40) {
			g_array_append_val(cpus, cpu);
			cpu += g_rand_boolean(rand) ? 1 : 1 + g_rand_int(rand) % 500;
		}
		g_autofree char *text = host_cpu_list_format(cpus);
		g_autoptr(GArray) back = host_cpu_list_parse(text);
		g_assert_nonnull(back);
		g_assert_cmpuint(back->len, ==, cpus->len);
		for (guint k = 0; k < cpus->len; k++)
			g_assert_cmpuint(g_array_index(back, uint32_t, k), ==,
					 g_array_index(cpus, uint32_t, k));
	}
}

static void test_examples(void)
{
	static const struct {
		const char *text;
		guint n; /* G_MAXUINT: refused */
	} cases[] = {
		{"", 0},
		{"0", 1},
		{"0-3", 4},
		{"0-3,5,7-8", 7},
		{"8191", 1},
		{"8192", G_MAXUINT},
		{"4294967296", G_MAXUINT},
		{"0-99999999999", G_MAXUINT},
		{",", G_MAXUINT},
		{"0 ", G_MAXUINT},
		{"0--1", G_MAXUINT},
		{"0-1-2", G_MAXUINT},
		{"5-4", G_MAXUINT},
		{"0-2,2", G_MAXUINT},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GArray) cpus = host_cpu_list_parse(cases[i].text);
		g_assert_cmpuint(cpus ? cpus->len : G_MAXUINT, ==, cases[i].n);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host-cpu-list/round-trip", test_round_trip);
	g_test_add_func("/host-cpu-list/examples", test_examples);
	return g_test_run();
}
