/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One virtual processor's thread: runs the guest, and serves its intercepts by a table. */
#ifndef VP_THREAD_H
#define VP_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "io_bus.h"
#include "partition.h"

struct vp_group;

/* Lives in its group. */
struct vp_thread {
	struct vp_group *group;
	struct io_bus *bus;
	struct hv *hv; /* NULL: none */
	struct vp *vp;
	bool own_core;
	pthread_t id;
	sem_t named; /* during vp_thread_start */
	_Atomic uint64_t msr_faults;
};

/* Named "vp<index>" when this returns, since vmmsd finds processors by their threads' names to bind
 * and to limit them; with a small stack. 0 or an errno value. */
int vp_thread_start(struct vp_thread *thread);
/* false when it has not ended by the deadline (CLOCK_MONOTONIC). */
bool vp_thread_join(struct vp_thread *thread, const struct timespec *deadline);

#endif
