/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_share.h"

#include "assert_error.h"
#include "cpus.h"
#include "sched_admit.h"
#include "sched_cpus.h"

#define VMS_MAX 40u

static uint64_t sum_of(const struct sched_share *shares, guint n)
{
	uint64_t sum = 0;

	for (guint i = 0; i < n; i++)
		sum += shares[i].cpu_weight;
	return sum;
}

static void compute(struct sched_share *shares, guint n)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(sched_share_compute(shares, n, &error));
	g_assert_no_error(error);
}

/* What a user wrote goes through, times the processors, while nothing else is asked for. */
static void test_plain(void)
{
	g_autoptr(GArray) all = cpus("0-3");
	struct sched_share shares[] = {
		{.name = "a", .vcpus = 1, .weight = 300, .cpus = all},
		{.name = "b", .vcpus = 1, .weight = 100, .cpus = all},
		{.name = "c", .vcpus = 4, .weight = 100, .cpus = all},
		{.name = "d", .vcpus = 2, .weight = 1, .cpus = all},
	};

	compute(shares, G_N_ELEMENTS(shares));
	g_assert_cmpuint(shares[0].cpu_weight, ==, 300);
	g_assert_cmpuint(shares[1].cpu_weight, ==, 100);
	g_assert_cmpuint(shares[2].cpu_weight, ==, 400);
	g_assert_cmpuint(shares[3].cpu_weight, ==, 2);
	/* Beyond the kernel's range the ratio stays. */
	shares[2].weight = 10000;
	compute(shares, G_N_ELEMENTS(shares));
	g_assert_cmpuint(shares[2].cpu_weight, ==, 10000);
	g_assert_cmpuint(shares[0].cpu_weight, ==, 75);
	g_assert_cmpuint(shares[1].cpu_weight, ==, 25);
}

/* The example: 60 % and 30 % against 8 VMs that reserve nothing. */
static void test_example(void)
{
	g_autoptr(GArray) one = cpus("0");
	struct sched_share shares[10];
	uint64_t sum;

	for (guint i = 0; i < 10; i++)
		shares[i] =
			(struct sched_share){.name = "x", .vcpus = 1, .weight = 100, .cpus = one};
	shares[0].reserve = 60;
	shares[1].reserve = 30;
	compute(shares, 10);
	sum = sum_of(shares, 10);
	/* And 3 % of it more, since they are to get that much by any clock. */
	g_assert_cmpuint(shares[0].cpu_weight * 10000, >=, 6180 * sum);
	g_assert_cmpuint(shares[1].cpu_weight * 10000, >=, 3090 * sum);
	/* The others are equal and get what is left, not less: 0.91 % each. */
	for (guint i = 2; i < 10; i++) {
		g_assert_cmpuint(shares[i].cpu_weight, ==, shares[2].cpu_weight);
		g_assert_cmpfloat((double)shares[i].cpu_weight / (double)sum, >, 0.0089);
	}
	/* Where all is promised there is no more. */
	g_assert_true(sched_share_compute_within(shares, 2, 90, NULL));
	sum = sum_of(shares, 2);
	g_assert_cmpuint(shares[0].cpu_weight * 90, >=, 60 * sum);
	g_assert_cmpuint(shares[1].cpu_weight * 90, >=, 30 * sum);
}

/* A reservation below what the weight gives anyway changes nothing. */
static void test_small_reservation(void)
{
	g_autoptr(GArray) one = cpus("0");
	struct sched_share shares[] = {
		{.name = "a", .vcpus = 1, .weight = 300, .reserve = 10, .cpus = one},
		{.name = "b", .vcpus = 1, .weight = 100, .cpus = one},
	};

	compute(shares, 2);
	g_assert_cmpuint(shares[0].cpu_weight, ==, 300);
	g_assert_cmpuint(shares[1].cpu_weight, ==, 100);
}

/* VMs that never meet do not weigh on each other. */
static void test_clusters(void)
{
	g_autoptr(GArray) first = cpus("0");
	g_autoptr(GArray) second = cpus("1");
	struct sched_share shares[] = {
		{.name = "a", .vcpus = 1, .weight = 100, .reserve = 90, .cpus = first},
		{.name = "b", .vcpus = 1, .weight = 100, .cpus = first},
		{.name = "c", .vcpus = 1, .weight = 7, .cpus = second},
		{.name = "d", .vcpus = 1, .weight = 9, .cpus = second},
	};

	compute(shares, 4);
	g_assert_cmpuint(shares[2].cpu_weight, ==, 7);
	g_assert_cmpuint(shares[3].cpu_weight, ==, 9);
	g_assert_cmpuint(shares[0].cpu_weight, >=, 9 * shares[1].cpu_weight);
}

/* One small weight is 1 of 10000: many of them take a large reservation away. */
static void test_too_many(void)
{
	g_autoptr(GArray) one = cpus("0");
	g_autofree struct sched_share *shares = g_new0(struct sched_share, 1001);
	GError *error = NULL;

	for (guint i = 0; i < 1001; i++)
		shares[i] = (struct sched_share){
			.name = "small", .vcpus = 1, .weight = 100, .cpus = one};
	shares[7].reserve = 95;
	shares[7].name = "large";
	compute(shares, 500);
	g_assert_cmpuint(shares[7].cpu_weight * 100, >=, 95 * sum_of(shares, 500));
	g_assert_false(sched_share_compute(shares, 1001, &error));
	assert_message(
		error, SERVICE_ERROR_NO_CPU,
		"the reservations on CPU 0 (95 % of 100 %, the largest 95 % by VM large) "
		"cannot be kept beside 1001 VMs: stop some, lower a reservation, or give VMs "
		"other CPUs");
}

/* Random sets of VMs that were admitted. */
static guint random_shares(GRand *rand, struct sched_share *shares, const GArray *set)
{
	guint n = (guint)g_rand_int_range(rand, 1, (gint32)VMS_MAX);
	struct sched_demand demands[VMS_MAX];

	for (guint i = 0; i < n; i++) {
		uint32_t vcpus = (uint32_t)g_rand_int_range(rand, 1, 17);

		shares[i] = (struct sched_share){
			.name = "x",
			.vcpus = vcpus,
			.weight = (uint32_t)g_rand_int_range(rand, 1,
							     g_rand_boolean(rand) ? 10001 : 200),
			.reserve = g_rand_int(rand) % 3 == 0 ? (uint32_t)g_rand_int_range(
								       rand, 1, (gint32)vcpus * 100)
							     : 0,
			.cpus = set,
		};
		demands[i] = (struct sched_demand){"x", shares[i].reserve, set};
		/* As a start does: what does not fit does not run. */
		if (!sched_admit(demands, i + 1, "x", NULL))
			shares[i].reserve = demands[i].percent = 0;
	}
	return n;
}

static void check_properties(const struct sched_share *shares, guint n, guint n_cpus)
{
	uint64_t sum = sum_of(shares, n), reserved = 0;

	for (guint i = 0; i < n; i++) {
		g_assert_cmpuint(shares[i].cpu_weight, >=, SCHED_WEIGHT_MIN);
		g_assert_cmpuint(shares[i].cpu_weight, <=, SCHED_WEIGHT_MAX);
		/* w / sum of w x CPUs is at least what was reserved. */
		g_assert_cmpuint((uint64_t)shares[i].cpu_weight * n_cpus * 100, >=,
				 shares[i].reserve * sum);
		reserved += shares[i].reserve;
	}
	g_assert_cmpuint(reserved, <=, (uint64_t)SCHED_RESERVABLE * n_cpus);
	/* Of two that reserve nothing the one that asks for more never gets less. */
	for (guint i = 1; i < n; i++) {
		const struct sched_share *a = &shares[i - 1], *b = &shares[i];
		if (a->reserve == 0 && b->reserve == 0 &&
		    a->weight * a->vcpus >= b->weight * b->vcpus)
			g_assert_cmpuint(a->cpu_weight, >=, b->cpu_weight);
	}
}

static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(42);
	struct sched_share shares[VMS_MAX];

	for (unsigned round = 0; round < 6000; round++) {
		guint n_cpus = (guint)g_rand_int_range(rand, 1, 33);
		g_autofree char *list = g_strdup_printf("0-%u", n_cpus - 1);
		g_autoptr(GArray) set = cpus(n_cpus == 1 ? "0" : list);
		guint n = random_shares(rand, shares, set);

		compute(shares, n);
		check_properties(shares, n, n_cpus);
	}
}

/* Without reservations the ratios are those of the weights, as near as whole numbers can be. */
static void test_random_ratios(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(43);
	g_autoptr(GArray) set = cpus("0-1");

	for (unsigned round = 0; round < 2000; round++) {
		struct sched_share shares[VMS_MAX];
		guint n = random_shares(rand, shares, set);
		double top = 0;

		for (guint i = 0; i < n; i++) {
			shares[i].reserve = 0;
			top = MAX(top, (double)shares[i].weight * shares[i].vcpus);
		}
		compute(shares, n);
		for (guint i = 0; i < n; i++) {
			double base = (double)shares[i].weight * shares[i].vcpus;
			double exact = top <= 10000 ? base : MAX(base * 10000 / top, 1);

			g_assert_cmpfloat_with_epsilon(shares[i].cpu_weight, exact, 0.5001);
		}
	}
}

/* When threads are spread: on each of its CPUs a VM has a part of its weight. */
static gboolean spread_is_kept(const struct sched_share *shares, guint n, guint which)
{
	const GArray *own = shares[which].cpus;
	double part = 0;

	for (guint i = 0; i < own->len; i++) {
		double sum = 0;

		for (guint k = 0; k < n; k++) {
			if (host_cpu_list_has(shares[k].cpus, g_array_index(own, uint32_t, i)))
				sum += (double)shares[k].cpu_weight / shares[k].cpus->len;
		}
		part += 100.0 * shares[which].cpu_weight / own->len / sum;
	}
	return part >= shares[which].reserve * (1 - 1e-9);
}

/* All weights that may be where [i] runs; what its own is of them is what it is sure to get. */
static gboolean worst_is_kept(const struct sched_share *shares, guint n, guint i)
{
	uint64_t sum = 0;

	for (guint k = 0; k < n; k++)
		sum += sched_cpus_overlap(shares[k].cpus, shares[i].cpus) ? shares[k].cpu_weight
									  : 0;
	return (uint64_t)shares[i].cpu_weight * shares[i].cpus->len * 100 >=
	       shares[i].reserve * sum;
}

/* Who is not bound takes nothing from those who reserved on the CPU to which they are. */
static void test_bound_beside_unbound(void)
{
	g_autoptr(GArray) one = cpus("3");
	g_autoptr(GArray) all = cpus("0-3");
	struct sched_share shares[] = {
		{.name = "a", .vcpus = 1, .weight = 100, .reserve = 60, .cpus = one},
		{.name = "b", .vcpus = 1, .weight = 100, .reserve = 30, .cpus = one},
		{.name = "d", .vcpus = 1, .weight = 100, .cpus = one},
		{.name = "e", .vcpus = 1, .weight = 100, .cpus = all},
	};

	compute(shares, 4);
	g_assert_true(worst_is_kept(shares, 4, 0));
	g_assert_true(worst_is_kept(shares, 4, 1));
	g_assert_cmpuint(shares[2].cpu_weight, ==, shares[3].cpu_weight);
	/* One that reserves more than may be left on a CPU: what meets is what is spread. */
	shares[3].vcpus = 4;
	shares[3].reserve = 280;
	compute(shares, 4);
	for (guint i = 0; i < 4; i++)
		g_assert_true(spread_is_kept(shares, 4, i));
	g_assert_cmpuint(shares[0].cpu_weight * 100, >=,
			 60 * (shares[0].cpu_weight + shares[1].cpu_weight + shares[2].cpu_weight +
			       shares[3].cpu_weight / 4));
}

/* Sets for shares, of n_cpus; what is not admitted on them does not reserve. */
static GPtrArray *random_sets(GRand *rand, struct sched_share *shares, guint n, guint n_cpus,
			      gboolean single)
{
	GPtrArray *sets = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
	struct sched_demand demands[VMS_MAX];

	for (guint i = 0; i < n; i++) {
		GArray *set = random_cpus(rand, n_cpus);
		uint32_t cpu = g_rand_int(rand) % n_cpus;

		if (set->len == 0 || (single && shares[i].reserve > 0)) {
			g_array_set_size(set, 0);
			g_array_append_val(set, cpu);
		}
		g_ptr_array_add(sets, set);
		shares[i].cpus = set;
		demands[i] = (struct sched_demand){"x", shares[i].reserve, set};
		if (!sched_admit(demands, i + 1, "x", NULL))
			shares[i].reserve = demands[i].percent = 0;
	}
	return sets;
}

static void check_range(const struct sched_share *shares, guint n)
{
	for (guint i = 0; i < n; i++) {
		g_assert_cmpuint(shares[i].cpu_weight, >=, SCHED_WEIGHT_MIN);
		g_assert_cmpuint(shares[i].cpu_weight, <=, SCHED_WEIGHT_MAX);
	}
}

/* Promises on single CPUs hold whatever the sets of the others are. */
static void test_random_bound(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(45);

	for (unsigned round = 0; round < 1500; round++) {
		struct sched_share shares[VMS_MAX];
		g_autoptr(GArray) all = cpus("0-7");
		guint n = random_shares(rand, shares, all);
		g_autoptr(GPtrArray) sets = random_sets(rand, shares, n, 8, TRUE);

		compute(shares, n);
		check_range(shares, n);
		for (guint i = 0; i < n; i++)
			g_assert_true(worst_is_kept(shares, n, i));
	}
}

/* Any sets: in range, never an endless loop, and with threads spread each promise is kept. */
static void test_random_sets(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(44);
	guint kept = 0, lost = 0;

	for (unsigned round = 0; round < 1500; round++) {
		struct sched_share shares[VMS_MAX];
		g_autoptr(GArray) all = cpus("0-7");
		guint n = random_shares(rand, shares, all);
		g_autoptr(GPtrArray) sets = random_sets(rand, shares, n, 8, FALSE);
		g_autoptr(GError) error = NULL;

		if (!sched_share_compute(shares, n, &error)) {
			g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU);
			continue;
		}
		check_range(shares, n);
		for (guint i = 0; i < n; i++) {
			if (shares[i].reserve == 0)
				continue;
			if (spread_is_kept(shares, n, i))
				kept++;
			else
				lost++;
		}
	}
	g_assert_cmpuint(kept, >, 1000);
	g_assert_cmpuint(lost, ==, 0);
}

static void test_split(void)
{
	static const struct {
		uint32_t weight, vcpus, device_weight, vcpu, devices;
	} rows[] = {
		{100, 1, 0, 100, 100},	     {300, 4, 0, 400, 400},	 {100, 2, 50, 200, 50},
		{200, 2, 100, 200, 50},	     {1, 1, 10000, 1, 10000},	 {10000, 1, 1, 100, 1},
		{100, 240, 0, 10000, 10000}, {100, 200, 100, 10000, 50}, {50, 1, 10000, 50, 10000},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		uint32_t vcpu, devices;

		sched_share_split(rows[i].weight, rows[i].vcpus, rows[i].device_weight, &vcpu,
				  &devices);
		g_assert_cmpuint(vcpu, ==, rows[i].vcpu);
		g_assert_cmpuint(devices, ==, rows[i].devices);
	}
	/* Whatever was asked for, the proportion is kept as far as weights go. */
	for (int i = 0; i < 10000; i++) {
		uint32_t weight = (uint32_t)g_test_rand_int_range(1, 10001);
		uint32_t vcpus = (uint32_t)g_test_rand_int_range(1, 241);
		uint32_t others = (uint32_t)g_test_rand_int_range(1, 10001);
		uint32_t vcpu, devices;

		sched_share_split(weight, vcpus, others, &vcpu, &devices);
		g_assert_cmpuint(MIN(vcpu, devices), >=, SCHED_WEIGHT_MIN);
		g_assert_cmpuint(MAX(vcpu, devices), <=, SCHED_WEIGHT_MAX);
		double wanted = (double)weight * vcpus / others, got = (double)vcpu / devices;
		double off = 1.0 / MIN(vcpu, devices); /* both are rounded */
		g_assert_cmpfloat(got, <=, MAX(wanted, 1.0 / SCHED_WEIGHT_MAX) * (1 + off));
		g_assert_cmpfloat(got, >=, MIN(wanted, SCHED_WEIGHT_MAX) * (1 - off));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-share/split", test_split);
	g_test_add_func("/sched-share/plain", test_plain);
	g_test_add_func("/sched-share/example", test_example);
	g_test_add_func("/sched-share/small-reservation", test_small_reservation);
	g_test_add_func("/sched-share/clusters", test_clusters);
	g_test_add_func("/sched-share/too-many", test_too_many);
	g_test_add_func("/sched-share/random", test_random);
	g_test_add_func("/sched-share/random-ratios", test_random_ratios);
	g_test_add_func("/sched-share/random-sets", test_random_sets);
	g_test_add_func("/sched-share/random-bound", test_random_bound);
	g_test_add_func("/sched-share/bound-beside-unbound", test_bound_beside_unbound);
	return g_test_run();
}
