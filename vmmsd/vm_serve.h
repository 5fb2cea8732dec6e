/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another server for the image of a disk that a worker has: when the first has ended, or to give
 * the image another size. It is no job, so that no job stands in its way: a guest that shuts down
 * needs its disk. One at a time for each worker; it ends with the worker. Main thread.
 */
#ifndef VM_SERVE_H
#define VM_SERVE_H

#include "worker.h"

/* The worker says that the disk at that place (CONTROLLER:LUN) has lost its server. It says so
 * again when nothing comes of this. */
void vm_serve_lost(struct worker *worker, const char *place);

/* The worker lets go of the disk, the image gets its size, and the worker gets it back, also when
 * it could not have that size. done, unless the worker ends: takes error. FALSE: nothing has begun.
 */
gboolean vm_serve_resize(struct worker *worker, size_t index, uint64_t size, uint32_t job_id,
			 void (*done)(struct service *service, uint32_t job_id, GError *error),
			 GError **error);

/* NULL is fine. */
void vm_serve_cancel(struct serve *serve);

#endif
