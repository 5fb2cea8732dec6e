// SPDX-License-Identifier: LGPL-2.1-or-later
#include "stats_hint.h"

#include <glib.h>

static void expect(const char *json, const char *expected)
{
	struct json_object *document = json_tokener_parse(json), *hints = json_object_new_array();

	g_assert_nonnull(document);
	stats_hints_add(document, hints);
	g_assert_cmpuint(json_object_array_length(hints), ==, expected ? 1 : 0);
	if (expected)
		g_assert_cmpstr(json_object_get_string(json_object_array_get_idx(hints, 0)), ==,
				expected);
	json_object_put(hints);
	json_object_put(document);
}

#define VCPU(used, ready) "{\"used\":" used ",\"ready\":" ready "}"

static void test_ready(void)
{
	expect("{\"name\":\"a\",\"vcpus\":[" VCPU("4100000000", "1000000000") "]}", NULL);
	expect("{\"name\":\"a\",\"vcpus\":[" VCPU("30", "10") "]}", NULL);
	expect("{\"name\":\"a\",\"vcpus\":[" VCPU("3000000000", "1000000000") "]}",
	       "a: its processors waited 25% of the time that they could run, since others used "
	       "the CPUs or the cap of its group held them: see 'hvctl show a', and give it more "
	       "--weight, a --reserve or --affinity");
	expect("{\"name\":\"a\",\"mechanism\":\"affinity\",\"vcpus\":[" VCPU("3000000000",
									     "1000000000") "]}",
	       "a: its processors waited 25% of the time that they could run, since others used "
	       "the CPUs: give it others by --affinity; nothing else is weighed on this host, see "
	       "'hvctl host'");
	expect("{\"name\":\"a\",\"vcpus\":[" VCPU(
		       "3000000000", "1000000000") "],\"throttled\":{\"time\":600000000}}",
	       "a: its processors waited 25% of the time that they could run, held by its limit: "
	       "raise --limit");
	expect("{\"name\":\"a\",\"vcpus\":[{\"used\":null,\"ready\":9000000000}]}", NULL);
	expect("{}", NULL);
}

static void test_skew(void)
{
	expect("{\"name\":\"a\",\"skew\":1500000000,\"vcpus\":[" VCPU("7000000000", "0") "," VCPU(
		       "6000000000", "1500000000") "]}",
	       "a: one of its processors waited 1.5 s longer than another, which stalls a guest "
	       "whose processors wait for each other: give it at least as many CPUs as processors");
	expect("{\"name\":\"a\",\"skew\":900000000,\"vcpus\":[" VCPU("1", "900000000") "]}", NULL);
	expect("{\"name\":\"a\",\"skew\":1500000000,\"vcpus\":[" VCPU("90000000000",
								      "1500000000") "]}",
	       NULL);
	expect("{\"name\":\"a\",\"skew\":null,\"vcpus\":[]}", NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/stats-hint/ready", test_ready);
	g_test_add_func("/stats-hint/skew", test_skew);
	return g_test_run();
}
