/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_exclusive.h"

#include "assert_error.h"
#include "cpus.h"
#include "sched_cpus.h"

static void test_rows(void)
{
	static const struct {
		const char *own;
		gboolean own_exclusive;
		const char *other;
		gboolean other_exclusive;
		const char *message;
	} rows[] = {
		{"2", TRUE, NULL, FALSE, NULL},
		{"2", TRUE, "3", TRUE, NULL},
		{"2", TRUE, "2-3", FALSE, NULL},
		{NULL, FALSE, "0-2", TRUE, NULL},
		{"2-3", FALSE, "0-2", TRUE, NULL},
		{"2-3", TRUE, "1-2", TRUE,
		 "VM a: it cannot have CPU 2 for itself, since VM b has: choose others, or stop "
		 "that one"},
		{"2-3", TRUE, "2-3", FALSE,
		 "VM a: it cannot have CPUs 2-3 for itself, since VM b may run nowhere else: change "
		 "the affinity of one of them"},
		{"0-3", TRUE, NULL, FALSE,
		 "VM a: CPUs 0-3 for itself would leave the host no CPU: leave it at least one"},
		{"2-3", TRUE, "0-1", TRUE,
		 "VM a: CPUs 2-3 for itself would leave the host no CPU: leave it at least one"},
		{"2", FALSE, "2-3", TRUE,
		 "VM a: no CPU is left for it, since other VMs have CPU 2 for themselves: stop one, "
		 "or change an affinity"},
	};
	g_autoptr(GArray) online = cpus("0-3");

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GArray) own = rows[i].own ? cpus(rows[i].own) : NULL;
		g_autoptr(GArray) other = rows[i].other ? cpus(rows[i].other) : NULL;
		const struct sched_claim claims[] = {{"b", other, rows[i].other_exclusive},
						     {"a", own, rows[i].own_exclusive}};
		GError *error = NULL;

		g_assert_cmpint(sched_exclusive_check(claims, 2, 1, online, &error), ==,
				!rows[i].message);
		if (rows[i].message)
			assert_message(error, SERVICE_ERROR_NO_CPU, rows[i].message);
	}
}

/* Whatever was admitted one by one leaves everybody a CPU. */
static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(9);
	g_autoptr(GArray) online = cpus("0-7");
	guint admitted = 0;

	for (unsigned round = 0; round < 2000; round++) {
		g_autoptr(GPtrArray) sets =
			g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
		struct sched_claim claims[10];
		guint n = 0;

		for (guint i = 0; i < 10; i++) {
			GArray *set = random_cpus(rand, 8);
			uint32_t zero = 0;
			if (set->len == 0)
				g_array_append_val(set, zero);
			g_ptr_array_add(sets, set);
			claims[n] = (struct sched_claim){"v", set, g_rand_int(rand) % 3 == 0};
			if (sched_exclusive_check(claims, n + 1, n, online, NULL))
				n++;
		}
		g_autoptr(GArray) taken = sched_exclusive_taken(claims, n, NULL);
		g_assert_false(sched_cpus_is_subset(online, taken));
		for (guint i = 0; i < n; i++) {
			g_autoptr(GArray) others = sched_exclusive_taken(claims, n, &claims[i]);
			g_assert_false(claims[i].exclusive
					       ? sched_cpus_overlap(claims[i].cpus, others)
					       : sched_cpus_is_subset(claims[i].cpus, others));
			admitted++;
		}
	}
	g_assert_cmpuint(admitted, >, 4000);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-exclusive/rows", test_rows);
	g_test_add_func("/sched-exclusive/random", test_random);
	return g_test_run();
}
