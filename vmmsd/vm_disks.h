/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The images of a VM's disks on their way to its worker: opened and locked here, since the worker
 * opens nothing by name. The lock goes over with the descriptor and lives as long as the worker. An
 * image that is not raw goes to a server, and the worker gets a connection to that.
 */
#ifndef VM_DISKS_H
#define VM_DISKS_H

#include "image_server.h"

struct vm_disks {
	struct service *service; /* borrowed, like the VM */
	struct vm *vm;
	const struct definition *definition; /* borrowed: the VM's, or the one that it is to get */
	size_t first, end;		     /* of the list: the others are open elsewhere */
	uint64_t
		size; /* bytes that served images are to have before they are served; 0: as it is */
	size_t n, locked; /* opened; of them locked, from the first on */
	int fds[VMMS_MAX_DISKS];
	/* Of images that are not raw: the server's sockets, -1 before it serves. */
	int served[VMMS_MAX_DISKS], life[VMMS_MAX_DISKS];
	struct image_server *server; /* the one that is waited for, of disk `next` */
	size_t next;
	/* While a lock is waited for: */
	sd_event_source *retry;
	unsigned tries;
	void (*done)(void *context, GError *error);
	void *context;
};

void vm_disks_init(struct vm_disks *disks, struct service *service, struct vm *vm);
/* Those of a definition from an index on, before another. */
void vm_disks_init_from(struct vm_disks *disks, struct service *service, struct vm *vm,
			const struct definition *definition, size_t first, size_t end);
/* Lets go of everything; done is not called any more. Twice is fine. */
void vm_disks_clear(struct vm_disks *disks);

/* Opens each, and locks what nobody else has. An image that another VM of ours uses is refused at
 * once, with that VM's name. INVALID_IMAGE, FAILED; "disk /x: …". */
gboolean vm_disks_open(struct vm_disks *disks, GError **error);

/*
 * Locks the rest. An unknown holder gets a moment to let go: a worker that has just ended may leave
 * I/O behind that the kernel completes later, and a server may still write back. Then the servers
 * are started. done is called once, perhaps from within, and takes error; NULL: every disk is ready
 * for the worker.
 */
void vm_disks_prepare(struct vm_disks *disks, void (*done)(void *context, GError *error),
		      void *context);

/* Appends them to the files of Worker.Start. */
int vm_disks_append(const struct vm_disks *disks, sd_bus_message *call);
/* The arguments of Worker.Attach for the first. */
int vm_disks_append_device(const struct vm_disks *disks, sd_bus_message *call);

#endif
