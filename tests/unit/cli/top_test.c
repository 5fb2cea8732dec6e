// SPDX-License-Identifier: LGPL-2.1-or-later
/* What `hvctl top` makes of counters: rates, what is not known, order and the sentence. */
#include <glib.h>
#include <string.h>

#include "top_view.h"

static struct vm_stats read_stats(const char *text)
{
	struct json_object *document = json_tokener_parse(text);
	struct vm_stats stats;

	vm_stats_read(document, &stats);
	json_object_put(document);
	return stats;
}

static void test_read(void)
{
	struct vm_stats s =
		read_stats("{\"time\":5,\"vcpus\":[{\"used\":1,\"ready\":2,\"exits\":"
			   "{\"io\":3,\"hlt\":4}},{\"used\":10,\"ready\":20,\"exits\":{}}],"
			   "\"others\":{\"used\":7},\"throttled\":{\"time\":9}}");

	g_assert_cmpuint(s.vcpus, ==, 2);
	g_assert_true(s.used.known && s.ready.known && s.exits.known && s.time.known);
	g_assert_cmpuint(s.used.value, ==, 11);
	g_assert_cmpuint(s.ready.value, ==, 22);
	g_assert_cmpuint(s.exits.value, ==, 7);
	g_assert_cmpuint(s.others.value, ==, 7);
	g_assert_cmpuint(s.throttled.value, ==, 9);
	/* One processor that is not known makes the sum so. */
	s = read_stats("{\"vcpus\":[{\"used\":1,\"ready\":2,\"exits\":{}},{\"used\":null}]}");
	g_assert_false(s.used.known || s.ready.known || s.exits.known || s.time.known ||
		       s.throttled.known);
}

/* vmmsd's text is not to be trusted either. */
static void test_read_bad(void)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"null",
		"{\"vcpus\":{}}",
		"{\"vcpus\":[]}",
		"{\"vcpus\":[1,null,\"x\"]}",
		"{\"vcpus\":[{\"used\":-1,\"ready\":\"1\",\"exits\":[1]}],\"time\":1.5}",
		"{\"vcpus\":[{\"exits\":5}],\"others\":3,\"throttled\":[]}",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct vm_stats s = read_stats(texts[i]);

		g_assert_false(s.used.known || s.ready.known || s.exits.known || s.time.known ||
			       s.throttled.known || s.others.known);
	}
}

static void test_rate(void)
{
	const struct vm_stats a = {.time = {true, 1000}}, b = {.time = {true, 3000}}, none = {0};
	const struct amount ten = {true, 10}, thirty = {true, 30}, unknown = {0};
	struct rate r = rate_between(&a, &b, ten, thirty);

	g_assert_true(r.known);
	g_assert_cmpfloat_with_epsilon(r.value, 1e7, 1e-3);
	g_assert_true(rate_between(&a, &b, ten, ten).known);
	g_assert_false(rate_between(&a, &b, thirty, ten).known); /* it fell */
	g_assert_false(rate_between(&b, &a, ten, thirty).known); /* so did time */
	g_assert_false(rate_between(&a, &a, ten, thirty).known); /* none passed */
	g_assert_false(rate_between(&none, &b, ten, thirty).known);
	g_assert_false(rate_between(&a, &none, ten, thirty).known);
	g_assert_false(rate_between(&a, &b, unknown, thirty).known);
	g_assert_false(rate_between(&a, &b, ten, unknown).known);
	g_assert_false(rate_ready((struct rate){true, 0}, (struct rate){true, 0}).known);
	r = rate_ready((struct rate){true, 3}, (struct rate){true, 1});
	g_assert_cmpfloat_with_epsilon(r.value, 0.25, 1e-9);
}

static void add(struct top_rows *rows, const char *name, struct rate cpu, struct rate ready)
{
	struct top_row *row = top_rows_add(rows);

	row->uuid = g_strdup(name);
	row->name = g_strdup(name);
	row->state = g_strdup("running");
	row->cpu = cpu;
	row->ready = ready;
	row->waiting = ready;
}

static void assert_order(const struct top_rows *rows, const char *expected)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (size_t i = 0; i < rows->n; i++)
		g_string_append(names, rows->rows[i].name);
	g_assert_cmpstr(names->str, ==, expected);
}

static void test_sort(void)
{
	struct top_rows rows = {0};

	top_rows_sort(&rows, TOP_BY_CPU);
	add(&rows, "d", (struct rate){0}, (struct rate){true, 0.5});
	add(&rows, "c", (struct rate){true, 0}, (struct rate){true, 0.1});
	add(&rows, "b", (struct rate){true, 2}, (struct rate){0});
	add(&rows, "a", (struct rate){true, 2}, (struct rate){true, 0.1});
	top_rows_sort(&rows, TOP_BY_CPU);
	assert_order(&rows, "abcd");
	top_rows_sort(&rows, TOP_BY_READY);
	assert_order(&rows, "dacb");
	top_rows_sort(&rows, TOP_BY_LIMIT); /* nothing is known: by name */
	assert_order(&rows, "abcd");
	for (int by = 0; by < TOP_SORTS; by++)
		g_assert_cmpint(top_sort_find(top_sort_name((enum top_sort)by)), ==, by);
	g_assert_cmpint(top_sort_find("size"), ==, -1);
	top_rows_clear(&rows);
}

static void test_hint(void)
{
	struct top_rows rows = {0};
	char hint[128];

	top_hint(&rows, hint, sizeof(hint));
	g_assert_cmpstr(hint, ==, "");
	add(&rows, "a", (struct rate){true, 1}, (struct rate){true, 0.19});
	add(&rows, "b", (struct rate){true, 1}, (struct rate){0});
	top_hint(&rows, hint, sizeof(hint));
	g_assert_cmpstr(hint, ==, "");
	add(&rows, "c", (struct rate){true, 1}, (struct rate){true, 0.6});
	top_hint(&rows, hint, sizeof(hint));
	g_assert_cmpstr(hint, ==,
			"c waits 60% of its time for a CPU: raise --weight, or --affinity");
	rows.rows[2].stats.only_affinity = true;
	top_hint(&rows, hint, sizeof(hint));
	g_assert_cmpstr(hint, ==,
			"c waits 60% of its time for a CPU: give it others by --affinity");
	/* Of one that is all but idle it says nothing. */
	rows.rows[2].waiting.value = 0.01;
	top_hint(&rows, hint, sizeof(hint));
	g_assert_cmpstr(hint, ==, "");
	rows.rows[2].waiting.value = 0.6;
	rows.rows[2].limit = (struct rate){true, 0.5};
	top_hint(&rows, hint, sizeof(hint));
	g_assert_cmpstr(hint, ==, "c waits 60% of its time, held by its limit: raise --limit");
	top_rows_clear(&rows);
}

/* A VM that is there for the first time, or began anew under the same name, has no rates. */
static void test_compare(void)
{
	struct top_rows then = {0}, now = {0};

	add(&then, "old", (struct rate){0}, (struct rate){0});
	then.rows[0].stats = read_stats("{\"time\":1000000000,\"vcpus\":[{\"used\":500,\"ready\":0,"
					"\"exits\":{\"io\":5}}]}");
	add(&now, "new", (struct rate){0}, (struct rate){0});
	add(&now, "old", (struct rate){0}, (struct rate){0});
	now.rows[0].stats = now.rows[1].stats =
		read_stats("{\"time\":2000000000,\"vcpus\":[{\"used\":500000500,\"ready\":0,"
			   "\"exits\":{\"io\":2}}]}");
	top_rows_compare(&now, &then);
	g_assert_false(now.rows[0].cpu.known);
	g_assert_true(now.rows[1].cpu.known);
	g_assert_cmpfloat_with_epsilon(now.rows[1].cpu.value, 0.5, 1e-6);
	g_assert_false(now.rows[1].exits.known);
	top_rows_clear(&then);
	top_rows_clear(&now);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/top/read", test_read);
	g_test_add_func("/cli/top/read-bad", test_read_bad);
	g_test_add_func("/cli/top/rate", test_rate);
	g_test_add_func("/cli/top/sort", test_sort);
	g_test_add_func("/cli/top/hint", test_hint);
	g_test_add_func("/cli/top/compare", test_compare);
	return g_test_run();
}
