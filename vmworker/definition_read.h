/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the worker needs of a VM definition (schemas/json/definition.schema.json). vmmsd has checked
 * the document; it is checked again here, since it comes from another process. Members that only
 * vmmsd acts on are known by name and not looked into; any other member is refused, so that a
 * worker never runs a machine without a part that it does not know.
 */
#ifndef DEFINITION_READ_H
#define DEFINITION_READ_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "definition_devices.h"

enum vm_policy { VM_POLICY_RESTART, VM_POLICY_STOP };

struct vm_definition {
	char *name;
	const char *engine; /* "auto", ...; static */
	uint32_t cpus;
	uint32_t sockets, cores, threads; /* cores per socket, threads per core; product: cpus */
	gboolean core_scheduling;	  /* share no core with other processes */
	gboolean core_per_vp;		  /* nor VPs with each other */
	uint64_t memory;		  /* bytes, a multiple of 4096 */
	char *kernel,
		*initrd; /* paths for messages; never opened. kernel is set, initrd may be NULL */
	char *cmdline;	 /* never NULL */
	enum vm_policy on_reboot, on_crash;
	struct device_list devices;
};

/*
 * json need not be NUL-terminated. uuid is the worker's: a document with another is refused.
 * WORKER_ERROR INVALID_DEFINITION, with the JSON path.
 */
struct vm_definition *vm_definition_read(const char *json, size_t size, const char *uuid,
					 GError **error);
/*
 * One device that is attached: {"disks":[…]} or {"nics":[…]} with an element as in a definition.
 * INVALID_DEFINITION; list is device_list_clear's in any case.
 */
gboolean vm_device_read(struct device_list *list, const char *json, size_t size, const char *uuid,
			GError **error);
void vm_definition_free(struct vm_definition *definition); /* NULL is fine */

typedef struct vm_definition vm_definition_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vm_definition_t, vm_definition_free)

#endif
