/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The SQLite store: WAL, synchronous=FULL, one transaction per change, one writer. Every function
 * that changes something has made it durable when it returns TRUE. Errors are SERVICE_ERROR_STORE
 * and say what a person can do (disk full, locked by another vmmsd and its pid, corrupt, newer).
 * Main thread only.
 */
#ifndef STORE_H
#define STORE_H

#include <glib.h>
#include <stdint.h>

#include "vm_state.h"

struct store;
typedef struct store store_t;

/* Of a VM that is saved, or is being restored; else zero. */
struct store_saved {
	uint64_t at_us;	    /* realtime */
	uint64_t size;	    /* bytes on the disk */
	const char *engine; /* that wrote it; NULL: none */
};

struct store_vm { /* strings are borrowed for the call */
	const char *uuid, *name, *definition;
	enum vm_state state;
	const char *reason;
	uint64_t started_us;
	uint32_t worker_pid;
	struct store_saved saved;
};

/*
 * Opens or creates directory/vmms.db, takes directory/lock, migrates. The directory must exist.
 * Nothing is ever deleted: a file that is not a store is left as it is.
 */
struct store *store_open(const char *directory, GError **error);
void store_close(struct store *store); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(store_t, store_close)

/* In order of name. Stops when visit returns FALSE, with its error. visit must not change the
 * store. */
gboolean store_foreach_vm(struct store *store,
			  gboolean (*visit)(void *context, const struct store_vm *vm,
					    GError **error),
			  void *context, GError **error);
/* NAME_EXISTS when the name or the uuid is taken. */
gboolean store_insert_vm(struct store *store, const struct store_vm *vm, GError **error);
/* These three: NO_SUCH_VM when the uuid is not there. */
gboolean store_update_definition(struct store *store, const char *uuid, const char *name,
				 const char *definition, GError **error);
/* All but name and definition. */
gboolean store_update_state(struct store *store, const struct store_vm *vm, GError **error);
gboolean store_delete_vm(struct store *store, const char *uuid, GError **error);

/* *ret is NULL when the key is not there; g_free. */
gboolean store_get_setting(struct store *store, const char *key, char **ret, GError **error);
gboolean store_set_setting(struct store *store, const char *key, const char *value, GError **error);

/* CPU groups, in order of name; as store_foreach_vm. */
gboolean store_foreach_group(struct store *store,
			     gboolean (*visit)(void *context, const char *name,
					       const char *definition, GError **error),
			     void *context, GError **error);
/* A new one, or another definition of the one of that name. */
gboolean store_put_group(struct store *store, const char *name, const char *definition,
			 GError **error);
/* One that is not there is fine. */
gboolean store_delete_group(struct store *store, const char *name, GError **error);

/* The newest schema version that this program knows. */
uint32_t store_schema_version(void);

#endif
