/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of the store; sqlite3.h stays behind this header. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <sqlite3.h>

#include "store.h"

/* "VMMS": PRAGMA application_id of our files. */
#define STORE_APPLICATION_ID 0x564d4d53

enum store_statement {
	STORE_SELECT_VMS,
	STORE_INSERT_VM,
	STORE_UPDATE_DEFINITION,
	STORE_UPDATE_STATE,
	STORE_DELETE_VM,
	STORE_GET_SETTING,
	STORE_SET_SETTING,
	STORE_SELECT_GROUPS,
	STORE_PUT_GROUP,
	STORE_DELETE_GROUP,
	STORE_STATEMENT_N
};

struct store {
	char *path; /* of the database */
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *statements[STORE_STATEMENT_N]; /* prepared when first used */
};

/* One step of the schema; version is 1 for 0001.sql. */
struct store_migration {
	uint32_t version;
	const char *sql;
};

/* Generated from schemas/sql, in order and without a gap. */
extern const struct store_migration store_migrations[];
extern const uint32_t store_migrations_n;

/*
 * Brings db from its version to that of the last migration, each step in a transaction of its own.
 * A file of somebody else, or of a newer version, is refused and not changed.
 */
gboolean store_migrate(sqlite3 *db, const char *path, const struct store_migration *migrations,
		       uint32_t n, GError **error);

/* Takes directory/lock and writes our pid into it; -1 and the holder's pid in the message. */
int store_lock(const char *directory, GError **error);

/* Turns what db says about its last failure into one sentence: "PURPOSE: FAULT: REMEDY". */
void store_set_error(sqlite3 *db, const char *path, const char *purpose, GError **error);

/* A reset statement with no bindings, or NULL with the error set. */
sqlite3_stmt *store_prepare(struct store *store, enum store_statement id, const char *purpose,
			    GError **error);
/*
 * Runs a statement that changes rows, in a transaction of its own. The statement is left reset,
 * with no text bound.
 */
gboolean store_change(struct store *store, sqlite3_stmt *statement, const char *purpose,
		      GError **error);
const char *store_column_text(sqlite3_stmt *statement, int column); /* never NULL */
/* Binds borrowed text; it must live until the statement is reset. */
void store_bind_text(sqlite3_stmt *statement, int index, const char *text);

#endif
