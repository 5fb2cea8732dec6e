/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All VMs by uuid and by name, in step with the store: the store is written first. */
#ifndef VM_REGISTRY_H
#define VM_REGISTRY_H

#include <glib.h>

#include "vm.h"

enum vm_change { VM_ADDED, VM_REMOVED, VM_STATE_CHANGED, VM_DEFINITION_CHANGED, VM_JOB_CHANGED };

struct vm_observer {
	/* After the store has it. VM_REMOVED: the VM is still valid during the call. */
	void (*changed)(void *context, struct vm *vm, enum vm_change change);
	void *context;
};

typedef struct vm_registry vm_registry_t;

/* Both are borrowed and must outlive the registry; observer may be NULL. */
struct vm_registry *vm_registry_new(struct store *store, const struct vm_observer *observer);
void vm_registry_free(
	struct vm_registry *registry); /* NULL is fine; frees the VMs, stops nothing */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vm_registry_t, vm_registry_free)
/* Reads every VM of the store, once, without telling the observer. */
gboolean vm_registry_load(struct vm_registry *registry, GError **error);

struct store *vm_registry_store(struct vm_registry *registry);
void vm_registry_notify(struct vm_registry *registry, struct vm *vm, enum vm_change change);

guint vm_registry_count(const struct vm_registry *registry);
struct vm *vm_registry_find(const struct vm_registry *registry, const char *uuid);
struct vm *vm_registry_find_by_name(const struct vm_registry *registry, const char *name);
/* Name or uuid; NO_SUCH_VM with the remedy. */
struct vm *vm_registry_lookup(const struct vm_registry *registry, const char *name_or_uuid,
			      GError **error);
/* Borrowed VMs sorted by name; kept sorted, not sorted per call. */
const GPtrArray *vm_registry_sorted(struct vm_registry *registry);

/*
 * Define: INVALID_DEFINITION, INVALID_NAME, NAME_EXISTS (with the uuid that has it), STORE. The
 * others: BUSY while a job runs on the VM, WRONG_STATE when its state refuses. Whatever fails has
 * changed nothing. An edit that changes nothing succeeds without writing or telling.
 */
struct vm *vm_registry_define(struct vm_registry *registry, const char *json, GError **error);
gboolean vm_registry_edit(struct vm_registry *registry, struct vm *vm, const char *patch,
			  GError **error);
/* For what is done to a VM that runs: the definition that an edit would make (definition_unref),
 * and the taking over of one of the same VM. The state and jobs are the caller's to look at. */
struct definition *vm_registry_propose(struct vm_registry *registry, struct vm *vm,
				       const char *patch, GError **error);
gboolean vm_registry_replace(struct vm_registry *registry, struct vm *vm,
			     struct definition *definition, GError **error);
gboolean vm_registry_rename(struct vm_registry *registry, struct vm *vm, const char *name,
			    GError **error);
gboolean vm_registry_delete(struct vm_registry *registry, struct vm *vm, GError **error);

#endif
