/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans for VMs in CPU groups. */
#include "sched_group.h"

#include <math.h>
#include <string.h>

#include "assert_error.h"
#include "cpus.h"
#include "fake_topology.h"
#include "sched_admit.h"

#define VMS_MAX	   14u
#define GROUPS_MAX 6u

static void free_group(gpointer group)
{
	cpu_group_free(group);
}

static GPtrArray *groups_of(const char *const *documents)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(free_group);

	for (; *documents; documents++) {
		g_ptr_array_add(groups, cpu_group_parse(*documents, NULL));
		g_assert_nonnull(groups->pdata[groups->len - 1]);
	}
	return groups;
}

static uint32_t group_weight(const struct sched_plan *plan, const char *name)
{
	for (guint i = 0; i < plan->groups->len; i++) {
		const struct sched_group *group =
			&g_array_index(plan->groups, struct sched_group, i);

		if (g_str_equal(group->group->name, name))
			return group->cpu_weight;
	}
	g_error("group %s is not in the plan", name);
}

static const struct sched_member *member(const struct sched_plan *plan, guint i)
{
	return &g_array_index(plan->members, struct sched_member, i);
}

/* Weights as they were written, at each level for itself; a group counts once. */
static void test_plain(void)
{
	static const char *const documents[] = {
		"{\"name\":\"in\",\"parent\":\"out\",\"weight\":7}",
		"{\"name\":\"out\",\"weight\":300,\"cpus\":\"0-2\"}", "{\"name\":\"idle\"}",
		"{\"name\":\"empty\"}", NULL};
	g_autoptr(GPtrArray) groups = groups_of(documents);
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	g_autoptr(GArray) two = cpus("2-3");
	struct sched_definition wishes[] = {
		{.weight = 100, .numa_node = -1},
		{.weight = 50, .numa_node = -1, .group = (char *)"out"},
		{.weight = 20, .numa_node = -1, .group = (char *)"in", .affinity = two},
		{.weight = 20, .numa_node = -1, .group = (char *)"idle", .background = TRUE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(wishes); i++)
		sched_plan_add(plan, "v", 2, &wishes[i]);
	g_assert_true(sched_plan_make(plan, host, NULL));
	g_assert_cmpuint(member(plan, 0)->cpu_weight, ==, 200);
	g_assert_cmpuint(member(plan, 1)->cpu_weight, ==, 100);
	g_assert_cmpuint(member(plan, 2)->cpu_weight, ==, 40);
	g_assert_cmpuint(member(plan, 3)->cpu_weight, ==, 0);
	assert_cpus(member(plan, 0)->cpus, "0-3");
	assert_cpus(member(plan, 1)->cpus, "0-2");
	assert_cpus(member(plan, 2)->cpus, "2");
	g_assert_cmpuint(plan->groups->len, ==, 3);
	g_assert_cmpuint(group_weight(plan, "out"), ==, 300);
	g_assert_cmpuint(group_weight(plan, "in"), ==, 7);
	g_assert_cmpuint(group_weight(plan, "idle"), ==, 0);
}

static void expect_check(const GPtrArray *groups, const struct sched_definition *wishes, guint n,
			 enum service_error code, const char *message)
{
	static const char *const names[] = {"a", "b", "c"};
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	GError *error = NULL;

	for (guint i = 0; i < n; i++)
		sched_plan_add(plan, names[i], 1, &wishes[i]);
	g_assert_cmpint(sched_plan_check(plan, host, &error), ==, !message);
	if (message)
		assert_message(error, code, message);
}

static void test_checks(void)
{
	static const char *const documents[] = {
		"{\"name\":\"out\",\"cap\":100}",
		"{\"name\":\"in\",\"parent\":\"out\",\"cpus\":\"0-1\"}",
		"{\"name\":\"far\",\"cpus\":\"9\"}", NULL};
	g_autoptr(GPtrArray) groups = groups_of(documents);
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	g_autoptr(GArray) three = cpus("3");
	struct sched_definition wishes[] = {
		{.weight = 100, .numa_node = -1, .group = (char *)"in", .reserve = 60},
		{.weight = 100, .numa_node = -1, .group = (char *)"out", .reserve = 35},
	};
	GError *error = NULL;

	/* 95 of 100 fit, one more does not, whichever group of those around it is too small. */
	expect_check(groups, wishes, 2, 0, NULL);
	wishes[1].reserve = 36;
	expect_check(
		groups, wishes, 2, SERVICE_ERROR_NO_CPU,
		"VM b: its reservation does not fit: 60 % (a) + 36 % (b) = 96 % of a CPU would "
		"be reserved in group out, whose cap is 100 % (of which 95 in 100 can be "
		"reserved): lower a reservation, stop one of these VMs, or raise the cap");
	sched_plan_add(plan, "a", 1, &wishes[0]);
	sched_plan_add(plan, "b", 1, &wishes[1]);
	g_assert_false(sched_plan_check_groups(plan, NULL, host, &error));
	g_assert_true(g_str_has_prefix(error->message, "the reservations do not fit: 60 % (a)"));
	g_clear_error(&error);
	wishes[1].reserve = 0;
	g_assert_true(sched_plan_check_groups(plan, NULL, host, &error));
	wishes[0].affinity = three;
	expect_check(groups, wishes, 1, SERVICE_ERROR_NO_CPU,
		     "VM a: affinity: its group in has CPUs 0-1, and none of them is asked for: "
		     "choose among them, or another group");
	wishes[1].group = (char *)"far";
	wishes[0] = wishes[1];
	expect_check(groups, wishes, 1, SERVICE_ERROR_NO_CPU,
		     "VM a: none of the CPUs of its group far is online: edit the group, or choose "
		     "another");
	wishes[0].group = (char *)"nowhere";
	expect_check(groups, wishes, 1, SERVICE_ERROR_NO_SUCH_GROUP,
		     "VM a: there is no CPU group nowhere: \"hvctl group list\" shows those that "
		     "there are");
}

/* Groups become `to`, with VMs a, b, c on CPUs 0-2; message: why that is refused, NULL: it is not.
 */
static void edit_groups(const char *const *from, const char *const *to,
			const struct sched_definition *wishes, guint n, const char *message)
{
	static const char *const names[] = {"a", "b", "c"};
	g_autoptr(GPtrArray) was = groups_of(from), groups = groups_of(to);
	g_autoptr(host_topology_t) host = fake_topology_new(1, 3, 1, TRUE);
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	GError *error = NULL;
	gboolean allowed;

	for (guint i = 0; i < n; i++)
		sched_plan_add(plan, names[i], 1, &wishes[i]);
	allowed = sched_plan_check_groups(plan, was, host, &error);
	if (!message) {
		g_assert_no_error(error);
		g_assert_true(allowed);
		return;
	}
	g_assert_false(allowed);
	assert_message(error, SERVICE_ERROR_NO_CPU, message);
}

#define FIT(sum, cpus, room)                                                                       \
	"the reservations do not fit: " sum " of a CPU would be reserved, and " cpus               \
	" can give " room " (95 % each): lower a reservation, stop one of these VMs, or give one " \
	"other CPUs"

/* CPU 5 went offline under those in g: that may be mended, but not become worse. */
static void test_broken(void)
{
	const struct sched_definition wishes[] = {
		{.weight = 100, .numa_node = -1, .group = (char *)"g", .reserve = 60},
		{.weight = 100, .numa_node = -1, .group = (char *)"g", .reserve = 60},
		{.weight = 100, .numa_node = -1, .group = (char *)"h", .reserve = 60},
	};
	const char *const was[] = {"{\"name\":\"g\",\"cpus\":\"0,5\"}",
				   "{\"name\":\"h\",\"cpus\":\"1-2\"}", NULL};
	const char *to[] = {was[0], was[1], NULL, NULL};

	/* What has nothing to do with it. */
	to[1] = "{\"name\":\"h\",\"cpus\":\"1\",\"weight\":200,\"cap\":70}";
	to[2] = "{\"name\":\"i\"}";
	edit_groups(was, to, wishes, 3, NULL);
	/* What mends it. */
	to[0] = "{\"name\":\"g\",\"cpus\":\"0,2\"}";
	edit_groups(was, to, wishes, 3, NULL);
	/* What breaks the promise to c, too. */
	to[1] = "{\"name\":\"h\",\"cpus\":\"0\"}";
	to[0] = was[0];
	edit_groups(was, to, wishes, 3,
		    FIT("60 % (a) + 60 % (b) + 60 % (c) = 180 %", "CPU 0", "95 %"));
	to[1] = "{\"name\":\"h\",\"cpus\":\"1-2\",\"cap\":63}";
	edit_groups(was, to, wishes, 3,
		    "the reservations do not fit: 60 % (c) = 60 % of a CPU would be reserved in "
		    "group h, whose cap is 63 % (of which 95 in 100 can be reserved): lower a "
		    "reservation, stop one of these VMs, or raise the cap");
}

/* A promise of which a part is lacking: the part may become smaller, not larger. */
static void test_worse(void)
{
	const struct sched_definition wishes[] = {
		{.weight = 100, .numa_node = -1, .group = (char *)"g", .reserve = 90},
		{.weight = 100, .numa_node = -1, .group = (char *)"g", .reserve = 90},
		{.weight = 100, .numa_node = -1, .group = (char *)"g", .reserve = 60},
	};
	const char *was[] = {"{\"name\":\"g\",\"cpus\":\"0-1\",\"cap\":250}", NULL};
	const char *to[] = {"{\"name\":\"g\",\"cpus\":\"1-2\",\"cap\":245}", NULL};

	edit_groups(was, to, wishes, 3,
		    "the reservations do not fit: 90 % (a) + 90 % (b) + 60 % (c) = 240 % of a CPU "
		    "would be reserved in group g, whose cap is 245 % (of which 95 in 100 can be "
		    "reserved): lower a reservation, stop one of these VMs, or raise the cap");
	to[0] = "{\"name\":\"g\",\"cpus\":\"1-2\",\"cap\":255}";
	edit_groups(was, to, wishes, 3, NULL);
	to[0] = "{\"name\":\"g\",\"cpus\":\"0-2\",\"cap\":250}";
	edit_groups(was, to, wishes, 3, NULL);
	to[0] = "{\"name\":\"g\",\"cpus\":\"2\",\"cap\":250}";
	edit_groups(was, to, wishes, 3,
		    FIT("90 % (a) + 90 % (b) + 60 % (c) = 240 %", "CPU 2", "95 %"));
}

/* A group that gets no more than it reserves has room for those in it that reserve nothing. */
static void test_beside(void)
{
	static const char *const documents[] = {"{\"name\":\"small\",\"weight\":1}", NULL};
	g_autoptr(GPtrArray) groups = groups_of(documents);
	g_autoptr(host_topology_t) host = fake_topology_new(1, 1, 1, TRUE);
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	const struct sched_definition greedy = {.weight = 10000, .numa_node = -1};
	const struct sched_definition plain = {
		.weight = 100, .numa_node = -1, .group = (char *)"small"};
	const struct sched_definition reserving = {
		.weight = 100, .numa_node = -1, .group = (char *)"small", .reserve = 50};
	g_autoptr(GError) error = NULL;

	sched_plan_add(plan, "greedy", 1, &greedy);
	for (guint i = 0; i < 20; i++)
		sched_plan_add(plan, "plain", 1, &plain);
	sched_plan_add(plan, "reserving", 1, &reserving);
	g_assert_true(sched_plan_check(plan, host, &error));
	g_assert_no_error(error);
}

/* CPUs that go away under a group: its members run elsewhere, and that is known. */
static void test_lost(void)
{
	static const char *const documents[] = {"{\"name\":\"far\",\"cpus\":\"9\"}", NULL};
	g_autoptr(GPtrArray) groups = groups_of(documents);
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	const struct sched_definition wish = {
		.weight = 100, .numa_node = -1, .group = (char *)"far"};

	sched_plan_add(plan, "a", 1, &wish);
	g_assert_true(sched_plan_make(plan, host, NULL));
	g_assert_true(member(plan, 0)->moved);
	assert_cpus(member(plan, 0)->cpus, "0-3");
}

/* ---- every promise is kept in any tree ------------------------------------------------------- */

static GPtrArray *random_groups(GRand *rand)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(free_group);
	guint n = (guint)g_rand_int_range(rand, 1, (gint32)GROUPS_MAX + 1);

	for (guint i = 0; i < n; i++) {
		guint parent = (guint)g_rand_int_range(rand, 0, (gint32)i + 1);
		g_autofree char *in =
			parent < i ? g_strdup_printf(",\"parent\":\"g%u\"", parent) : g_strdup("");
		g_autofree char *cap =
			g_rand_boolean(rand)
				? g_strdup_printf(",\"cap\":%d", g_rand_int_range(rand, 1, 401))
				: g_strdup("");
		g_autofree char *json = g_strdup_printf("{\"name\":\"g%u\",\"weight\":%d%s%s}", i,
							g_rand_int_range(rand, 1, 10001), in, cap);
		cpu_group_t *group = cpu_group_parse(json, NULL);

		if (cpu_group_check(groups, group, NULL))
			g_ptr_array_add(groups, group);
		else
			cpu_group_free(group);
	}
	return groups;
}

/* What all right below parent weigh, but for those that take idle time only. */
static double level_sum(const struct sched_plan *plan, const struct cpu_group *parent)
{
	double sum = 0;

	for (guint i = 0; i < plan->members->len; i++) {
		if (cpu_group_find(plan->cpu_groups, member(plan, i)->wish->group) == parent)
			sum += member(plan, i)->cpu_weight;
	}
	for (guint i = 0; i < plan->groups->len; i++) {
		const struct sched_group *group =
			&g_array_index(plan->groups, struct sched_group, i);

		if (cpu_group_find(plan->cpu_groups, group->group->parent) == parent)
			sum += group->cpu_weight;
	}
	return sum;
}

/* What the kernel gives to all in a group, in percent of one CPU, when everybody is busy. */
static double group_part(const struct sched_plan *plan, const struct cpu_group *group, double host)
{
	const struct cpu_group *parent;
	double part;

	if (!group)
		return host;
	parent = cpu_group_find(plan->cpu_groups, group->parent);
	part = group_part(plan, parent, host) * group_weight(plan, group->name) /
	       level_sum(plan, parent);
	return group->cap > 0 ? MIN(part, group->cap) : part;
}

static void check_kept(const struct sched_plan *plan, double host)
{
	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *m = member(plan, i);
		const struct cpu_group *group = cpu_group_find(plan->cpu_groups, m->wish->group);
		double part = group_part(plan, group, host);

		if (m->wish->background) {
			g_assert_cmpuint(m->cpu_weight, ==, 0);
			continue;
		}
		g_assert_cmpuint(m->cpu_weight, >=, 1);
		g_assert_cmpuint(m->cpu_weight, <=, 10000);
		g_assert_cmpfloat(part * m->cpu_weight / level_sum(plan, group), >=,
				  m->wish->reserve - 1e-6);
	}
}

static void random_wish(GRand *rand, const GPtrArray *groups, struct sched_definition *wish)
{
	guint group = (guint)g_rand_int_range(rand, 0, (gint32)groups->len + 1);

	*wish = (struct sched_definition){
		.weight = (uint32_t)g_rand_int_range(rand, 1, 10001),
		.reserve = g_rand_boolean(rand) ? (uint32_t)g_rand_int_range(rand, 1, 151) : 0,
		.numa_node = -1,
	};
	wish->background = wish->reserve == 0 && g_rand_int(rand) % 4 == 0;
	if (group < groups->len)
		wish->group = ((struct cpu_group *)groups->pdata[group])->name;
}

static void test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);
	g_autoptr(host_topology_t) host = fake_topology_new(1, 2, 2, TRUE);
	guint admitted = 0, refused = 0;

	for (unsigned round = 0; round < 1500; round++) {
		g_autoptr(GPtrArray) groups = random_groups(rand);
		struct sched_definition wishes[VMS_MAX];
		guint n = 0;

		for (guint i = 0; i < VMS_MAX; i++) {
			g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
			g_autoptr(GError) error = NULL;

			random_wish(rand, groups, &wishes[n]);
			for (guint k = 0; k <= n; k++)
				sched_plan_add(plan, "v", 2, &wishes[k]);
			if (!sched_plan_check(plan, host, &error)) {
				g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU);
				refused++;
				continue;
			}
			check_kept(plan, 400);
			admitted++;
			n++;
		}
	}
	g_test_message("%u admitted, %u refused", admitted, refused);
	g_assert_cmpuint(admitted, >, 5000);
	g_assert_cmpuint(refused, >, 500);
}

/* Three processors beside one that reserves, with CPUs for all of them: a budget knows no weights.
 */
static void expect_hint(const char *outer, const char *inner, uint32_t limit, guint cores,
			const char *hint)
{
	const char *const documents[] = {outer, inner, NULL};
	g_autoptr(GPtrArray) groups = groups_of(documents);
	g_autoptr(host_topology_t) host = fake_topology_new(1, cores, 1, TRUE);
	g_autoptr(sched_plan_t) plan = sched_plan_new(groups);
	const struct sched_definition wishes[] = {
		{.weight = 100, .numa_node = -1, .reserve = 60, .group = (char *)"out"},
		{.weight = 100, .numa_node = -1, .limit = limit, .group = (char *)"in"},
		{.weight = 100, .numa_node = -1},
	};

	sched_plan_add(plan, "a", 1, &wishes[0]);
	sched_plan_add(plan, "b", 3, &wishes[1]);
	sched_plan_add(plan, "c", 4, &wishes[2]);
	for (guint again = 0; again < 2; again++) {
		g_assert_true(sched_plan_make(plan, host, NULL));
		g_assert_cmpstr(member(plan, 0)->cap_hint, ==, hint);
		g_assert_null(member(plan, 1)->cap_hint);
		g_assert_null(member(plan, 2)->cap_hint);
	}
}

static void test_cap_hint(void)
{
	static const char capped[] = "{\"name\":\"out\",\"cap\":100}";
	static const char inner[] = "{\"name\":\"in\",\"parent\":\"out\"}";

	expect_hint(capped, inner, 0, 4,
		    "the others in CPU group out can use 300 % while CPUs are idle, and up to its "
		    "cap of 100 % before the reservation of 60 % is served: a cap of 360 %, or "
		    "limits of 40 % together for them assures it then, too");
	expect_hint(capped, inner, 41, 4,
		    "the others in CPU group out can use 41 % while CPUs are idle, and up to its "
		    "cap of 100 % before the reservation of 60 % is served: a cap of 101 %, or "
		    "limits of 40 % together for them assures it then, too");
	expect_hint(capped, inner, 40, 4, NULL);
	/* As much as there are CPUs; on one of them all compete. */
	expect_hint("{\"name\":\"out\",\"cap\":199}", inner, 0, 2,
		    "the others in CPU group out can use 140 % while CPUs are idle, and up to its "
		    "cap of 199 % before the reservation of 60 % is served: a cap of 200 %, or "
		    "limits of 139 % together for them assures it then, too");
	expect_hint("{\"name\":\"out\",\"cap\":200}", inner, 0, 2, NULL);
	expect_hint(capped, inner, 0, 1, NULL);
	/* A cap of theirs does as well. */
	expect_hint(capped, "{\"name\":\"in\",\"parent\":\"out\",\"cap\":40}", 0, 4, NULL);
	expect_hint("{\"name\":\"out\"}", inner, 0, 4, NULL);
	expect_hint(capped, "{\"name\":\"in\"}", 0, 4, NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-group/plain", test_plain);
	g_test_add_func("/sched-group/checks", test_checks);
	g_test_add_func("/sched-group/broken", test_broken);
	g_test_add_func("/sched-group/worse", test_worse);
	g_test_add_func("/sched-group/beside", test_beside);
	g_test_add_func("/sched-group/lost", test_lost);
	g_test_add_func("/sched-group/random", test_random);
	g_test_add_func("/sched-group/cap-hint", test_cap_hint);
	return g_test_run();
}
