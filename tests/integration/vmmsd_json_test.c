/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * docs/json.md against what a real vmmsd and hvctl print: each member is named in its section, each
 * that a table lists is there, and an example has the members of the real thing.
 */
#include <json-c/json.h>
#include <string.h>

#include "vmmsd_fixture.h"

/* Objects whose members are somebody else's: another page's, the kernel's, a guest's. */
static const char *const foreign[] = {
	"disks", "nics", "enlightenments", "capabilities",	 "facts", "pairs",
	"exits", "kvm",	 "counters",	   "usedEnlightenments", NULL};
/* In host it is ours. */
static gboolean is_foreign(const char *section, const char *name)
{
	return g_strv_contains(foreign, name) &&
	       !(g_str_equal(section, "host") && g_str_equal(name, "kvm"));
}

struct section {
	const char *name;
	char *text;
	GHashTable *words;  /* whatever stands between backticks, and its parts */
	GHashTable *listed; /* of these, the first columns of tables */
};

/* ---- the page -------------------------------------------------------------------------------- */

/* `a`, `b.c` -> a, b, c */
static void take_words(const char *text, size_t length, GHashTable *into)
{
	g_autofree char *part = g_strndup(text, length);
	g_auto(GStrv) quoted = g_strsplit(part, "`", 0);

	for (guint i = 1; quoted[0] && i < g_strv_length(quoted); i += 2) {
		g_auto(GStrv) names = g_strsplit(quoted[i], ".", 0);

		for (char **name = names; *name; name++) {
			if (**name)
				g_hash_table_add(into, g_strdup(*name));
		}
	}
}

static void section_read(struct section *section, const char *name)
{
	g_autofree char *page = NULL;
	g_autofree char *title = g_strdup_printf("\n## %s\n", name);

	*section = (struct section){
		.name = name,
		.words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	g_assert_true(g_file_get_contents(JSON_MD, &page, NULL, NULL));
	const char *begin = strstr(page, title);
	g_assert_nonnull(begin);
	begin += strlen(title);
	const char *end = strstr(begin, "\n## ");
	section->text = g_strndup(begin, end ? (size_t)(end - begin) : strlen(begin));
	g_auto(GStrv) lines = g_strsplit(section->text, "\n", 0);
	for (char **line = lines; *line; line++) {
		const char *column = g_str_has_prefix(*line, "| `") ? strchr(*line + 1, '|') : NULL;

		take_words(*line, strlen(*line), section->words);
		if (column)
			take_words(*line, (size_t)(column - *line), section->listed);
	}
}

static void section_clear(struct section *section)
{
	g_free(section->text);
	g_hash_table_unref(section->words);
	g_hash_table_unref(section->listed);
}

static json_object *section_example(const struct section *section)
{
	g_auto(GStrv) parts = g_strsplit(section->text, "```", 0);

	g_assert_cmpuint(g_strv_length(parts), ==, 3);
	g_assert_true(g_str_has_prefix(parts[1], "json\n"));
	json_object *example = json_tokener_parse(parts[1] + strlen("json\n"));
	g_assert_nonnull(example);
	return example;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* seen gets the names of all members. */
static void check_named(const struct section *section, json_object *value, const char *path,
			GHashTable *seen)
{
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			check_named(section, json_object_array_get_idx(value, i), path, seen);
		return;
	}
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach (value, name, member) {
		g_autofree char *below = g_strdup_printf("%s.%s", path, name);

		if (!g_hash_table_contains(section->words, name))
			g_error("docs/json.md, %s: nothing of %s", section->name, below);
		g_hash_table_add(seen, g_strdup(name));
		if (!is_foreign(section->name, name))
			check_named(section, member, below, seen);
	}
}

static void check_listed(const struct section *section, GHashTable *seen)
{
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, section->listed);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		if (!g_hash_table_contains(seen, name))
			g_error("docs/json.md, %s: there is no %s", section->name, (char *)name);
	}
}

/* The members of one are those of the other, as far as both say something. */
static void check_same(const struct section *section, json_object *example, json_object *real,
		       const char *path)
{
	if (json_object_is_type(example, json_type_array) &&
	    json_object_is_type(real, json_type_array)) {
		check_same(section, json_object_array_get_idx(example, 0),
			   json_object_array_get_idx(real, 0), path);
		return;
	}
	if (!json_object_is_type(example, json_type_object) ||
	    !json_object_is_type(real, json_type_object))
		return;
	json_object_object_foreach (example, shown, ignored) {
		(void)ignored;
		if (!json_object_object_get_ex(real, shown, NULL))
			g_error("docs/json.md, the example of %s: there is no %s.%s", section->name,
				path, shown);
	}
	json_object_object_foreach (real, name, member) {
		g_autofree char *below = g_strdup_printf("%s.%s", path, name);
		json_object *there = NULL;

		if (!json_object_object_get_ex(example, name, &there))
			g_error("docs/json.md, the example of %s: %s is missing", section->name,
				below);
		if (!is_foreign(section->name, name))
			check_same(section, there, member, below);
	}
}

/* Takes real. */
static void check_section(const char *name, json_object *real, gboolean has_example)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct section section;

	section_read(&section, name);
	check_named(&section, real, "$", seen);
	check_listed(&section, seen);
	if (has_example) {
		json_object *example = section_example(&section);

		check_same(&section, example, real, "$");
		json_object_put(example);
	}
	section_clear(&section);
	json_object_put(real);
}

/* ---- the real thing -------------------------------------------------------------------------- */

static json_object *hvctl_json(const struct fixture *f, const char *line)
{
	g_autofree char *command = g_strdup_printf(HVCTL " --connect %s %s -o json", f->dir, line);
	g_autofree char *out = NULL;
	int status;

	g_assert_true(g_spawn_command_line_sync(command, &out, NULL, &status, NULL));
	g_assert_cmpint(status, ==, 0);
	json_object *value = json_tokener_parse(out);
	g_assert_nonnull(value);
	return value;
}

static void test_show(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define_with(
		f, "web1", "run",
		",\"cpus\":{\"count\":2,\"topology\":{\"cores\":2},\"scheduling\":{\"weight\":7}}");

	fixture_do(f, vm, "Start");
	check_section("show", hvctl_json(f, "show web1"), TRUE);
	fixture_free(f);
}

static void test_host(void)
{
	struct fixture *f = fixture_new(NULL);

	check_section("host", hvctl_json(f, "host"), TRUE);
	fixture_free(f);
}

/* Also of a worker that counts next to nothing, as QEMU's does. */
static void test_stats(void)
{
	static const char *const behaviours[] = {"run", "odd-statistics"};

	for (size_t i = 0; i < G_N_ELEMENTS(behaviours); i++) {
		struct fixture *f = fixture_new(NULL);
		g_autofree char *vm = fixture_define(f, "web1", behaviours[i]);

		fixture_do(f, vm, "Start");
		check_section("stats", hvctl_json(f, "stats web1"), FALSE);
		json_object *stats = hvctl_json(f, "stats web1");
		json_object *one = json_object_array_get_idx(stats, 0);
		json_object *vcpus = json_object_object_get(one, "vcpus");
		json_object *vcpu = json_object_array_get_idx(vcpus, 0);
		static const char *const always[] = {"exits", "kvm"};
		for (size_t j = 0; j < G_N_ELEMENTS(always); j++) {
			g_assert_true(json_object_object_get_ex(one, always[j], NULL));
			g_assert_true(json_object_object_get_ex(vcpu, always[j], NULL));
		}
		g_assert_true(json_object_object_get_ex(one, "counters", NULL));
		json_object_put(stats);
		fixture_free(f);
	}
}

static void test_list(void)
{
	struct fixture *f = fixture_new(NULL);

	g_free(fixture_define(f, "web1", "run"));
	check_section("list", hvctl_json(f, "list"), FALSE);
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/json/show", test_show);
	g_test_add_func("/vmmsd/json/host", test_host);
	g_test_add_func("/vmmsd/json/stats", test_stats);
	g_test_add_func("/vmmsd/json/list", test_list);
	return g_test_run();
}
