/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a VM's network adapters are connected to, on the way to its worker: opened here, since the
 * worker opens nothing by name. What is behind a descriptor (a TAP, passt, a port of a switch) ends
 * with its last duplicate, so it outlives vmmsd and cannot outlive the VM.
 */
#ifndef VM_NICS_H
#define VM_NICS_H

#include "service.h"

struct vm_nic_files {
	int fds[VMMS_MAX_NIC_QUEUES];
	size_t n;
};

struct vm_nics {
	struct service *service; /* borrowed, like the VM */
	struct vm *vm;
	const struct definition *definition; /* borrowed: the VM's, or the one that it is to get */
	size_t first;			     /* of the list: those before it are open elsewhere */
	struct vm_nic_files nic[VMMS_MAX_NICS];
	/* While passt starts, or libvirt is asked: */
	size_t next; /* the adapters before it are connected */
	struct subprocess *helper;
	void (*done)(void *context, GError *error);
	void *context;
};

void vm_nics_init(struct vm_nics *nics, struct service *service, struct vm *vm);
/* Those of a definition from an index on. */
void vm_nics_init_from(struct vm_nics *nics, struct service *service, struct vm *vm,
		       const struct definition *definition, size_t first);
/* Lets go of everything; done is not called any more. Twice is fine. */
void vm_nics_clear(struct vm_nics *nics);

/* Opens what can be opened at once, and refuses what cannot be had at all. DENIED, NOT_SUPPORTED,
 * FAILED; "adapter 0: …". */
gboolean vm_nics_open(struct vm_nics *nics, GError **error);

/* Connects the rest. done is called once, perhaps from within, and takes error; NULL: every adapter
 * is connected. */
void vm_nics_connect(struct vm_nics *nics, void (*done)(void *context, GError *error),
		     void *context);

/* Appends them to the files of Worker.Start or Attach. */
int vm_nics_append(const struct vm_nics *nics, sd_bus_message *call);

#endif
