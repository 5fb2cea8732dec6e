/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_cpus.h"

#include "assert_error.h"
#include "cpus.h"

/* Every operation against bit masks. */
static uint32_t mask_of(const GArray *set)
{
	uint32_t mask = 0;

	for (guint i = 0; i < set->len; i++)
		mask |= 1u << g_array_index(set, uint32_t, i);
	return mask;
}

static void test_masks(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);

	for (unsigned i = 0; i < 3000; i++) {
		g_autoptr(GArray) a = random_cpus(rand, 6);
		g_autoptr(GArray) b = random_cpus(rand, 6);
		g_autoptr(GArray) both = sched_cpus_and(a, b);
		g_autoptr(GArray) any = sched_cpus_or(a, b);
		g_autoptr(GArray) rest = sched_cpus_minus(a, b);
		uint32_t x = mask_of(a), y = mask_of(b);

		g_assert_cmpuint(mask_of(both), ==, x & y);
		g_assert_cmpuint(mask_of(any), ==, x | y);
		g_assert_cmpuint(mask_of(rest), ==, x & ~y);
		g_assert_cmpint(sched_cpus_is_subset(a, b), ==, (x & ~y) == 0);
		g_assert_cmpint(sched_cpus_overlap(a, b), ==, (x & y) != 0);
		g_assert_cmpint(sched_cpus_equal(a, b), ==, x == y);
		/* Sorted and without repetition, so that the text can be read back. */
		g_autofree char *text = host_cpu_list_format(any);
		g_autoptr(GArray) again = host_cpu_list_parse(text);
		g_assert_true(sched_cpus_equal(again, any));
	}
}

static void test_check(void)
{
	static const struct {
		const char *asked, *message;
	} rows[] = {
		{"0-3", NULL},
		{"", NULL},
		{"0,9", "VM a: affinity: CPU 9 is not in this host, where CPUs 0-3 can be used"},
		{"8-9",
		 "VM a: affinity: CPUs 8-9 are not in this host, where CPUs 0-3 can be used"},
		{"3-4", "VM a: affinity: CPU 4 is offline; CPUs 0-3 can be used"},
		{"4-5", "VM a: affinity: CPUs 4-5 are offline; CPUs 0-3 can be used"},
		{"5-6", "VM a: affinity: CPU 6 is not in this host, where CPUs 0-3 can be used"},
	};
	g_autoptr(GArray) online = cpus("0-3");
	g_autoptr(GArray) offline = cpus("4-5");

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GArray) asked = cpus(rows[i].asked);
		GError *error = NULL;

		g_assert_cmpint(sched_cpus_check(asked, online, offline, "VM a: affinity", &error),
				==, !rows[i].message);
		if (rows[i].message)
			assert_message(error, SERVICE_ERROR_NO_CPU, rows[i].message);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-cpus/masks", test_masks);
	g_test_add_func("/sched-cpus/check", test_check);
	return g_test_run();
}
