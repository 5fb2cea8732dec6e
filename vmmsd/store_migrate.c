/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service_error.h"
#include "store_internal.h"

uint32_t store_schema_version(void)
{
	return store_migrations_n;
}

static gboolean read_pragma(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	gboolean ok = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
		      sqlite3_step(statement) == SQLITE_ROW;

	if (ok)
		*ret = sqlite3_column_int64(statement, 0);
	/* Finalize repeats the error of the step, so that it is still there to be described. */
	return sqlite3_finalize(statement) == SQLITE_OK && ok;
}

static gboolean migrate_one(sqlite3 *db, const struct store_migration *migration)
{
	g_autofree char *marks =
		g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %u",
				STORE_APPLICATION_ID, migration->version);

	return sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(db, migration->sql, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(db, marks, NULL, NULL, NULL) == SQLITE_OK &&
	       sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

static gboolean check_origin(sqlite3 *db, const char *path, int64_t version, uint32_t newest,
			     GError **error)
{
	int64_t id = 0, objects = 0;

	if (!read_pragma(db, "PRAGMA application_id", &id) ||
	    !read_pragma(db, "SELECT count(*) FROM sqlite_schema", &objects)) {
		store_set_error(db, path, "cannot open the store", error);
		return FALSE;
	}
	if (id != STORE_APPLICATION_ID && (id != 0 || version != 0 || objects != 0)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
			    "%s is a database of another program: move it away, or give vmmsd "
			    "another directory",
			    path);
		return FALSE;
	}
	if (version < 0 || version > newest) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
			    "the store %s has schema version %" G_GINT64_FORMAT
			    ", and this vmmsd (%s) knows versions up to %u: install the vmms that "
			    "wrote it, or put a backup from before in its place",
			    path, version, VMMS_VERSION, newest);
		return FALSE;
	}
	return TRUE;
}

gboolean store_migrate(sqlite3 *db, const char *path, const struct store_migration *migrations,
		       uint32_t n, GError **error)
{
	int64_t version = 0;

	if (!read_pragma(db, "PRAGMA user_version", &version)) {
		store_set_error(db, path, "cannot open the store", error);
		return FALSE;
	}
	if (!check_origin(db, path, version, n, error))
		return FALSE;
	for (int64_t next = version; next < n; next++) {
		if (migrate_one(db, &migrations[next]))
			continue;
		g_autofree char *purpose = g_strdup_printf("cannot bring the store to version %u",
							   migrations[next].version);
		store_set_error(db, path, purpose, error);
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return FALSE;
	}
	return TRUE;
}
