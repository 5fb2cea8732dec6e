/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of the table vm. */
#include "service_error.h"
#include "store_internal.h"

static int64_t now_us(void)
{
	return g_get_real_time();
}

const char *store_column_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

static gboolean visit_row(struct store *store, sqlite3_stmt *row,
			  gboolean (*visit)(void *context, const struct store_vm *vm,
					    GError **error),
			  void *context, GError **error)
{
	const char *state = store_column_text(row, 3);
	struct store_vm vm = {
		.uuid = store_column_text(row, 0),
		.name = store_column_text(row, 1),
		.definition = store_column_text(row, 2),
		.reason = store_column_text(row, 4),
		.started_us = (uint64_t)sqlite3_column_int64(row, 5),
		.worker_pid = (uint32_t)sqlite3_column_int64(row, 6),
		.saved = {.at_us = (uint64_t)sqlite3_column_int64(row, 7),
			  .size = (uint64_t)sqlite3_column_int64(row, 8),
			  .engine = store_column_text(row, 9)},
	};

	if (!vm_state_from_name(state, &vm.state)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
			    "the store %s: VM %s has the unknown state \"%s\": put a backup in the "
			    "place of the store, or correct the row",
			    store->path, vm.name, state);
		return FALSE;
	}
	return visit(context, &vm, error);
}

gboolean store_foreach_vm(struct store *store,
			  gboolean (*visit)(void *context, const struct store_vm *vm,
					    GError **error),
			  void *context, GError **error)
{
	static const char purpose[] = "cannot read the VMs";
	sqlite3_stmt *statement = store_prepare(store, STORE_SELECT_VMS, purpose, error);
	gboolean ok = TRUE;
	int rc = SQLITE_ROW;

	if (!statement)
		return FALSE;
	while (ok && (rc = sqlite3_step(statement)) == SQLITE_ROW)
		ok = visit_row(store, statement, visit, context, error);
	if (ok && rc != SQLITE_DONE) {
		store_set_error(store->db, store->path, purpose, error);
		ok = FALSE;
	}
	(void)sqlite3_reset(statement);
	return ok;
}

gboolean store_change(struct store *store, sqlite3_stmt *statement, const char *purpose,
		      GError **error)
{
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NAME_EXISTS,
			    "%s: another VM has this %s: choose another", purpose,
			    rc == SQLITE_CONSTRAINT_UNIQUE ? "name" : "uuid");
	else if (rc != SQLITE_DONE)
		store_set_error(store->db, store->path, purpose, error);
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	/* A full disk can leave the implicit transaction open; what follows must not join it. */
	if (rc != SQLITE_DONE && !sqlite3_get_autocommit(store->db))
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return rc == SQLITE_DONE;
}

static gboolean change_one(struct store *store, sqlite3_stmt *statement, const char *purpose,
			   const char *uuid, GError **error)
{
	if (!store_change(store, statement, purpose, error))
		return FALSE;
	if (sqlite3_changes(store->db) == 1)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_VM,
		    "%s: the store has no VM with the uuid %s: look at the list of VMs", purpose,
		    uuid);
	return FALSE;
}

gboolean store_insert_vm(struct store *store, const struct store_vm *vm, GError **error)
{
	g_autofree char *purpose = g_strdup_printf("cannot store VM %s", vm->name);
	sqlite3_stmt *statement = store_prepare(store, STORE_INSERT_VM, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, vm->uuid);
	store_bind_text(statement, 2, vm->name);
	store_bind_text(statement, 3, vm->definition);
	store_bind_text(statement, 4, vm_state_name(vm->state));
	store_bind_text(statement, 5, vm->reason ? vm->reason : "");
	(void)sqlite3_bind_int64(statement, 6, (int64_t)vm->started_us);
	(void)sqlite3_bind_int64(statement, 7, vm->worker_pid);
	(void)sqlite3_bind_int64(statement, 8, now_us());
	return store_change(store, statement, purpose, error);
}

gboolean store_update_definition(struct store *store, const char *uuid, const char *name,
				 const char *definition, GError **error)
{
	g_autofree char *purpose = g_strdup_printf("cannot store VM %s", name);
	sqlite3_stmt *statement = store_prepare(store, STORE_UPDATE_DEFINITION, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, uuid);
	store_bind_text(statement, 2, name);
	store_bind_text(statement, 3, definition);
	(void)sqlite3_bind_int64(statement, 4, now_us());
	return change_one(store, statement, purpose, uuid, error);
}

gboolean store_update_state(struct store *store, const struct store_vm *vm, GError **error)
{
	static const char purpose[] = "cannot store its state";
	sqlite3_stmt *statement = store_prepare(store, STORE_UPDATE_STATE, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, vm->uuid);
	store_bind_text(statement, 2, vm_state_name(vm->state));
	store_bind_text(statement, 3, vm->reason ? vm->reason : "");
	(void)sqlite3_bind_int64(statement, 4, (int64_t)vm->started_us);
	(void)sqlite3_bind_int64(statement, 5, vm->worker_pid);
	(void)sqlite3_bind_int64(statement, 6, (int64_t)vm->saved.at_us);
	(void)sqlite3_bind_int64(statement, 7, (int64_t)vm->saved.size);
	store_bind_text(statement, 8, vm->saved.engine ? vm->saved.engine : "");
	return change_one(store, statement, purpose, vm->uuid, error);
}

gboolean store_delete_vm(struct store *store, const char *uuid, GError **error)
{
	static const char purpose[] = "cannot delete it";
	sqlite3_stmt *statement = store_prepare(store, STORE_DELETE_VM, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, uuid);
	return change_one(store, statement, purpose, uuid, error);
}

gboolean store_get_setting(struct store *store, const char *key, char **ret, GError **error)
{
	static const char purpose[] = "cannot read a setting";
	sqlite3_stmt *statement = store_prepare(store, STORE_GET_SETTING, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, key);
	int rc = sqlite3_step(statement);
	*ret = rc == SQLITE_ROW ? g_strdup(store_column_text(statement, 0)) : NULL;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		store_set_error(store->db, store->path, purpose, error);
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

gboolean store_set_setting(struct store *store, const char *key, const char *value, GError **error)
{
	static const char purpose[] = "cannot store a setting";
	sqlite3_stmt *statement = store_prepare(store, STORE_SET_SETTING, purpose, error);

	if (!statement)
		return FALSE;
	store_bind_text(statement, 1, key);
	store_bind_text(statement, 2, value);
	return store_change(store, statement, purpose, error);
}
