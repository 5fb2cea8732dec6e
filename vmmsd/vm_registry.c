/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_registry.h"

#include <string.h>

#include "definition_on_host.h"
#include "json_text.h"
#include "service_error.h"
#include "vm_internal.h"

struct vm_registry {
	struct store *store;
	struct vm_observer observer;
	GHashTable *by_uuid; /* definition->uuid (borrowed) -> struct vm (owned) */
	GHashTable *by_name; /* definition->name (borrowed) -> struct vm (borrowed) */
	GPtrArray *sorted;   /* borrowed, by name in byte order */
	GHashTable *by_mac;  /* mac_address_key of an adapter -> struct vm (borrowed) */
};

static void free_vm(gpointer vm)
{
	vm_free(vm);
}

struct vm_registry *vm_registry_new(struct store *store, const struct vm_observer *observer)
{
	struct vm_registry *registry = g_new0(struct vm_registry, 1);

	registry->store = store;
	if (observer)
		registry->observer = *observer;
	registry->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_vm);
	registry->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	registry->sorted = g_ptr_array_new();
	registry->by_mac = g_hash_table_new(NULL, NULL);
	return registry;
}

void vm_registry_free(struct vm_registry *registry)
{
	if (!registry)
		return;
	g_hash_table_unref(registry->by_mac);
	g_ptr_array_unref(registry->sorted);
	g_hash_table_unref(registry->by_name);
	g_hash_table_unref(registry->by_uuid);
	g_free(registry);
}

struct store *vm_registry_store(struct vm_registry *registry)
{
	return registry->store;
}

void vm_registry_notify(struct vm_registry *registry, struct vm *vm, enum vm_change change)
{
	if (registry->observer.changed)
		registry->observer.changed(registry->observer.context, vm, change);
}

guint vm_registry_count(const struct vm_registry *registry)
{
	return registry->sorted->len;
}

struct vm *vm_registry_find(const struct vm_registry *registry, const char *uuid)
{
	return g_hash_table_lookup(registry->by_uuid, uuid);
}

struct vm *vm_registry_find_by_name(const struct vm_registry *registry, const char *name)
{
	return g_hash_table_lookup(registry->by_name, name);
}

struct vm *vm_registry_lookup(const struct vm_registry *registry, const char *name_or_uuid,
			      GError **error)
{
	struct vm *vm = vm_registry_find_by_name(registry, name_or_uuid);

	if (!vm && definition_is_uuid(name_or_uuid)) {
		g_autofree char *uuid = g_ascii_strdown(name_or_uuid, -1);
		vm = vm_registry_find(registry, uuid);
	}
	if (!vm) {
		g_autofree char *shown = json_text_excerpt(name_or_uuid);
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_VM,
			    "there is no VM \"%s\": \"hvctl list\" shows those that there are",
			    shown);
	}
	return vm;
}

const GPtrArray *vm_registry_sorted(struct vm_registry *registry)
{
	return registry->sorted;
}

/* The index of the first VM whose name is not before this one. */
static guint position(const struct vm_registry *registry, const char *name)
{
	guint low = 0, high = registry->sorted->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		const struct vm *vm = registry->sorted->pdata[middle];
		if (strcmp(vm->definition->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static gpointer mac_key(const struct definition_nic *nic)
{
	return GSIZE_TO_POINTER(mac_address_key(&nic->mac));
}

/* A store that somebody has edited may hold an address twice: the first VM keeps it. */
static void macs_add(struct vm_registry *registry, struct vm *vm)
{
	for (size_t i = 0; i < vm->definition->n_nics; i++) {
		gpointer key = mac_key(&vm->definition->nics[i]);
		if (!g_hash_table_contains(registry->by_mac, key))
			g_hash_table_insert(registry->by_mac, key, vm);
	}
}

static void macs_remove(struct vm_registry *registry, const struct vm *vm)
{
	for (size_t i = 0; i < vm->definition->n_nics; i++) {
		gpointer key = mac_key(&vm->definition->nics[i]);
		if (g_hash_table_lookup(registry->by_mac, key) == vm)
			g_hash_table_remove(registry->by_mac, key);
	}
}

/* The VMs that a definition is to live beside: all but self, which may be NULL. */
struct others {
	const struct vm_registry *registry;
	const struct vm *self;
};

static const char *others_find_mac(void *context, const struct mac_address *mac)
{
	const struct others *others = context;
	const struct vm *vm = g_hash_table_lookup(others->registry->by_mac,
						  GSIZE_TO_POINTER(mac_address_key(mac)));

	return vm && vm != others->self ? vm->definition->name : NULL;
}

/* The keys of both tables live in the definition, so whoever replaces it takes the VM out first. */
static void index_add(struct vm_registry *registry, struct vm *vm)
{
	g_hash_table_insert(registry->by_uuid, vm->definition->uuid, vm);
	g_hash_table_insert(registry->by_name, vm->definition->name, vm);
	g_ptr_array_insert(registry->sorted, (gint)position(registry, vm->definition->name), vm);
	macs_add(registry, vm);
}

static void index_remove(struct vm_registry *registry, struct vm *vm)
{
	macs_remove(registry, vm);
	g_ptr_array_remove_index(registry->sorted, position(registry, vm->definition->name));
	g_hash_table_remove(registry->by_name, vm->definition->name);
	g_hash_table_steal(registry->by_uuid, vm->definition->uuid);
}

static gboolean fail_row(const struct store_vm *row, const char *what, GError **error)
{
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
		    "the store: VM %s (%s): %s: put a backup in the place of the store, or correct "
		    "the row",
		    row->name, row->uuid, what);
	return FALSE;
}

/* A saved VM has the engine that it had. */
static void load_saved(struct vm *vm, const struct store_saved *saved)
{
	enum definition_engine engine =
		g_str_equal(saved->engine, "translate") ? ENGINE_TRANSLATE : ENGINE_DIRECT;

	if (saved->at_us == 0)
		return;
	vm_set_saved(vm, saved->at_us, saved->size, definition_engine_name(engine));
	vm->engine = vm->saved.engine;
	g_free(vm->engine_reason);
	vm->engine_reason = g_strdup("it was saved with it");
}

static gboolean load_row(void *context, const struct store_vm *row, GError **error)
{
	struct vm_registry *registry = context;
	g_autoptr(GError) local = NULL;
	g_autoptr(definition_t) definition = definition_parse(row->definition, &local);

	if (!definition)
		return fail_row(row, local->message, error);
	if (!g_str_equal(definition->uuid, row->uuid) || !g_str_equal(definition->name, row->name))
		return fail_row(row, "its definition carries another name or uuid", error);

	struct vm *vm = vm_new(registry, g_steal_pointer(&definition));
	vm->state = row->state;
	g_free(vm->reason);
	vm->reason = g_strdup(row->reason);
	vm->started_us = row->started_us;
	vm->worker_pid = row->worker_pid;
	load_saved(vm, &row->saved);
	index_add(registry, vm);
	return TRUE;
}

gboolean vm_registry_load(struct vm_registry *registry, GError **error)
{
	return store_foreach_vm(registry->store, load_row, registry, error);
}

static gboolean check_free_name(const struct vm_registry *registry, const char *name,
				GError **error)
{
	const struct vm *other = vm_registry_find_by_name(registry, name);

	if (!other)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NAME_EXISTS,
		    "there is a VM %s already (uuid %s): choose another name", name,
		    other->definition->uuid);
	return FALSE;
}

static gboolean check_free_uuid(const struct vm_registry *registry, const char *uuid,
				GError **error)
{
	const struct vm *other = vm_registry_find(registry, uuid);

	if (!other)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NAME_EXISTS,
		    "there is a VM with the uuid %s already (%s): leave the uuid out to get a new "
		    "one",
		    uuid, other->definition->name);
	return FALSE;
}

struct vm *vm_registry_define(struct vm_registry *registry, const char *json, GError **error)
{
	struct others others = {registry, NULL};
	const struct mac_owners owners = {others_find_mac, &others};
	g_autoptr(definition_t) definition = definition_parse_among(json, &owners, error);

	if (!definition || !check_free_name(registry, definition->name, error) ||
	    !check_free_uuid(registry, definition->uuid, error) ||
	    !definition_on_host_check(definition, error))
		return NULL;
	const struct store_vm row = {
		.uuid = definition->uuid,
		.name = definition->name,
		.definition = definition->json,
		.state = VM_STATE_OFF,
		.reason = "",
	};
	if (!store_insert_vm(registry->store, &row, error))
		return NULL;
	struct vm *vm = vm_new(registry, g_steal_pointer(&definition));
	index_add(registry, vm);
	vm_registry_notify(registry, vm, VM_ADDED);
	return vm;
}

gboolean vm_registry_replace(struct vm_registry *registry, struct vm *vm,
			     struct definition *definition, GError **error)
{
	if (!store_update_definition(registry->store, definition->uuid, definition->name,
				     definition->json, error))
		return FALSE;
	index_remove(registry, vm);
	definition_unref(vm->definition);
	vm->definition = definition_ref(definition);
	index_add(registry, vm);
	vm_registry_notify(registry, vm, VM_DEFINITION_CHANGED);
	return TRUE;
}

struct definition *vm_registry_propose(struct vm_registry *registry, struct vm *vm,
				       const char *patch, GError **error)
{
	struct others others = {registry, vm};
	const struct mac_owners owners = {others_find_mac, &others};

	return definition_edit_among(vm->definition, patch, &owners, error);
}

static gboolean check_edit_state(const struct vm *vm, GError **error)
{
	if (vm_check(vm, VM_EVENT_EDIT, NULL))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
		    "VM %s is %s, and this change needs it to be off: %s", vm->definition->name,
		    vm_state_name(vm->state), vm_state_remedy(vm->state, VM_EVENT_EDIT));
	return FALSE;
}

gboolean vm_registry_edit(struct vm_registry *registry, struct vm *vm, const char *patch,
			  GError **error)
{
	if (!vm_check_idle(vm, error))
		return FALSE;
	g_autoptr(definition_t) definition = vm_registry_propose(registry, vm, patch, error);
	if (!definition)
		return FALSE;
	if (g_str_equal(definition->json, vm->definition->json))
		return TRUE;
	if (!definition_is_live_change(vm->definition, definition) &&
	    (!check_edit_state(vm, error) || !definition_on_host_check(definition, error)))
		return FALSE;
	return vm_registry_replace(registry, vm, definition, error);
}

gboolean vm_registry_rename(struct vm_registry *registry, struct vm *vm, const char *name,
			    GError **error)
{
	if (!vm_check_idle(vm, error))
		return FALSE;
	if (g_str_equal(name, vm->definition->name))
		return TRUE;
	g_autoptr(definition_t) definition = definition_renamed(vm->definition, name, error);
	if (!definition || !check_free_name(registry, name, error))
		return FALSE;
	return vm_registry_replace(registry, vm, definition, error);
}

gboolean vm_registry_delete(struct vm_registry *registry, struct vm *vm, GError **error)
{
	if (!vm_check_idle(vm, error) || !vm_check(vm, VM_EVENT_DELETE, error))
		return FALSE;
	if (!store_delete_vm(registry->store, vm->definition->uuid, error)) {
		g_prefix_error(error, "VM %s: ", vm->definition->name);
		return FALSE;
	}
	index_remove(registry, vm);
	vm_registry_notify(registry, vm, VM_REMOVED);
	vm_free(vm);
	return TRUE;
}
