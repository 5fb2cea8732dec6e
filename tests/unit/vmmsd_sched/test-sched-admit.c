/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_admit.h"

#include "assert_error.h"
#include "cpus.h"
#include "sched_cpus.h"

static void expect(const struct sched_demand *demands, guint n, const char *message)
{
	GError *error = NULL;

	g_assert_cmpint(sched_admit(demands, n, "c", &error), ==, !message);
	if (message)
		assert_message(error, SERVICE_ERROR_NO_CPU, message);
}

static void test_one_set(void)
{
	g_autoptr(GArray) one = cpus("0");
	g_autoptr(GArray) four = cpus("0-3");
	struct sched_demand demands[] = {{"a", 60, one}, {"b", 30, one}, {"c", 20, one}};

	expect(demands, 0, NULL);
	expect(demands, 2, NULL);
	expect(demands, 3,
	       "VM c: its reservation does not fit: 60 % (a) + 30 % (b) + 20 % (c) = 110 % of a "
	       "CPU would be reserved, and CPU 0 can give 95 % (95 % each): lower a reservation, "
	       "stop one of these VMs, or give one other CPUs");
	demands[2].percent = 5;
	expect(demands, 3, NULL);
	demands[2].percent = 6;
	g_assert_false(sched_admit(demands, 3, "c", NULL));
	for (guint i = 0; i < 3; i++)
		demands[i].cpus = four;
	expect(demands, 3, NULL);
}

/* Who can go elsewhere makes room for who cannot, whatever the order. */
static void test_giving_way(void)
{
	g_autoptr(GArray) both = cpus("0-1");
	g_autoptr(GArray) first = cpus("0");
	g_autoptr(GArray) second = cpus("1");
	struct sched_demand demands[] = {{"a", 90, both}, {"b", 50, first}, {"c", 50, second}};

	expect(demands, 3, NULL);
	demands[0].percent = 91;
	expect(demands, 3,
	       "VM c: its reservation does not fit: 91 % (a) + 50 % (b) + 50 % (c) = 191 % of a "
	       "CPU would be reserved, and CPUs 0-1 can give 190 % (95 % each): lower a "
	       "reservation, stop one of these VMs, or give one other CPUs");
	/* Only those who have to do with it are named. */
	demands[0].percent = 1;
	demands[2].percent = 96;
	expect(demands, 3,
	       "VM c: its reservation does not fit: 96 % (c) = 96 % of a CPU would be reserved, "
	       "and CPU 1 can give 95 % (95 % each): lower a reservation, stop one of these VMs, "
	       "or give one other CPUs");
}

static void test_many_names(void)
{
	g_autoptr(GArray) one = cpus("2");
	struct sched_demand demands[20];

	for (guint i = 0; i < 20; i++)
		demands[i] = (struct sched_demand){"v", 10, one};
	expect(demands, 9, NULL);
	expect(demands, 20,
	       "VM c: its reservation does not fit: 10 % (v) + 10 % (v) + 10 % (v) + 10 % (v) + "
	       "10 % (v) + 10 % (v) + 140 % (14 more) = 200 % of a CPU would be reserved, and CPU "
	       "2 can give 95 % (95 % each): lower a reservation, stop one of these VMs, or give "
	       "one other CPUs");
}

/* Hall's condition over all subsets of the CPUs says the same. */
static gboolean fits_by_hall(const struct sched_demand *demands, guint n, guint n_cpus)
{
	for (uint32_t mask = 0; mask < (1u << n_cpus); mask++) {
		g_autoptr(GArray) set = g_array_new(FALSE, FALSE, sizeof(uint32_t));
		uint64_t sum = 0;

		for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
			if (mask & (1u << cpu))
				g_array_append_val(set, cpu);
		}
		for (guint i = 0; i < n; i++) {
			if (sched_cpus_is_subset(demands[i].cpus, set))
				sum += demands[i].percent;
		}
		if (sum > (uint64_t)SCHED_RESERVABLE * set->len)
			return FALSE;
	}
	return TRUE;
}

static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	guint fitted = 0, refused = 0;

	for (unsigned round = 0; round < 4000; round++) {
		g_autoptr(GPtrArray) sets =
			g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
		guint n = (guint)g_rand_int_range(rand, 1, 9);
		guint n_cpus = (guint)g_rand_int_range(rand, 1, 6);
		struct sched_demand demands[8];

		for (guint i = 0; i < n; i++) {
			g_ptr_array_add(sets, random_cpus(rand, n_cpus));
			demands[i] = (struct sched_demand){
				"v", (uint32_t)g_rand_int_range(rand, 0, 120), sets->pdata[i]};
		}
		g_autoptr(GError) error = NULL;
		gboolean fits = sched_admit(demands, n, "v", &error);
		g_assert_cmpint(fits, ==, fits_by_hall(demands, n, n_cpus));
		g_assert_cmpint(fits, ==, error == NULL);
		fitted += fits ? 1 : 0;
		refused += fits ? 0 : 1;
	}
	g_assert_cmpuint(fitted, >, 400);
	g_assert_cmpuint(refused, >, 400);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-admit/one-set", test_one_set);
	g_test_add_func("/sched-admit/giving-way", test_giving_way);
	g_test_add_func("/sched-admit/many-names", test_many_names);
	g_test_add_func("/sched-admit/random", test_random);
	return g_test_run();
}
