/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "service_error.h"
#include "store_internal.h"

/* Only a backup or a person with sqlite3 can hold the file; more than this is not waited. */
#define BUSY_MS 500

/*
 * FULL: a commit is on the disk when it returns, so what was acknowledged survives a power cut. The
 * schema of a damaged or foreign file is not trusted to run functions.
 */
static const char settings[] = "PRAGMA trusted_schema = OFF;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA synchronous = FULL;";

static const char *const texts[STORE_STATEMENT_N] = {
	[STORE_SELECT_VMS] =
		"SELECT uuid, name, definition, state, reason, started_us, worker_pid, "
		"saved_us, saved_size, saved_engine FROM vm ORDER BY name",
	[STORE_INSERT_VM] = "INSERT INTO vm (uuid, name, definition, state, reason, started_us, "
			    "worker_pid, created_us, changed_us) "
			    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
	[STORE_UPDATE_DEFINITION] = "UPDATE vm SET name = ?2, definition = ?3, changed_us = ?4 "
				    "WHERE uuid = ?1",
	[STORE_UPDATE_STATE] = "UPDATE vm SET state = ?2, reason = ?3, started_us = ?4, "
			       "worker_pid = ?5, saved_us = ?6, saved_size = ?7, "
			       "saved_engine = ?8 WHERE uuid = ?1",
	[STORE_DELETE_VM] = "DELETE FROM vm WHERE uuid = ?1",
	[STORE_GET_SETTING] = "SELECT value FROM setting WHERE key = ?1",
	[STORE_SET_SETTING] = "INSERT INTO setting (key, value) VALUES (?1, ?2) "
			      "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	[STORE_SELECT_GROUPS] = "SELECT name, definition FROM cpu_group ORDER BY name",
	[STORE_PUT_GROUP] =
		"INSERT INTO cpu_group (name, definition, changed_us) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, "
		"changed_us = excluded.changed_us",
	[STORE_DELETE_GROUP] = "DELETE FROM cpu_group WHERE name = ?1",
};

sqlite3_stmt *store_prepare(struct store *store, enum store_statement id, const char *purpose,
			    GError **error)
{
	sqlite3_stmt **statement = &store->statements[id];

	if (!*statement && sqlite3_prepare_v3(store->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT,
					      statement, NULL) != SQLITE_OK) {
		store_set_error(store->db, store->path, purpose, error);
		return NULL;
	}
	return *statement;
}

void store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	/* Fails only for an index that is not in the text of the statement, or for lack of memory,
	 * which the step then reports as a broken constraint. */
	(void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

/* SQLite would make it readable for everybody; its -wal and -shm files take over its mode. */
static gboolean create_private(const char *path, const char *directory, GError **error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
			    "cannot open the store %s (%s): give the user of vmmsd write access to "
			    "the file and its directory",
			    path, strerror(errno));
		return FALSE;
	}
	close(fd);
	/* The name of a new file must survive a power cut as well as what is in it. */
	int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory_fd >= 0) {
		(void)fsync(directory_fd);
		close(directory_fd);
	}
	return TRUE;
}

/* The pragma does not fail where WAL cannot work, it answers with the mode that stays. */
static gboolean use_wal(struct store *store, GError **error)
{
	sqlite3_stmt *statement = NULL;
	g_autofree char *mode = NULL;

	int rc = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
		mode = g_strdup((const char *)sqlite3_column_text(statement, 0));
	if (rc != SQLITE_ROW)
		store_set_error(store->db, store->path, "cannot open the store", error);
	else if (g_strcmp0(mode, "wal") != 0)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
			    "the file system of %s has no shared memory files, which the store "
			    "needs: give vmmsd a directory on a local disk",
			    store->path);
	(void)sqlite3_finalize(statement);
	return g_strcmp0(mode, "wal") == 0;
}

static gboolean open_database(struct store *store, GError **error)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(store->db, BUSY_MS) != SQLITE_OK ||
	    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, settings, NULL, NULL, NULL) != SQLITE_OK) {
		store_set_error(store->db, store->path, "cannot open the store", error);
		return FALSE;
	}
	return use_wal(store, error) &&
	       store_migrate(store->db, store->path, store_migrations, store_migrations_n, error);
}

static gboolean open_all(struct store *store, const char *directory, GError **error)
{
	store->path = g_build_filename(directory, "vmms.db", NULL);
	store->lock_fd = store_lock(directory, error);
	return store->lock_fd >= 0 && create_private(store->path, directory, error) &&
	       open_database(store, error);
}

struct store *store_open(const char *directory, GError **error)
{
	struct store *store = g_new0(struct store, 1);

	store->lock_fd = -1;
	if (open_all(store, directory, error))
		return store;
	store_close(store);
	return NULL;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	for (unsigned i = 0; i < STORE_STATEMENT_N; i++)
		(void)sqlite3_finalize(store->statements[i]);
	(void)sqlite3_close(store->db);
	/* Last, since it is what keeps a second writer away. */
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	g_free(store->path);
	g_free(store);
}
