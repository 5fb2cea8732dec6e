/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of the table cpu_group. */
#include "store_internal.h"

gboolean store_foreach_group(struct store *store,
			     gboolean (*visit)(void *context, const char *name,
					       const char *definition, GError **error),
			     void *context, GError **error)
{
	static const char purpose[] = "cannot read the CPU groups";
	sqlite3_stmt *statement = store_prepare(store, STORE_SELECT_GROUPS, purpose, error);
	gboolean ok = TRUE;
	int rc = SQLITE_ROW;

	if (!statement)
		return FALSE;
	while (ok && (rc = sqlite3_step(statement)) == SQLITE_ROW)
		ok = visit(context, store_column_text(statement, 0),
			   store_column_text(statement, 1), error);
	if (ok && rc != SQLITE_DONE) {
		store_set_error(store->db, store->path, purpose, error);
		ok = FALSE;
	}
	(void)sqlite3_reset(statement);
	return ok;
}

gboolean store_put_group(struct store *store, const char *name, const char *definition,
			 GError **error)
{
	g_autofree char *purpose = g_strdup_printf("cannot store group %s", name);
	sqlite3_stmt *statement = store_prepare(store, STORE_PUT_GROUP, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, name);
	store_bind_text(statement, 2, definition);
	(void)sqlite3_bind_int64(statement, 3, g_get_real_time());
	return store_change(store, statement, purpose, error);
}

gboolean store_delete_group(struct store *store, const char *name, GError **error)
{
	g_autofree char *purpose = g_strdup_printf("cannot delete group %s", name);
	sqlite3_stmt *statement = store_prepare(store, STORE_DELETE_GROUP, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, name);
	return store_change(store, statement, purpose, error);
}
