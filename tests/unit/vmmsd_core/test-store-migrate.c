/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From every older version to this one, and what is refused. */
#include <glib.h>

#include "assert_error.h"
#include "store_internal.h"
#include "temporary_directory.h"

static sqlite3 *open_raw(const char *directory)
{
	g_autofree char *path = g_build_filename(directory, "vmms.db", NULL);
	sqlite3 *db = NULL;

	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
}

static int append_row(void *context, int n, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < n; i++)
		g_string_append_printf(context, "%s|", values[i] ? values[i] : "NULL");
	g_string_append_c(context, '\n');
	return 0;
}

static char *query(sqlite3 *db, const char *sql)
{
	GString *rows = g_string_new(NULL);

	g_assert_cmpint(sqlite3_exec(db, sql, append_row, rows, NULL), ==, SQLITE_OK);
	return g_string_free(rows, FALSE);
}

static char *schema_of(const char *directory)
{
	sqlite3 *db = open_raw(directory);
	char *schema =
		query(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name");

	sqlite3_close(db);
	return schema;
}

static void test_fresh(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();

	store_close(store_open(directory, NULL));
	sqlite3 *db = open_raw(directory);
	g_autofree char *version = query(db, "PRAGMA user_version");
	g_autofree char *id = query(db, "PRAGMA application_id");
	g_autofree char *mode = query(db, "PRAGMA journal_mode");
	g_autofree char *expected = g_strdup_printf("%u|\n", store_schema_version());
	g_assert_cmpstr(version, ==, expected);
	g_assert_cmpstr(id, ==, "1447906643|\n"); /* VMMS */
	g_assert_cmpstr(mode, ==, "wal|\n");
	sqlite3_close(db);
}

/* What durability and safety hang on; they are settings of the connection, not of the file. */
static void test_connection(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = store_open(directory, NULL);
	g_autofree char *synchronous = query(store->db, "PRAGMA synchronous");
	g_autofree char *foreign_keys = query(store->db, "PRAGMA foreign_keys");
	g_autofree char *trusted_schema = query(store->db, "PRAGMA trusted_schema");

	g_assert_cmpstr(synchronous, ==, "2|\n"); /* FULL */
	g_assert_cmpstr(foreign_keys, ==, "1|\n");
	g_assert_cmpstr(trusted_schema, ==, "0|\n");
}

/* A store of each older version, with a VM in it, becomes what a fresh one is and keeps the VM. */
static void test_every_older_version(void)
{
	g_autoptr(temporary_directory_t) fresh = temporary_directory_new();

	store_close(store_open(fresh, NULL));
	g_autofree char *expected = schema_of(fresh);
	for (uint32_t version = 0; version <= store_schema_version(); version++) {
		g_autoptr(temporary_directory_t) directory = temporary_directory_new();
		g_autoptr(GError) error = NULL;
		sqlite3 *db = open_raw(directory);
		store_migrate(db, "x", store_migrations, version, &error);
		g_assert_no_error(error);
		if (version > 0)
			run(db, "INSERT INTO vm (uuid, name, definition, created_us, changed_us) "
				"VALUES ('u', 'n', '{}', 1, 1)");
		sqlite3_close(db);

		g_autoptr(store_t) store = store_open(directory, &error);
		g_assert_no_error(error);
		store_close(g_steal_pointer(&store));
		g_autofree char *schema = schema_of(directory);
		g_assert_cmpstr(schema, ==, expected);
		db = open_raw(directory);
		g_autofree char *rows = query(db, "SELECT uuid, name, definition, state FROM vm");
		g_assert_cmpstr(rows, ==, version > 0 ? "u|n|{}|off|\n" : "");
		sqlite3_close(db);
	}
}

/* Steps run in order, each once; one that fails leaves the store at the step before. */
static void test_steps(void)
{
	static const struct store_migration steps[] = {
		{1, "CREATE TABLE a (x); INSERT INTO a VALUES (1);"},
		{2, "CREATE TABLE b (y); INSERT INTO b SELECT x + 1 FROM a;"},
		{3, "CREATE TABLE c (z); INSERT INTO nowhere VALUES (1);"},
	};
	sqlite3 *db = NULL;
	GError *error = NULL;

	g_assert_cmpint(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
	g_assert_true(store_migrate(db, "x", steps, 1, NULL));
	g_assert_true(store_migrate(db, "x", steps, 2, NULL));
	g_assert_true(store_migrate(db, "x", steps, 2, NULL));
	g_assert_false(store_migrate(db, "x", steps, 3, &error));
	assert_message(error, SERVICE_ERROR_STORE,
		       "cannot bring the store to version 3: the store x failed: no such table: "
		       "nowhere");
	g_autofree char *version = query(db, "PRAGMA user_version");
	g_autofree char *tables = query(db, "SELECT name FROM sqlite_schema ORDER BY name");
	g_autofree char *rows = query(db, "SELECT y FROM b");
	g_assert_cmpstr(version, ==, "2|\n");
	g_assert_cmpstr(tables, ==, "a|\nb|\n");
	g_assert_cmpstr(rows, ==, "2|\n");
	sqlite3_close(db);
}

static void expect_refused(const char *directory, const char *format)
{
	g_autoptr(GString) expected = g_string_new(format);
	GError *error = NULL;

	g_string_replace(expected, "DIR", directory, 0);
	g_assert_null(store_open(directory, &error));
	assert_message(error, SERVICE_ERROR_STORE, expected->str);
}

static void test_newer(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autofree char *before = NULL, *after = NULL;

	store_close(store_open(directory, NULL));
	sqlite3 *db = open_raw(directory);
	run(db, "PRAGMA user_version = 99");
	sqlite3_close(db);
	before = schema_of(directory);
	g_autofree char *expected = g_strdup_printf(
		"the store DIR/vmms.db has schema version 99, and this vmmsd (" VMMS_VERSION
		") knows versions up to %u: install the vmms that wrote it, or put a backup from "
		"before in its place",
		store_schema_version());
	expect_refused(directory, expected);
	after = schema_of(directory);
	g_assert_cmpstr(before, ==, after);
}

static void test_foreign(void)
{
	static const char message[] = "DIR/vmms.db is a database of another program: move it away, "
				      "or give vmmsd another directory";
	static const char *const makers[] = {
		"CREATE TABLE addresses (x)",
		"PRAGMA application_id = 7",
		"PRAGMA user_version = 1; CREATE TABLE vm (x)",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(makers); i++) {
		g_autoptr(temporary_directory_t) directory = temporary_directory_new();
		sqlite3 *db = open_raw(directory);
		run(db, makers[i]);
		sqlite3_close(db);
		expect_refused(directory, message);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/store-migrate/fresh", test_fresh);
	g_test_add_func("/store-migrate/connection", test_connection);
	g_test_add_func("/store-migrate/every-older-version", test_every_older_version);
	g_test_add_func("/store-migrate/steps", test_steps);
	g_test_add_func("/store-migrate/newer", test_newer);
	g_test_add_func("/store-migrate/foreign", test_foreign);
	return g_test_run();
}
