/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* RUNTIME/<uuid>: the files that a VM's worker and the service share by name. */
#ifndef WORKER_DIR_H
#define WORKER_DIR_H

#include <glib.h>

#define WORKER_DIR_CONTROL "control"	/* socket of org.vmms1.Worker */
#define WORKER_DIR_RESULT  "result"	/* how the VM ended */
#define WORKER_DIR_VSOCK   "vsock"	/* socket for connections to the guest */
#define WORKER_DIR_LOG	   "worker.log" /* standard error of a spawned worker */

/* Directory descriptors, or -errno. worker_dir_make creates it with mode 0700. */
int worker_dir_open(const char *runtime_dir, const char *uuid);
int worker_dir_make(const char *runtime_dir, const char *uuid);

/* A new, empty, read-write file in place of an old one of that name; or -errno. */
int worker_dir_create_file(int directory, const char *name);

/* Whether the worker there has the engine translate, which keeps files of its own beside. */
gboolean worker_dir_translates(int directory);

/* What is over with the worker: control, vsock, result and QEMU's files. Scroll-back and log stay
 * for a look. */
void worker_dir_clean(int directory);
/* The same after the worker's end, and the names of its disks' servers; those of a worker that is
 * to come are there before it. */
void worker_dir_end(int directory);
/* All of it, when the VM is deleted. */
void worker_dir_remove(const char *runtime_dir, const char *uuid);

#endif
