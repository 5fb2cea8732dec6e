/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Power policies on a host that is a directory. */
#include "power.h"

#include <glib/gstdio.h>
#include <string.h>

#include "assert_error.h"
#include "fake_file.h"
#include "host_power.h"
#include "json_text.h"
#include "temporary_directory.h"

#define CPUFREQ "devices/system/cpu/cpufreq/"

struct world {
	char *directory, *latency;
	store_t *store;
	power_t *power;
};

static void world_begin(struct world *w)
{
	w->directory = temporary_directory_new();
	w->latency = g_build_filename(w->directory, "cpu_dma_latency", NULL);
	w->store = store_open(w->directory, NULL);
}

static void world_run(struct world *w, gboolean new_boot)
{
	g_autoptr(GError) error = NULL;

	w->power = power_new(w->store, w->directory, w->latency, new_boot, &error);
	g_assert_no_error(error);
}

static void world_end(struct world *w)
{
	power_free(w->power);
	store_close(w->store);
	temporary_directory_free(w->directory);
	g_free(w->latency);
}

static void put_policy(const struct world *w, const char *policy, const char *cpus)
{
	static const char *const files[][2] = {
		{"scaling_governor", "schedutil"},
		{"scaling_available_governors", "performance schedutil powersave "},
		{"energy_performance_preference", "balance_power"},
		{"energy_performance_available_preferences",
		 "default performance balance_performance power"},
		{"scaling_cur_freq", "2100000"},
		{"cpuinfo_min_freq", "800000"},
		{"cpuinfo_max_freq", "3400000"},
	};
	g_autofree char *affected = g_strconcat(CPUFREQ, policy, "/affected_cpus", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_strconcat(CPUFREQ, policy, "/", files[i][0], NULL);
		fake_put(w->directory, path, "%s\n", files[i][1]);
	}
	fake_put(w->directory, affected, "%s\n", cpus);
	fake_put(w->directory, "cpu_dma_latency", "%s", "");
}

static void expect(const struct world *w, const char *governor, const char *epp)
{
	static const char *const policies[] = {"policy0", "policy2"};

	for (gsize i = 0; i < G_N_ELEMENTS(policies); i++) {
		g_autofree char *g =
			host_power_read(w->directory, policies[i], HOST_POWER_GOVERNOR);
		g_autofree char *e = host_power_read(w->directory, policies[i], HOST_POWER_EPP);

		g_assert_cmpstr(g, ==, governor);
		g_assert_cmpstr(e, ==, epp);
	}
}

static void set(const struct world *w, const char *json)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(power_set(w->power, json, &error));
	g_assert_no_error(error);
}

static void expect_member(const struct world *w, const char *name, const char *expected)
{
	g_autoptr(json_value_t) object = power_describe(w->power);

	g_assert_cmpstr(json_object_to_json_string_ext(json_object_object_get(object, name),
						       JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE),
			==, expected);
}

static void test_policies(void)
{
	struct world w = {0};

	world_begin(&w);
	put_policy(&w, "policy0", "0 1");
	put_policy(&w, "policy2", "2 3");
	world_run(&w, FALSE);
	expect(&w, "schedutil", "balance_power");
	expect_member(&w, "policy", "\"host\"");
	expect_member(&w, "latency", "null");
	set(&w, "{\"policy\":\"performance\"}");
	expect(&w, "performance", "performance");
	expect_member(&w, "latency", "20");
	expect_member(&w, "note", "\"\"");
	set(&w, "{\"policy\":\"balanced\"}");
	expect(&w, "schedutil", "balance_performance");
	expect_member(&w, "latency", "null");
	set(&w, "{\"policy\":\"saver\"}");
	expect(&w, "powersave", "power");
	/* What a policy does not say is the host's own, not what was set last. */
	set(&w, "{\"policy\":\"custom\",\"governor\":\"performance\",\"latency\":7}");
	expect(&w, "performance", "balance_power");
	expect_member(&w, "latency", "7");
	set(&w, "{\"policy\":\"host\"}");
	expect(&w, "schedutil", "balance_power");
	expect_member(&w, "latency", "null");
	expect_member(&w, "frequencies",
		      "[{\"cpus\":\"0-1\",\"current\":2100000,\"min\":800000,\"max\":3400000},"
		      "{\"cpus\":\"2-3\",\"current\":2100000,\"min\":800000,\"max\":3400000}]");
	expect_member(&w, "reason", "\"\"");
	world_end(&w);
}

/* What was before comes back after an end in order, after a crash, and never after a boot. */
static void test_restored(void)
{
	struct world w = {0};

	world_begin(&w);
	put_policy(&w, "policy0", "0");
	put_policy(&w, "policy2", "2");
	world_run(&w, FALSE);
	set(&w, "{\"policy\":\"saver\"}");
	power_restore(w.power);
	expect(&w, "schedutil", "balance_power");
	power_free(g_steal_pointer(&w.power));
	world_run(&w, FALSE);
	expect(&w, "powersave", "power");
	/* A crash: nothing was restored, and the next one still knows. */
	power_free(g_steal_pointer(&w.power));
	world_run(&w, FALSE);
	expect(&w, "powersave", "power");
	power_restore(w.power);
	expect(&w, "schedutil", "balance_power");
	power_free(g_steal_pointer(&w.power));
	/* A crash of the host: what was recorded is of another life. */
	world_run(&w, FALSE);
	power_free(g_steal_pointer(&w.power));
	put_policy(&w, "policy0", "0");
	put_policy(&w, "policy2", "2");
	fake_put(w.directory, CPUFREQ "policy0/scaling_governor", "performance\n");
	fake_put(w.directory, CPUFREQ "policy2/scaling_governor", "performance\n");
	world_run(&w, TRUE);
	expect(&w, "powersave", "power");
	power_restore(w.power);
	expect(&w, "performance", "balance_power");
	world_end(&w);
}

/* A VM's wish and the policy's: the shorter holds, as long as its owner is there. */
static void test_latency(void)
{
	struct world w = {0};
	g_autofree char *text = NULL;
	int32_t value;
	gsize length;

	world_begin(&w);
	put_policy(&w, "policy0", "0");
	world_run(&w, FALSE);
	power_set_vm_latency(w.power, 50);
	expect_member(&w, "latency", "50");
	g_assert_true(g_file_get_contents(w.latency, &text, &length, NULL));
	g_assert_cmpuint(length, ==, sizeof(value));
	memcpy(&value, text, sizeof(value));
	g_assert_cmpint(value, ==, 50);
	set(&w, "{\"policy\":\"performance\"}");
	expect_member(&w, "latency", "20");
	power_set_vm_latency(w.power, 0);
	expect_member(&w, "latency", "0");
	power_set_vm_latency(w.power, POWER_NO_LATENCY);
	expect_member(&w, "latency", "20");
	g_assert_null(power_latency_fault(w.power));
	world_end(&w);
}

/* A host without any of it: said, and nothing fails. */
static void test_absent(void)
{
	struct world w = {0};
	GError *error = NULL;

	world_begin(&w);
	world_run(&w, FALSE);
	set(&w, "{\"policy\":\"performance\"}");
	g_autoptr(json_value_t) object = power_describe(w.power);
	const char *note = json_object_get_string(json_object_object_get(object, "note"));
	g_assert_true(g_str_has_prefix(
		note, "governor: not supported by this host; epp: not supported by this host; "
		      "latency: not supported by this host ("));
	const char *reason = json_object_get_string(json_object_object_get(object, "reason"));
	g_assert_true(g_str_has_prefix(reason, "not supported by this host: the kernel has no "));
	g_assert_nonnull(power_latency_fault(w.power));
	g_assert_false(power_set(w.power, "{\"policy\":\"custom\",\"governor\":\"x\"}", &error));
	assert_message(error, SERVICE_ERROR_NOT_SUPPORTED,
		       "power: governor \"x\" is not supported by this host, which has none that "
		       "can be chosen: leave it out");
	expect_member(&w, "policy", "\"performance\"");
	world_end(&w);
}

static void test_bad(void)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"{}",
		"{\"policy\":\"fast\"}",
		"{\"policy\":\"custom\"}",
		"{\"policy\":\"saver\",\"latency\":5}",
		"{\"policy\":\"custom\",\"latency\":-1}",
		"{\"policy\":\"custom\",\"governor\":\"../x\"}",
		"{\"policy\":\"saver\",\"more\":5}",
	};
	struct world w = {0};
	GError *error = NULL;

	world_begin(&w);
	put_policy(&w, "policy0", "0");
	world_run(&w, FALSE);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(power_set(w.power, bad[i], &error));
		g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
		g_clear_error(&error);
	}
	g_assert_false(power_set(w.power, "{\"policy\":\"custom\",\"epp\":\"x\"}", &error));
	assert_message(error, SERVICE_ERROR_NOT_SUPPORTED,
		       "power: epp \"x\" is not supported by this host, which has default, "
		       "performance, balance_performance, power: choose one of them");
	expect_member(&w, "policy", "\"host\"");
	world_end(&w);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/power/policies", test_policies);
	g_test_add_func("/power/restored", test_restored);
	g_test_add_func("/power/latency", test_latency);
	g_test_add_func("/power/absent", test_absent);
	g_test_add_func("/power/bad", test_bad);
	return g_test_run();
}
