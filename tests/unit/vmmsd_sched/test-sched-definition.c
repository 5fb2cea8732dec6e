/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cpus.topology and cpus.scheduling of a definition: what is read, and what is refused. */
#include "definition.h"

#include <json-c/json.h>

#include "assert_error.h"
#include "cpus.h"
#include "json_text.h"

static struct definition *parse(const char *cpus_members, GError **error)
{
	g_autofree char *json =
		g_strdup_printf("{\"version\":1,\"name\":\"web1\",\"cpus\":{%s}}", cpus_members);

	return definition_parse(json, error);
}

static struct definition *good(const char *cpus_members)
{
	g_autoptr(GError) error = NULL;
	struct definition *definition = parse(cpus_members, &error);

	g_assert_no_error(error);
	return definition;
}

static void test_defaults(void)
{
	static const char *const texts[] = {"\"count\":2", "\"count\":2,\"scheduling\":{}"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(definition_t) d = good(texts[i]);

		g_assert_false(d->sched.has_topology);
		g_assert_cmpuint(d->sched.weight, ==, 100);
		g_assert_cmpuint(d->sched.limit, ==, 0);
		g_assert_cmpuint(d->sched.reserve, ==, 0);
		g_assert_null(d->sched.affinity);
		g_assert_cmpuint(d->sched.n_vcpu_affinity, ==, 0);
		g_assert_false(d->sched.exclusive);
		g_assert_false(d->sched.background);
		g_assert_false(d->sched.core_scheduling);
		g_assert_cmpint(d->sched.numa_node, ==, -1);
		g_assert_cmpint(d->sched.placement, ==, PLACEMENT_NONE);
		g_autoptr(definition_t) again = definition_parse(d->json, NULL);
		g_assert_cmpstr(again->json, ==, d->json);
	}
}

static void test_every_member(void)
{
	g_autoptr(definition_t) d = good(
		"\"count\":4,\"topology\":{\"cores\":2,\"threadsPerCore\":2},\"scheduling\":{"
		"\"weight\":300,\"limit\":250,\"reserve\":100,\"affinity\":\"0-3,8\","
		"\"vcpuAffinity\":[\"0\",\"all\",\"2-3\"],\"exclusive\":true,\"numaNode\":1,"
		"\"coreScheduling\":\"vcpu\",\"coreSchedulingRequired\":true,\"deviceWeight\":50}");

	g_assert_true(d->sched.has_topology);
	g_assert_cmpuint(d->sched.topology.sockets, ==, 1);
	g_assert_cmpuint(d->sched.topology.cores, ==, 2);
	g_assert_cmpuint(d->sched.topology.threads, ==, 2);
	g_assert_cmpuint(d->sched.weight, ==, 300);
	g_assert_cmpuint(d->sched.limit, ==, 250);
	g_assert_cmpuint(d->sched.reserve, ==, 100);
	g_assert_cmpuint(d->sched.device_weight, ==, 50);
	assert_cpus(d->sched.affinity, "0-3,8");
	g_assert_cmpuint(d->sched.n_vcpu_affinity, ==, 3);
	assert_cpus(d->sched.vcpu_affinity[0], "0");
	g_assert_null(d->sched.vcpu_affinity[1]);
	assert_cpus(d->sched.vcpu_affinity[2], "2-3");
	g_assert_true(d->sched.exclusive);
	g_assert_cmpint(d->sched.numa_node, ==, 1);
	g_autoptr(json_value_t) shown = sched_definition_describe(&d->sched);
	g_autofree char *text = json_text_print(shown);
	g_assert_cmpstr(
		text, ==,
		"{\"weight\":300,\"limit\":250,\"reserve\":100,\"deviceWeight\":50,"
		"\"affinity\":\"0-3,8\",\"vcpuAffinity\":[\"0\",\"all\",\"2-3\"],\"group\":null,\"exclusive\":true,"
		"\"background\":false,\"numaNode\":1,\"latency\":null,\"placement\":\"none\","
		"\"coreScheduling\":\"vcpu\",\"coreSchedulingRequired\":true}");
	/* A patch takes one back and leaves the rest. */
	g_autoptr(definition_t) edited =
		definition_edit(d,
				"{\"cpus\":{\"scheduling\":{\"limit\":null,\"vcpuAffinity\":null,"
				"\"deviceWeight\":null}}}",
				NULL);
	g_assert_cmpuint(edited->sched.device_weight, ==, 0);
	g_assert_cmpuint(edited->sched.limit, ==, 0);
	g_assert_cmpuint(edited->sched.n_vcpu_affinity, ==, 0);
	g_assert_cmpuint(edited->sched.weight, ==, 300);
	g_autoptr(definition_t) plain =
		definition_edit(edited, "{\"cpus\":{\"scheduling\":null,\"topology\":null}}", NULL);
	g_assert_cmpuint(plain->sched.weight, ==, 100);
	g_assert_null(plain->sched.affinity);
	g_assert_false(plain->sched.has_topology);
}

#define S "definition: $.cpus.scheduling."

static void test_refused(void)
{
	static const struct {
		const char *members, *message;
	} rows[] = {
		{"\"weight\":0", S "weight: 0 is below the minimum 1; give 1 to 10000"},
		{"\"weight\":10001", S "weight: 10001 is above the maximum 10000; give 1 to 10000"},
		{"\"weight\":\"high\"", S "weight: expected an integer, found a string"},
		{"\"coreSchedulingRequired\":true",
		 S "coreSchedulingRequired: this needs coreScheduling, which says of what kind; "
		   "give vm or vcpu"},
		{"\"limit\":0", S "limit: 0 is below the minimum 1; give 1 to 24000"},
		{"\"limit\":201",
		 S "limit: 201 is more than the 200 % of 2 processors; 100 is all of one "
		   "processor"},
		{"\"deviceWeight\":0", S "deviceWeight: 0 is below the minimum 1; give 1 to 10000"},
		{"\"deviceWeight\":10001",
		 S "deviceWeight: 10001 is above the maximum 10000; give 1 to 10000"},
		{"\"reserve\":-1", S "reserve: -1 is below the minimum 0; give 0 to 24000"},
		{"\"reserve\":201",
		 S "reserve: 201 is more than the 200 % of 2 processors; 100 is all of one "
		   "processor"},
		{"\"reserve\":60,\"limit\":50", S "reserve: 60 % is more than the limit, 50 %"},
		{"\"reserve\":60,\"background\":true",
		 S "reserve: a background virtual machine gets only time that nobody else wants "
		   "and cannot reserve any; leave one of the two out"},
		{"\"affinity\":\"\"", S "affinity: \"\" is not valid; give CPUs of the host, "
					"ascending, such as \"0-3,8\""},
		{"\"affinity\":\"x\"", S "affinity: \"x\" is not valid; give CPUs of the host, "
					 "ascending, such as \"0-3,8\""},
		{"\"affinity\":\"3-1\"",
		 S "affinity: \"3-1\" is not valid; give CPUs in ascending order, each once and "
		   "below 8192, such as \"0-3,8\""},
		{"\"affinity\":\"0,0\"",
		 S "affinity: \"0,0\" is not valid; give CPUs in ascending order, each once and "
		   "below 8192, such as \"0-3,8\""},
		{"\"affinity\":\"9999\"",
		 S "affinity: \"9999\" is not valid; give CPUs in ascending order, each once and "
		   "below 8192, such as \"0-3,8\""},
		{"\"vcpuAffinity\":[]",
		 S "vcpuAffinity: has 0 elements, fewer than the 1 that are needed; add some"},
		{"\"vcpuAffinity\":[\"0\",\"1\",\"2\"]",
		 S "vcpuAffinity: has 3 elements for 2 processors; give one each"},
		{"\"vcpuAffinity\":[\"0\",\"\"]",
		 S "vcpuAffinity[1]: \"\" is not valid; give \"all\", or CPUs of the host, "
		   "ascending, such as \"0-3,8\""},
		{"\"vcpuAffinity\":[\"0\",\"2-1\"]",
		 S "vcpuAffinity[1]: \"2-1\" is not valid; give CPUs in ascending order, each once "
		   "and below 8192, such as \"0-3,8\""},
		{"\"affinity\":\"0-1\",\"vcpuAffinity\":[\"0\",\"2\"]",
		 S "vcpuAffinity[1]: 2 is not within affinity, the CPUs of the whole virtual "
		   "machine"},
		{"\"exclusive\":true",
		 S "exclusive: this needs affinity, which says what CPUs are meant"},
		{"\"placement\":\"spread\",\"vcpuAffinity\":[\"0\"]",
		 S "placement: it chooses the CPUs, and so does vcpuAffinity; leave one of them "
		   "out"},
		{"\"placement\":\"wide\"", S "placement: \"wide\" is not known; give one of "
					     "\"none\", \"spread\", \"pack\""},
		{"\"numaNode\":-1", S "numaNode: -1 is below the minimum 0; give 0 to 1023"},
		{"\"shares\":1", S
		 "shares: unknown member; known here are weight, limit, reserve, "
		 "deviceWeight, affinity, vcpuAffinity, group, exclusive, background, numaNode, latency, "
		 "placement, coreScheduling, coreSchedulingRequired"},
		{"\"coreScheduling\":\"core\"",
		 S "coreScheduling: \"core\" is not known; give one of \"off\", \"vm\", \"vcpu\""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *members =
			g_strdup_printf("\"count\":2,\"scheduling\":{%s}", rows[i].members);
		GError *error = NULL;

		g_assert_null(parse(members, &error));
		assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, rows[i].message);
	}
}

static void test_refused_topology(void)
{
	static const struct {
		const char *members, *message;
	} rows[] = {
		{"\"cores\":3",
		 "definition: $.cpus.topology: 1 socket of 3 cores of 1 thread are 3 "
		 "processors, and cpus.count is 4; make them equal"},
		{"\"sockets\":3",
		 "definition: $.cpus.topology: 4 processors cannot be divided among 3 sockets"},
		{"\"cores\":0",
		 "definition: $.cpus.topology.cores: 0 is below the minimum 1; give 1 to 240"},
		{"\"threadsPerCore\":3",
		 "definition: $.cpus.topology: 1 socket of 1 core of 3 threads are 3 processors, "
		 "and cpus.count is 4; make them equal"},
		{"\"threads\":2", "definition: $.cpus.topology.threads: unknown member; known here "
				  "are sockets, cores, threadsPerCore"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *members =
			g_strdup_printf("\"count\":4,\"topology\":{%s}", rows[i].members);
		GError *error = NULL;

		g_assert_null(parse(members, &error));
		assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, rows[i].message);
	}
	/* The count may not run away from the topology or the limit either. */
	g_autoptr(definition_t) d = good("\"count\":2,\"topology\":{\"threadsPerCore\":2},"
					 "\"scheduling\":{\"limit\":150}");
	g_autoptr(GError) error = NULL;
	g_assert_null(definition_edit(d, "{\"cpus\":{\"count\":1,\"topology\":null}}", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
	g_clear_error(&error);
	g_assert_null(definition_edit(d, "{\"cpus\":{\"count\":3}}", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sched-definition/defaults", test_defaults);
	g_test_add_func("/sched-definition/every-member", test_every_member);
	g_test_add_func("/sched-definition/refused", test_refused);
	g_test_add_func("/sched-definition/refused-topology", test_refused_topology);
	return g_test_run();
}
