// SPDX-License-Identifier: LGPL-2.1-or-later
/* The map of CPUs, from texts that are what they should be and from others. */
#include <glib.h>

#include "placement_map.h"

#define HOST \
	"{\"topology\":{\"online\":\"0-1\",\"offline\":\"\",\"cpus\":[{\"cpu\":0},{\"cpu\":1}]}}"

static struct json_object *new_map(const char *host)
{
	struct json_object *document = json_tokener_parse(host);
	struct json_object *map = placement_map_new(document);

	json_object_put(document);
	return map;
}

/* The names bound to CPU 1 after a VM with that scheduling was put in, and who is unbound. */
static void assert_bound(const char *scheduling, const char *bound, const char *unbound)
{
	g_autofree char *text = g_strdup_printf("{\"name\":\"a\",\"scheduling\":%s}", scheduling);
	struct json_object *description = json_tokener_parse(text), *map = new_map(HOST);
	struct json_object *cpu;

	g_assert_nonnull(description);
	placement_map_add(map, description, NULL);
	cpu = json_object_array_get_idx(json_object_object_get(map, "cpus"), 1);
	g_assert_cmpstr(json_object_to_json_string_ext(json_object_object_get(cpu, "vms"), 0), ==,
			bound);
	g_assert_cmpstr(json_object_to_json_string_ext(json_object_object_get(map, "unbound"), 0),
			==, unbound);
	json_object_put(description);
	json_object_put(map);
}

static void test_bound(void)
{
	assert_bound("{\"cpus\":\"1\"}", "[\"a\"]", "[]");
	assert_bound("{\"cpus\":\"0,1\"}", "[\"a\"]", "[]");
	assert_bound("{\"cpus\":\"0\"}", "[]", "[]");
	assert_bound("{\"cpus\":\"0-1\"}", "[]", "[\"a\"]"); /* all that are online */
	assert_bound("{\"cpus\":null}", "[]", "[\"a\"]");
	assert_bound("null", "[]", "[\"a\"]");
	assert_bound("{\"cpus\":\"x\"}", "[]", "[]");
	assert_bound("{\"cpus\":\"3-\"}", "[]", "[]");
	assert_bound("{\"cpus\":\"0;1\"}", "[]", "[]");
}

static void test_bad(void)
{
	static const char *const hosts[] = {
		"null",
		"{}",
		"{\"topology\":null}",
		"{\"topology\":{\"cpus\":[]}}",
		"{\"topology\":{\"cpus\":5}}",
	};
	static const char *const counters[] = {"null", "{\"vcpus\":3}", "{\"vcpus\":[null,4]}",
					       "{\"vcpus\":[{\"cpu\":null},{\"cpu\":7}]}"};
	struct json_object *map = new_map(HOST);

	for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
		g_assert_null(new_map(hosts[i]));
	for (gsize i = 0; i < G_N_ELEMENTS(counters); i++) {
		struct json_object *statistics = json_tokener_parse(counters[i]);

		placement_map_add(map, NULL, statistics);
		json_object_put(statistics);
	}
	for (size_t i = 0; i < 2; i++) {
		struct json_object *cpu =
			json_object_array_get_idx(json_object_object_get(map, "cpus"), i);
		g_assert_cmpuint(json_object_array_length(json_object_object_get(cpu, "vcpus")), ==,
				 0);
	}
	json_object_put(map);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/placement/bound", test_bound);
	g_test_add_func("/cli/placement/bad", test_bad);
	return g_test_run();
}
