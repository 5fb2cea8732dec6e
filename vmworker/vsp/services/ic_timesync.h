/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The time service: tells the guest the host's time. A sync makes the guest set its clock: when its
 * driver starts, when ic_timesync_sync is called (the VM was paused or restored, the host slept),
 * and when the host's clock was found to have jumped. In between there are samples, which the guest
 * may use to discipline its clock (Linux: /dev/ptp_hyperv).
 *
 * Threading: ic_timesync_new and _free belong to the main thread, ic_timesync_sync to the I/O
 * thread.
 */
#ifndef IC_TIMESYNC_H
#define IC_TIMESYNC_H

#include "ic.h"

struct ic_timesync;

/* Guests believe a sample for minutes. */
#define IC_TIMESYNC_PERIOD_NS (10 * IC_SECOND)
/* A change of realtime against monotonic time by more than this, between samples, is a jump. */
#define IC_TIMESYNC_JUMP_NS (IC_SECOND / 2)

struct ic_timesync *ic_timesync_new(const struct ic_env *env, GError **error);
void ic_timesync_free(struct ic_timesync *timesync); /* NULL is fine */

/* At once, or as soon as the guest's driver is there. */
void ic_timesync_sync(struct ic_timesync *timesync);

#endif
