// SPDX-License-Identifier: LGPL-2.1-or-later
/* OpenMetrics text: its form, its names, and that no name or counter breaks it. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_text.h"

static char *print(const struct metrics_vm *vms, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	g_assert_nonnull(stream);
	metrics_print(stream, vms, n);
	g_assert_cmpint(fclose(stream), ==, 0);
	return text;
}

static struct metrics_vm vm_of(const char *name, const char *stats)
{
	return (struct metrics_vm){
		.name = name,
		.uuid = "u",
		.state = stats ? "running" : "off",
		.vcpus = 1,
		.memory = 4096,
		.started = stats ? 1500000 : 0,
		.stats = stats ? json_tokener_parse(stats) : NULL,
	};
}

/* The text of one VM with those counters. */
static char *print_one(const char *name, const char *stats)
{
	struct metrics_vm vm = vm_of(name, stats);
	char *text = print(&vm, 1);

	json_object_put(vm.stats);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		g_error("no '%s' in:\n%s", part, text);
}

/* Each line is a comment or a sample of the family that was declared last; each is declared once.
 */
static void assert_form(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *family = g_strdup("");
	guint n = g_strv_length(lines);

	g_assert_cmpuint(n, >=, 2);
	g_assert_cmpstr(lines[n - 1], ==, "");
	g_assert_cmpstr(lines[n - 2], ==, "# EOF");
	for (guint i = 0; i + 2 < n; i++) {
		if (g_str_has_prefix(lines[i], "# TYPE ")) {
			g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);

			g_free(family);
			family = g_strdup(words[2]);
			g_assert_true(g_hash_table_add(seen, g_strdup(family)));
		} else if (lines[i][0] != '#') {
			g_assert_true(g_str_has_prefix(lines[i], family));
			g_assert_nonnull(strstr(lines[i], "{vm=\""));
			g_assert_nonnull(strstr(lines[i], "\"} "));
		}
	}
}

static void test_values(void)
{
	g_autofree char *text = print_one(
		"a",
		"{\"vcpus\":[{\"used\":1234567890,\"ready\":5,\"slices\":3,\"halted\":6,\"exits\":{\"io\":7,"
		"\"hlt\":8}},{\"used\":null}],\"throttled\":{\"periods\":4,"
		"\"throttledPeriods\":2,\"time\":1000000},\"pressure\":{\"some\":9000000000},\"skew\":2500000000,"
		"\"others\":{\"used\":18446744073}}");

	assert_form(text);
	assert_has(text, "\nvmms_vm_running{vm=\"a\",uuid=\"u\"} 1\n");
	assert_has(text, "\nvmms_vm_memory_bytes{vm=\"a\",uuid=\"u\"} 4096\n");
	assert_has(text, "\nvmms_vm_start_time_seconds{vm=\"a\",uuid=\"u\"} 1.500000000\n");
	assert_has(text, "# TYPE vmms_vcpu_used_seconds counter\n# UNIT vmms_vcpu_used_seconds "
			 "seconds\n# HELP vmms_vcpu_used_seconds Time on a CPU.\n"
			 "vmms_vcpu_used_seconds_total{vm=\"a\",uuid=\"u\",vcpu=\"0\"} "
			 "1.234567890\n# TYPE");
	assert_has(text, "_ready_seconds_total{vm=\"a\",uuid=\"u\",vcpu=\"0\"} 0.000000005\n");
	assert_has(text, "_halted_seconds_total{vm=\"a\",uuid=\"u\",vcpu=\"0\"} 0.000000006\n");
	assert_has(text, "_slices_total{vm=\"a\",uuid=\"u\",vcpu=\"0\"} 3\n");
	assert_has(text, "_exits_total{vm=\"a\",uuid=\"u\",vcpu=\"0\",reason=\"hlt\"} 8\n");
	assert_has(text, "_throttled_periods_total{vm=\"a\",uuid=\"u\"} 2\n");
	assert_has(text, "_throttled_seconds_total{vm=\"a\",uuid=\"u\"} 0.001000000\n");
	assert_has(text, "vmms_vm_skew_seconds{vm=\"a\",uuid=\"u\"} 2.500000000\n");
	assert_has(text, "_pressure_seconds_total{vm=\"a\",uuid=\"u\"} 9.000000000\n");
	assert_has(text, "\nvmms_vm_devices_used_seconds{vm=\"a\",uuid=\"u\"} 18.446744073\n");
}

static void test_several(void)
{
	struct metrics_vm vms[] = {vm_of("a", "{\"vcpus\":[{\"used\":1}]}"), vm_of("b", NULL),
				   vm_of("c", "{\"vcpus\":[{\"used\":2}]}")};
	g_autofree char *text = print(vms, G_N_ELEMENTS(vms));
	g_autofree char *none = print(NULL, 0);

	assert_form(text);
	assert_form(none);
	assert_has(text, "\nvmms_vm_running{vm=\"b\",uuid=\"u\"} 0\n");
	assert_has(text, "vcpu=\"0\"} 0.000000001\nvmms_vcpu_used_seconds_total{vm=\"c\"");
	g_assert_null(strstr(text, "start_time_seconds{vm=\"b\""));
	g_assert_null(strstr(none, "{"));
	for (gsize i = 0; i < G_N_ELEMENTS(vms); i++)
		json_object_put(vms[i].stats);
}

static void test_hostile(void)
{
	static const char *const stats[] = {
		"[]",
		"5",
		"{\"vcpus\":{}}",
		"{\"vcpus\":[null,\"x\",[]],\"throttled\":7,\"pressure\":[],\"others\":null}",
		"{\"vcpus\":[{\"used\":-1,\"ready\":1.5,\"slices\":\"3\",\"exits\":{\"io\":-1}}]}",
	};
	g_autofree char *text =
		print_one("a\"b\\c\nd", "{\"vcpus\":[{\"exits\":{\"x\\ny\\\"\":1}}]}");

	assert_form(text);
	assert_has(text, "vmms_vm_vcpus{vm=\"a\\\"b\\\\c\\nd\",uuid=\"u\"} 1\n");
	assert_has(text, "reason=\"x\\ny\\\"\"} 1\n");
	for (gsize i = 0; i < G_N_ELEMENTS(stats); i++) {
		g_autofree char *bad = print_one("a", stats[i]);

		assert_form(bad);
		g_assert_null(strstr(bad, "_total{"));
		g_assert_null(strstr(bad, "devices_used_seconds{"));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/metrics/values", test_values);
	g_test_add_func("/cli/metrics/several", test_several);
	g_test_add_func("/cli/metrics/hostile", test_hostile);
	return g_test_run();
}
