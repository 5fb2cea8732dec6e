/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_plan.h"

#include <string.h>

#include "assert_error.h"
#include "cpus.h"
#include "fake_topology.h"
#include "sched_cpus.h"

/* What a test says of a VM; the rest is as in a definition that says nothing. */
struct row {
	const char *name;
	uint32_t vcpus, weight, reserve;
	const char *affinity, *vcpu; /* the list of its first processor */
	gboolean exclusive, background;
	enum placement_mode placement;
	/* expected */
	const char *cpus;
	uint32_t cpu_weight;
};

static struct sched_definition *new_wish(const struct row *row)
{
	struct sched_definition *wish = g_new0(struct sched_definition, 1);

	*wish = (struct sched_definition){
		.weight = row->weight ? row->weight : 100,
		.reserve = row->reserve,
		.affinity = row->affinity ? cpus(row->affinity) : NULL,
		.exclusive = row->exclusive,
		.background = row->background,
		.numa_node = -1,
		.placement = row->placement,
	};
	if (row->vcpu) {
		wish->n_vcpu_affinity = 1;
		wish->vcpu_affinity = g_new0(GArray *, 1);
		wish->vcpu_affinity[0] = cpus(row->vcpu);
	}
	return wish;
}

static void wish_free(gpointer data)
{
	sched_definition_clear(data);
	g_free(data);
}

static sched_plan_t *new_plan(GPtrArray *wishes, const struct row *rows, guint n)
{
	sched_plan_t *plan = sched_plan_new(NULL);

	for (guint i = 0; i < n; i++) {
		g_ptr_array_add(wishes, new_wish(&rows[i]));
		sched_plan_add(plan, rows[i].name, MAX(rows[i].vcpus, 1), wishes->pdata[i]);
	}
	return plan;
}

static void expect(const host_topology_t *host, const struct row *rows, guint n)
{
	g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
	g_autoptr(sched_plan_t) plan = new_plan(wishes, rows, n);
	g_autoptr(GError) error = NULL;

	g_assert_true(sched_plan_make(plan, host, &error));
	g_assert_no_error(error);
	for (guint i = 0; i < n; i++) {
		const struct sched_member *member =
			&g_array_index(plan->members, struct sched_member, i);

		assert_cpus(member->cpus, rows[i].cpus);
		g_assert_cmpuint(member->cpu_weight, ==, rows[i].cpu_weight);
	}
}

static void test_made(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	static const struct row plain[] = {
		{.name = "a", .cpus = "0-3", .cpu_weight = 100},
		{.name = "b", .vcpus = 2, .weight = 50, .cpus = "0-3", .cpu_weight = 100},
		{.name = "c", .background = TRUE, .cpus = "0-3", .cpu_weight = 0},
	};
	static const struct row spread[] = {
		{.name = "a", .placement = PLACEMENT_SPREAD, .cpus = "0", .cpu_weight = 100},
		{.name = "b", .placement = PLACEMENT_SPREAD, .cpus = "2", .cpu_weight = 100},
	};
	static const struct row exclusive[] = {
		{.name = "a", .affinity = "2", .exclusive = TRUE, .cpus = "2", .cpu_weight = 100},
		{.name = "b", .cpus = "0-1,3", .cpu_weight = 100},
		{.name = "c", .affinity = "1-2", .cpus = "1", .cpu_weight = 100},
		{.name = "d",
		 .placement = PLACEMENT_PACK,
		 .vcpus = 3,
		 .cpus = "0-1,3",
		 .cpu_weight = 300},
	};

	expect(host, plain, G_N_ELEMENTS(plain));
	expect(host, spread, G_N_ELEMENTS(spread));
	expect(host, exclusive, G_N_ELEMENTS(exclusive));
}

/* A choice of CPUs never breaks a promise that the host could keep. */
static void test_placed_reservations(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 1, TRUE);
	/* By load alone c would join a, which leaves too little. */
	static const struct row around[] = {
		{.name = "a",
		 .placement = PLACEMENT_SPREAD,
		 .reserve = 60,
		 .cpus = "0",
		 .cpu_weight = 100},
		{.name = "b",
		 .placement = PLACEMENT_SPREAD,
		 .reserve = 30,
		 .cpus = "1",
		 .cpu_weight = 6181},
		{.name = "c",
		 .placement = PLACEMENT_PACK,
		 .reserve = 60,
		 .cpus = "1",
		 .cpu_weight = 10000},
	};
	/* No CPU has room for c alone, but both together have. */
	static const struct row wide[] = {
		{.name = "a",
		 .placement = PLACEMENT_SPREAD,
		 .reserve = 60,
		 .cpus = "0-1",
		 .cpu_weight = 100},
		{.name = "b",
		 .placement = PLACEMENT_SPREAD,
		 .reserve = 60,
		 .cpus = "0-1",
		 .cpu_weight = 100},
		{.name = "c",
		 .placement = PLACEMENT_SPREAD,
		 .reserve = 60,
		 .cpus = "0-1",
		 .cpu_weight = 100},
	};

	expect(host, around, G_N_ELEMENTS(around));
	expect(host, wide, G_N_ELEMENTS(wide));
}

/* rows[].cpus: where each is expected; current: where it was, or NULL. */
static void expect_from(const host_topology_t *host, const struct row *rows,
			const char *const *current, guint n)
{
	g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
	g_autoptr(sched_plan_t) plan = sched_plan_new(NULL);

	for (guint i = 0; i < n; i++) {
		g_ptr_array_add(wishes, new_wish(&rows[i]));
		sched_plan_add(plan, rows[i].name, MAX(rows[i].vcpus, 1), wishes->pdata[i]);
		sched_plan_set_current(plan, current[i]);
	}
	g_assert_true(sched_plan_make(plan, host, NULL));
	for (guint i = 0; i < n; i++)
		assert_cpus(g_array_index(plan->members, struct sched_member, i).cpus,
			    rows[i].cpus);
}

/* Who is placed stays when others come and go, unless that is for the better. */
static void test_stays(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	struct row rows[] = {
		{.name = "a", .placement = PLACEMENT_SPREAD, .cpus = "2"},
		{.name = "b", .placement = PLACEMENT_SPREAD, .cpus = "0"},
		{.name = "c", .placement = PLACEMENT_SPREAD, .cpus = "1"},
	};

	expect_from(host, rows, (const char *const[]){"2"}, 1); /* the one on 0 has ended */
	expect_from(host, rows, (const char *const[]){"2", NULL}, 2);
	expect_from(host, rows, (const char *const[]){"2", "0", "1"}, 3);
	/* One of the two that share a core goes to the one that became free: the younger. */
	rows[0].cpus = "0";
	rows[1].cpus = "2";
	expect_from(host, rows, (const char *const[]){"0", "1"}, 2);
	/* It cannot be where it was. */
	expect_from(host, rows, (const char *const[]){"0", "7"}, 2);
	expect_from(host, rows, (const char *const[]){"0", "0-3"}, 2);
	expect_from(host, rows, (const char *const[]){"0", ""}, 2);
	rows[0].affinity = "2-3";
	rows[0].cpus = "2";
	rows[1].cpus = "0";
	expect_from(host, rows, (const char *const[]){"0", NULL}, 2);
	/* Packed, so that a core becomes free. */
	rows[0] = (struct row){.name = "a", .placement = PLACEMENT_PACK, .cpus = "0"};
	rows[1] = (struct row){.name = "b", .placement = PLACEMENT_PACK, .cpus = "1"};
	expect_from(host, rows, (const char *const[]){"0", "2"}, 2);
	/* Not placed: it is bound, or runs anywhere. */
	rows[0] = (struct row){.name = "a", .cpus = "0-3"};
	rows[1] = (struct row){.name = "b", .affinity = "3", .cpus = "3"};
	expect_from(host, rows, (const char *const[]){"1", "2"}, 2);
}

/* CPUs that went away under VMs that run: nobody is left without. */
static void test_lost(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 1, TRUE);
	static const struct row rows[] = {
		{.name = "a",
		 .affinity = "2-3",
		 .exclusive = TRUE,
		 .cpus = "0-1",
		 .cpu_weight = 100},
		{.name = "b", .affinity = "1-3", .cpus = "1", .cpu_weight = 100},
		{.name = "c",
		 .affinity = "0-1",
		 .exclusive = TRUE,
		 .cpus = "0-1",
		 .cpu_weight = 100},
	};

	expect(host, rows, 2);
	/* All that is left is somebody's own: then it is shared all the same. */
	g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
	g_autoptr(sched_plan_t) plan = new_plan(wishes, rows, 3);
	g_assert_true(sched_plan_make(plan, host, NULL));
	for (guint i = 0; i < 3; i++)
		g_assert_cmpuint(g_array_index(plan->members, struct sched_member, i).cpus->len, >,
				 0);
	g_assert_true(g_array_index(plan->members, struct sched_member, 0).moved);
	g_assert_false(g_array_index(plan->members, struct sched_member, 2).moved);
}

static void refuse(const host_topology_t *host, const struct row *rows, guint n, int code,
		   const char *message)
{
	g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
	g_autoptr(sched_plan_t) plan = new_plan(wishes, rows, n);
	GError *error = NULL;

	g_assert_cmpint(sched_plan_check(plan, host, &error), ==, !message);
	if (message)
		assert_message(error, code, message);
	else
		g_assert_no_error(error);
}

static void test_checks(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	struct row rows[] = {
		{.name = "a", .reserve = 60, .affinity = "0"},
		{.name = "b", .reserve = 30, .affinity = "0"},
		{.name = "c", .reserve = 20, .affinity = "0"},
	};

	refuse(host, rows, 2, 0, NULL);
	refuse(host, rows, 3, SERVICE_ERROR_NO_CPU,
	       "VM c: its reservation does not fit: 60 % (a) + 30 % (b) + 20 % (c) = 110 % of a "
	       "CPU would be reserved, and CPU 0 can give 95 % (95 % each): lower a reservation, "
	       "stop one of these VMs, or give one other CPUs");
	/* Without a reservation it may run beside them. */
	rows[2].reserve = 0;
	refuse(host, rows, 3, 0, NULL);
	/* Taking the CPUs away from those who reserved there. */
	rows[0].affinity = rows[1].affinity = "0-1";
	rows[0].reserve = rows[1].reserve = 90;
	rows[2].exclusive = TRUE;
	refuse(host, rows, 3, SERVICE_ERROR_NO_CPU,
	       "VM c: its reservation does not fit: 90 % (a) + 90 % (b) = 180 % of a CPU would be "
	       "reserved, and CPU 1 can give 95 % (95 % each): lower a reservation, stop one of "
	       "these VMs, or give one other CPUs");
	rows[2] = (struct row){.name = "c", .affinity = "0,7"};
	refuse(host, rows, 3, SERVICE_ERROR_NO_CPU,
	       "VM c: affinity: CPU 7 is not in this host, where CPUs 0-3 can be used");
	rows[2] = (struct row){.name = "c", .affinity = "0-3", .exclusive = TRUE};
	refuse(host, &rows[2], 1, SERVICE_ERROR_NO_CPU,
	       "VM c: CPUs 0-3 for itself would leave the host no CPU: leave it at least one");
}

static gboolean edit(const host_topology_t *host, const struct row *rows, guint n,
		     const struct row *was)
{
	g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
	g_autoptr(sched_plan_t) plan = new_plan(wishes, rows, n);
	struct sched_definition *before = was ? new_wish(was) : NULL;
	gboolean allowed = sched_plan_check_edit(plan, before, host, NULL);

	if (before)
		wish_free(before);
	return allowed;
}

/* Four promises on three CPUs: three are kept, and whatever makes it no worse is allowed. */
static void test_repair(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 3, 1, TRUE);
	struct row rows[] = {
		{.name = "r0", .affinity = "0", .reserve = 90},
		{.name = "r3", .affinity = "3", .reserve = 90},
		{.name = "r1", .affinity = "1", .reserve = 90},
		{.name = "r2", .affinity = "2", .reserve = 90},
		{.name = "o"},
	};
	const struct row r2 = rows[3], o = rows[4];
	g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
	g_autoptr(sched_plan_t) plan = new_plan(wishes, rows, 5);

	g_assert_false(sched_plan_make(plan, host, NULL));
	for (guint i = 0; i < 5; i++) {
		const struct sched_member *m =
			&g_array_index(plan->members, struct sched_member, i);

		g_assert_cmpint(m->unkept, ==, i == 1);
		g_assert_cmpstr(m->shortage, ==,
				i == 1 ? "90 % (r0) + 90 % (r3) + 90 % (r1) + 90 % (r2) = 360 % of "
					 "a CPU would be reserved, and CPUs 0-2 can give 285 % "
					 "(95 % each)"
				       : NULL);
		g_assert_cmpint(m->cpu_weight >= 900, ==, i != 1 && i != 4);
	}
	g_assert_true(edit(host, rows, 5, NULL));
	rows[4].weight = 7;
	g_assert_true(edit(host, rows, 5, &o));
	rows[4] = (struct row){.name = "o", .reserve = 1};
	g_assert_false(edit(host, rows, 5, &o));
	g_assert_false(edit(host, rows, 5, NULL));
	rows[3].reserve = 50;
	g_assert_true(edit(host, rows, 4, &r2));
	rows[3].reserve = 91;
	g_assert_false(edit(host, rows, 4, &r2));
	/* One that was moved: its list is looked at only when it changes. */
	rows[3] = (struct row){.name = "r3", .affinity = "3", .weight = 50, .reserve = 90};
	g_assert_true(edit(host, &rows[2], 2, &rows[1]));
	rows[3].affinity = "4";
	g_assert_false(edit(host, &rows[2], 2, &rows[1]));
}

/* Of VMs that run while promises are broken each may be edited, as long as no one has less. */
static void test_edit_broken(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 3, 1, TRUE);
	const struct row a = {.name = "a", .affinity = "0", .reserve = 60};
	const struct row b = {.name = "b", .affinity = "0,5", .reserve = 60};
	const struct row c = {.name = "c", .affinity = "1", .reserve = 60};
	struct row other[] = {a, b, c}, own[] = {a, c, b};

	/* Another's is broken. */
	other[2].affinity = "2";
	g_assert_true(edit(host, other, 3, &c));
	g_assert_true(edit(host, other, 3, NULL));
	other[2] = (struct row){
		.name = "c", .affinity = "1-2", .reserve = 70, .weight = 50, .vcpus = 2};
	g_assert_true(edit(host, other, 3, &c));
	other[2] = (struct row){.name = "c", .affinity = "0", .reserve = 60};
	g_assert_false(edit(host, other, 3, &c));
	other[2] = (struct row){.name = "c", .affinity = "2", .exclusive = TRUE, .reserve = 60};
	g_assert_true(edit(host, other, 3, &c));
	/* Its own: mended, mended in part, left, and worse. */
	own[2].affinity = "2";
	g_assert_true(edit(host, own, 3, &b));
	own[2].affinity = "0-1";
	g_assert_true(edit(host, own, 3, &b));
	own[2].affinity = "1";
	g_assert_true(edit(host, own, 3, &b));
	own[2] = b;
	own[2].reserve = 40;
	g_assert_true(edit(host, own, 3, &b));
	own[2] = b;
	own[2].weight = 7;
	g_assert_true(edit(host, own, 3, &b));
	own[2].reserve = 61;
	g_assert_false(edit(host, own, 3, &b));
	/* What it takes from another breaks that one. */
	own[1].affinity = "1-2";
	own[2] = (struct row){.name = "b", .affinity = "2", .exclusive = TRUE, .reserve = 60};
	g_assert_true(edit(host, own, 3, &b));
	own[0].affinity = "1";
	g_assert_false(edit(host, own, 3, &b));
}

/* A list for each processor counts as the affinity of all. */
static void test_vcpus(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(host_topology_t) small = fake_topology_new(1, 2, 1, TRUE);
	static const struct row both[] = {
		{.name = "p", .vcpu = "3", .reserve = 60},
		{.name = "q", .vcpu = "3", .reserve = 60},
	};
	static const struct row exclusive[] = {
		{.name = "p", .vcpu = "3"},
		{.name = "x", .affinity = "3", .exclusive = TRUE},
	};
	static const struct row wide[] = {
		{.name = "p", .vcpus = 2, .vcpu = "3"},
		{.name = "x", .affinity = "3", .exclusive = TRUE},
		{.name = "p", .vcpus = 2, .vcpu = "3"},
	};
	static const struct row made[] = {
		{.name = "p", .vcpu = "1-2", .cpus = "1-2", .cpu_weight = 100},
		{.name = "q", .vcpus = 2, .vcpu = "1", .cpus = "0-3", .cpu_weight = 200},
	};

	refuse(host, both, 2, SERVICE_ERROR_NO_CPU,
	       "VM q: its reservation does not fit: 60 % (p) + 60 % (q) = 120 % of a CPU would be "
	       "reserved, and CPU 3 can give 95 % (95 % each): lower a reservation, stop one of "
	       "these VMs, or give one other CPUs");
	refuse(host, exclusive, 2, SERVICE_ERROR_NO_CPU,
	       "VM x: it cannot have CPU 3 for itself, since VM p may run nowhere else: change the "
	       "affinity of one of them");
	refuse(host, wide, 2, SERVICE_ERROR_NO_CPU,
	       "VM x: it cannot have CPU 3 for itself, since processor 0 of VM p may run nowhere "
	       "else: change the affinity of one of them");
	refuse(host, &wide[1], 2, SERVICE_ERROR_NO_CPU,
	       "VM p: vcpuAffinity[0]: other VMs have CPU 3 for themselves: choose others, or stop "
	       "one of these VMs");
	expect(host, made, 2);
	/* A host that has lost CPU 3. */
	g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
	g_autoptr(sched_plan_t) plan = new_plan(wishes, wide, 1);
	g_assert_true(sched_plan_make(plan, small, NULL));
	g_assert_true(g_array_index(plan->members, struct sched_member, 0).strayed);
	g_assert_false(g_array_index(plan->members, struct sched_member, 0).moved);
}

static void test_vcpus_group(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(GPtrArray) groups = g_ptr_array_new();
	struct cpu_group group = {.name = (char *)"g", .weight = 100, .cpus = cpus("0-1")};
	struct sched_definition *wish = new_wish(&(struct row){.vcpu = "3"});
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	GError *error = NULL;

	g_ptr_array_add(groups, &group);
	wish->group = g_strdup("g");
	sched_plan_add(plan, "p", 2, wish);
	g_assert_false(sched_plan_check(plan, host, &error));
	assert_message(error, SERVICE_ERROR_NO_CPU,
		       "VM p: vcpuAffinity[0]: its group g has CPUs 0-1, and none of them is asked "
		       "for: choose among them, or another group");
	wish_free(wish);
	g_array_unref(group.cpus);
}

static void test_checks_host(void)
{
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	struct sched_definition wish = {.weight = 100, .numa_node = 3};
	g_autoptr(sched_plan_t) plan = sched_plan_new(NULL);
	GArray *list = cpus("9");
	GError *error = NULL;

	sched_plan_add(plan, "a", 8, &wish);
	g_assert_false(sched_plan_check(plan, host, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NO_CPU,
		       "VM a: numaNode: node 3 is not in this host, which has 0");
	wish.numa_node = 0;
	g_assert_true(sched_plan_check(plan, host, &error));
	wish.n_vcpu_affinity = 1;
	wish.vcpu_affinity = &list;
	g_assert_false(sched_plan_check(plan, host, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NO_CPU,
		       "VM a: vcpuAffinity[0]: CPU 9 is not in this host, where CPUs 0-3 can be "
		       "used");
	wish.n_vcpu_affinity = 0;
	g_array_unref(list);
	/* Cores of 4 threads, where the host has 2. */
	wish.has_topology = TRUE;
	wish.topology = (struct topology_guest){1, 2, 0};
	g_assert_false(sched_plan_check(plan, host, &error));
	assert_message(error, SERVICE_ERROR_INVALID_DEFINITION,
		       "VM a: definition: $.cpus.topology: 2 cores per socket would need 4 threads "
		       "each, and a core of this host has 2; give another number of cores, or "
		       "threadsPerCore");
}

static struct row random_row(GRand *rand, char **affinity)
{
	g_autoptr(GArray) set = random_cpus(rand, 4);
	struct row row = {
		.name = "v",
		.vcpus = (uint32_t)g_rand_int_range(rand, 1, 5),
		.weight = (uint32_t)g_rand_int_range(rand, 1, 10001),
		.reserve = g_rand_boolean(rand) ? (uint32_t)g_rand_int_range(rand, 1, 101) : 0,
		.placement = (enum placement_mode)g_rand_int_range(rand, 0, 3),
	};

	if (set->len > 0 && g_rand_boolean(rand)) {
		*affinity = host_cpu_list_format(set);
		row.affinity = *affinity;
		row.exclusive = g_rand_int(rand) % 4 == 0;
	}
	if (row.reserve == 0)
		row.background = g_rand_int(rand) % 4 == 0;
	return row;
}

/* VMs start one by one, each only if it is admitted: then every promise is kept together. */
static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	guint admitted = 0, refused = 0;

	for (unsigned round = 0; round < 600; round++) {
		g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
		struct row rows[12];
		guint n = 0;

		for (guint i = 0; i < 12; i++) {
			char *affinity = NULL;
			rows[n] = random_row(rand, &affinity);
			if (affinity)
				g_ptr_array_add(texts, affinity);
			g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
			g_autoptr(sched_plan_t) plan = new_plan(wishes, rows, n + 1);
			g_autoptr(GError) error = NULL;
			if (sched_plan_check(plan, host, &error)) {
				n++;
				admitted++;
			} else {
				g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU);
				refused++;
			}
		}
		g_autoptr(GPtrArray) wishes = g_ptr_array_new_with_free_func(wish_free);
		g_autoptr(sched_plan_t) plan = new_plan(wishes, rows, n);
		g_assert_true(sched_plan_make(plan, host, NULL));
		for (guint i = 0; i < n; i++) {
			const struct sched_member *m =
				&g_array_index(plan->members, struct sched_member, i);
			g_assert_false(m->moved);
			g_assert_cmpuint(m->cpus->len, >, 0);
			g_assert_cmpint(m->cpu_weight == 0, ==, rows[i].background);
			g_assert_cmpuint(m->cpu_weight, <=, 10000);
			if (m->wish->affinity)
				g_assert_true(sched_cpus_is_subset(m->cpus, m->wish->affinity));
			if (!m->wish->exclusive)
				g_assert_false(sched_cpus_overlap(m->cpus, plan->taken));
		}
	}
	g_assert_cmpuint(admitted, >, 1000);
	g_assert_cmpuint(refused, >, 500);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-plan/made", test_made);
	g_test_add_func("/sched-plan/placed-reservations", test_placed_reservations);
	g_test_add_func("/sched-plan/stays", test_stays);
	g_test_add_func("/sched-plan/lost", test_lost);
	g_test_add_func("/sched-plan/checks", test_checks);
	g_test_add_func("/sched-plan/checks-host", test_checks_host);
	g_test_add_func("/sched-plan/vcpus", test_vcpus);
	g_test_add_func("/sched-plan/vcpus-group", test_vcpus_group);
	g_test_add_func("/sched-plan/repair", test_repair);
	g_test_add_func("/sched-plan/edit-broken", test_edit_broken);
	g_test_add_func("/sched-plan/random", test_random);
	return g_test_run();
}
