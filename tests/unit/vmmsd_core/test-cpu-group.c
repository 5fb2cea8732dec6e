/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu_group.h"

#include "assert_error.h"
#include "cpu_groups.h"
#include "host_cpu_list.h"
#include "temporary_directory.h"

static cpu_group_t *parse(const char *json)
{
	g_autoptr(GError) error = NULL;
	cpu_group_t *group = cpu_group_parse(json, &error);

	g_assert_no_error(error);
	return group;
}

static void test_parse(void)
{
	g_autoptr(cpu_group_t) plain = parse("{\"name\":\"web\"}");
	g_autoptr(cpu_group_t) full =
		parse("{\"cpus\":\"0-1,4\",\"name\":\"a_1\",\"weight\":200,\"cap\":150,"
		      "\"parent\":\"web\"}");
	g_autofree char *cpus = host_cpu_list_format(full->cpus);

	g_assert_cmpstr(plain->json, ==, "{\"name\":\"web\",\"weight\":100}");
	g_assert_null(plain->parent);
	g_assert_null(plain->cpus);
	g_assert_cmpuint(plain->cap, ==, 0);
	g_assert_cmpuint(plain->weight, ==, 100);
	g_assert_cmpstr(full->parent, ==, "web");
	g_assert_cmpstr(cpus, ==, "0-1,4");
	g_assert_cmpuint(full->cap, ==, 150);
	g_assert_cmpuint(full->weight, ==, 200);
}

static void test_bad(void)
{
	static const struct {
		const char *json, *message;
	} rows[] = {
		{"{}", "CPU group: $: the member name is missing; it is required"},
		{"{\"name\":\"a-b\"}", "CPU group: $.name: \"a-b\" is not valid; give 1 to 32 of "
				       "A-Z a-z 0-9 _"},
		{"{\"name\":\"a\",\"weight\":0}",
		 "CPU group: $.weight: 0 is below the minimum 1; give 1 to 10000"},
		{"{\"name\":\"a\",\"weight\":10001}",
		 "CPU group: $.weight: 10001 is above the maximum 10000; give 1 to 10000"},
		{"{\"name\":\"a\",\"cap\":0}",
		 "CPU group: $.cap: 0 is below the minimum 1; give 1 to 819200"},
		{"{\"name\":\"a\",\"cap\":819201}",
		 "CPU group: $.cap: 819201 is above the maximum 819200; give 1 to 819200"},
		{"{\"name\":\"a\",\"cpus\":\"3-1\"}",
		 "CPU group: $.cpus: \"3-1\" is not valid; give CPUs in ascending order, each once "
		 "and below 8192, such as \"0-3,8\""},
		{"[]", NULL},
		{"{\"name\":\"a\",\"more\":1}", NULL},
		{"{", NULL},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		GError *error = NULL;

		g_assert_null(cpu_group_parse(rows[i].json, &error));
		g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
		if (rows[i].message)
			g_assert_cmpstr(error->message, ==, rows[i].message);
		g_error_free(error);
	}
}

static void test_edit(void)
{
	g_autoptr(cpu_group_t) group = parse("{\"name\":\"web\",\"cap\":150,\"cpus\":\"1\"}");
	g_autoptr(cpu_group_t) edited =
		cpu_group_edit(group, "{\"cap\":null,\"weight\":7,\"name\":\"web\"}", NULL);
	static const char *const bad[] = {"{\"name\":\"x\"}", "{\"name\":null}", "[]",
					  "{\"cap\":0}", "x"};

	g_assert_cmpstr(edited->json, ==, "{\"name\":\"web\",\"cpus\":\"1\",\"weight\":7}");
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(cpu_group_edit(group, bad[i], &error));
		g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION);
	}
}

static void free_group(gpointer group)
{
	cpu_group_free(group);
}

static void expect_check(const GPtrArray *groups, const char *json, enum service_error code,
			 const char *message)
{
	g_autoptr(cpu_group_t) group = parse(json);
	GError *error = NULL;

	g_assert_cmpint(cpu_group_check(groups, group, &error), ==, !message);
	if (message)
		assert_message(error, code, message);
}

static void test_tree(void)
{
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(free_group);

	g_ptr_array_add(groups, parse("{\"name\":\"d\",\"parent\":\"c\"}"));
	g_ptr_array_add(groups, parse("{\"name\":\"a\",\"cpus\":\"0-3\"}"));
	g_ptr_array_add(groups, parse("{\"name\":\"b\",\"parent\":\"a\"}"));
	g_ptr_array_add(groups, parse("{\"name\":\"c\",\"parent\":\"b\",\"cpus\":\"2-5\"}"));
	g_autofree char *path = cpu_group_path(groups, cpu_group_find(groups, "d"));
	g_autoptr(GArray) cpus = cpu_group_cpus(groups, cpu_group_find(groups, "d"));
	g_autofree char *list = host_cpu_list_format(cpus);

	g_assert_cmpstr(path, ==, "a-b-c-d");
	g_assert_cmpstr(list, ==, "2-3");
	g_assert_null(cpu_group_find(groups, NULL));
	g_assert_null(cpu_group_find(NULL, "a"));
	g_assert_true(cpu_group_is_within(groups, cpu_group_find(groups, "d"), "a"));
	g_assert_false(cpu_group_is_within(groups, cpu_group_find(groups, "a"), "d"));

	expect_check(groups, "{\"name\":\"e\",\"parent\":\"c\"}", 0, NULL);
	expect_check(groups, "{\"name\":\"e\",\"parent\":\"x\"}", SERVICE_ERROR_NO_SUCH_GROUP,
		     "group e: there is no group x to be in: \"hvctl group list\" shows those that "
		     "there are");
	expect_check(groups, "{\"name\":\"e\",\"parent\":\"e\"}", SERVICE_ERROR_INVALID_DEFINITION,
		     "group e: it cannot be in e, which is itself: choose another parent");
	expect_check(groups, "{\"name\":\"a\",\"parent\":\"d\"}", SERVICE_ERROR_INVALID_DEFINITION,
		     "group a: it cannot be in d, which is within it: choose another parent");
	expect_check(groups, "{\"name\":\"e\",\"parent\":\"d\"}", SERVICE_ERROR_INVALID_DEFINITION,
		     "group e: group e would be the 5th in each other; at most 4 can be: choose "
		     "another parent");
	expect_check(groups, "{\"name\":\"e\",\"parent\":\"a\",\"cpus\":\"4\"}",
		     SERVICE_ERROR_INVALID_DEFINITION,
		     "group e: its CPUs and those of the groups around it have none in common, "
		     "which leaves group e none: choose other CPUs or another parent");
	expect_check(groups, "{\"name\":\"a\",\"cpus\":\"0-1\"}", SERVICE_ERROR_INVALID_DEFINITION,
		     "group a: its CPUs and those of the groups around it have none in common, "
		     "which leaves group d within it none: choose other CPUs or another parent");
}

/* What is written is there for the next vmmsd; what is refused changes nothing. */
static void test_stored(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = store_open(directory, NULL);
	g_autoptr(cpu_groups_t) groups = cpu_groups_new(store, NULL);
	GError *error = NULL;

	g_assert_true(cpu_groups_put(groups, parse("{\"name\":\"b\"}"), FALSE, NULL));
	g_assert_true(
		cpu_groups_put(groups, parse("{\"name\":\"a\",\"parent\":\"b\"}"), FALSE, NULL));
	g_assert_false(cpu_groups_put(groups, parse("{\"name\":\"b\"}"), FALSE, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NAME_EXISTS,
		       "there is a CPU group b already: choose another name, or edit it");
	g_assert_true(cpu_groups_put(groups, parse("{\"name\":\"b\",\"cap\":9}"), TRUE, NULL));
	g_assert_false(cpu_groups_delete(groups, "b", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_WRONG_STATE,
		       "group b: group a is in it: delete that first, or move it with \"hvctl "
		       "group edit a --parent\"");
	g_assert_false(cpu_groups_delete(groups, "x", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NO_SUCH_GROUP,
		       "there is no CPU group \"x\": \"hvctl group list\" shows those that there "
		       "are, \"hvctl group create\" makes one");
	cpu_groups_free(g_steal_pointer(&groups));
	groups = cpu_groups_new(store, NULL);
	g_assert_cmpuint(cpu_groups_all(groups)->len, ==, 2);
	g_assert_cmpuint(cpu_groups_lookup(groups, "b", NULL)->cap, ==, 9);
	g_assert_true(cpu_groups_delete(groups, "a", NULL));
	g_assert_true(cpu_groups_delete(groups, "b", NULL));
	cpu_groups_free(g_steal_pointer(&groups));
	groups = cpu_groups_new(store, NULL);
	g_assert_cmpuint(cpu_groups_all(groups)->len, ==, 0);
	/* A row that somebody broke is named, and not passed over. */
	g_assert_true(store_put_group(store, "z", "{\"name\":\"y\"}", NULL));
	g_assert_null(cpu_groups_new(store, &error));
	assert_message(error, SERVICE_ERROR_STORE,
		       "the store: group z: its definition carries another name: put a backup in "
		       "the place of the store, or correct the row");
}

static void test_too_many(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = store_open(directory, NULL);
	g_autoptr(cpu_groups_t) groups = cpu_groups_new(store, NULL);

	for (guint i = 0; i <= CPU_GROUPS_MAX; i++) {
		g_autofree char *json = g_strdup_printf("{\"name\":\"g%u\"}", i);
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(cpu_groups_put(groups, parse(json), FALSE, &error), ==,
				i < CPU_GROUPS_MAX);
		if (i == CPU_GROUPS_MAX)
			g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED);
	}
}

/* What becomes of the paths of a group, and of those within it, when it moves or goes. */
static void test_paths(void)
{
	g_autoptr(GPtrArray) groups =
		g_ptr_array_new_with_free_func((GDestroyNotify)cpu_group_free);
	g_auto(GStrv) before = NULL, same = NULL, moved = NULL, deleted = NULL;
	g_autofree char *text = NULL;

	g_ptr_array_add(groups, parse("{\"name\":\"a\"}"));
	g_ptr_array_add(groups, parse("{\"name\":\"b\",\"parent\":\"a\"}"));
	g_ptr_array_add(groups, parse("{\"name\":\"c\",\"parent\":\"b\"}"));
	g_ptr_array_add(groups, parse("{\"name\":\"d\"}"));
	before = cpu_group_paths(groups);
	text = g_strjoinv(" ", before);
	g_assert_cmpstr(text, ==, "a a-b a-b-c d");
	same = cpu_group_paths_gone((const char *const *)before, groups);
	g_assert_cmpuint(g_strv_length(same), ==, 0);
	g_ptr_array_remove_index(groups, 1);
	g_ptr_array_add(groups, parse("{\"name\":\"b\",\"parent\":\"d\"}"));
	moved = cpu_group_paths_gone((const char *const *)before, groups);
	g_free(text);
	text = g_strjoinv(" ", moved);
	g_assert_cmpstr(text, ==, "a-b a-b-c");
	g_ptr_array_set_size(groups, 0);
	deleted = cpu_group_paths_gone((const char *const *)before, groups);
	g_assert_true(g_strv_equal((const char *const *)deleted, (const char *const *)before));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cpu-group/parse", test_parse);
	g_test_add_func("/cpu-group/bad", test_bad);
	g_test_add_func("/cpu-group/edit", test_edit);
	g_test_add_func("/cpu-group/tree", test_tree);
	g_test_add_func("/cpu-group/paths", test_paths);
	g_test_add_func("/cpu-group/stored", test_stored);
	g_test_add_func("/cpu-group/too-many", test_too_many);
	return g_test_run();
}
