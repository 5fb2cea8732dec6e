/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The virtual processors of a partition as threads, and the gate that holds all of them.
 *
 * Each thread stays inside the gate while it runs the guest. The gate's target says what they
 * should do: run, hold (wait at the gate), or quit. Whoever changes the target first stores it and
 * then cancels every VP, and a thread looks at the target after each intercept; vp_cancel covers
 * the current or the next vp_run, so no change can be missed.
 */
#ifndef VP_GROUP_H
#define VP_GROUP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "io_bus.h"
#include "partition.h"

struct vp_group;

struct vp_group_config {
	struct io_bus *bus; /* borrowed */
	bool core_per_vp;   /* each VP has cores for itself, where the kernel has that */
	struct hv *hv;	    /* borrowed; serves MSRs and hypercalls. NULL: nobody does */
	/*
	 * The guest stopped by itself: the target is hold from now on. Once per group, on the
	 * thread of the VP that did it, perhaps with a device's lock held: hand it over and return.
	 */
	void (*halted)(void *context, const struct engine_halt *halt);
	void *context;
};

/* vps[n] are borrowed and must outlive the group. */
struct vp_group *vp_group_new(const struct vp_group_config *config, struct vp *const *vps,
			      uint32_t n);

/* Makes the threads and lets them run. Main thread, once. */
gboolean vp_group_run(struct vp_group *group, GError **error);

/*
 * Holds: when it returns true no VP runs guest code or a device's code. Waits for timeout_ms at
 * most; on false the VPs run again, or hold as soon as they can if the guest halted. Main thread.
 */
bool vp_group_hold(struct vp_group *group, unsigned int timeout_ms);

/* Lets go after a hold; nothing when the guest halted. Main thread. */
void vp_group_release(struct vp_group *group);

/* Whether the guest stopped by itself, perhaps before anybody was told. Any thread. */
bool vp_group_is_halted(struct vp_group *group);

/*
 * Ends the threads; vps may be deleted after it returned true. Waits for timeout_ms at most; on
 * false a thread still runs, and neither the group nor what it borrows may be freed. Main thread.
 */
bool vp_group_quit(struct vp_group *group, unsigned int timeout_ms);

/* Only when no thread is left (before run, or after quit said true). NULL is fine. */
void vp_group_free(struct vp_group *group);

/* The guest asked the machine to stop, by a device. Any VP thread; the first halt counts. */
void vp_group_halt(struct vp_group *group, const struct engine_halt *halt);

/* VP index whose thread calls, UINT32_MAX elsewhere. */
uint32_t vp_group_current(void);

/* Accesses to MSRs that nobody serves; each gave the guest a #GP. Any thread. */
uint64_t vp_group_msr_faults(const struct vp_group *group);

/* ---- for vp_thread.c --------------------------------------------------------------------------
 */

/* Waits at the gate; false when the thread should quit. */
bool vp_group_enter(struct vp_group *group);
void vp_group_leave(struct vp_group *group);
/* Whether to go on running the guest; one atomic load. */
bool vp_group_is_running(const struct vp_group *group);
/* Waits until the target is no longer run. */
void vp_group_idle(struct vp_group *group);

#endif
