/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The heartbeat service: a request now and then that the guest's kernel answers at once, so
 * its loss means that the kernel is stuck. A VM that is paused has no heartbeat and loses none.
 *
 * Threading: ic_heartbeat_new and _free belong to the main thread, the rest, with the callback, to
 * the I/O thread.
 */
#ifndef IC_HEARTBEAT_H
#define IC_HEARTBEAT_H

#include "ic.h"

struct ic_heartbeat;

enum ic_heartbeat_state {
	IC_HEARTBEAT_ABSENT, /* no driver in the guest: booting, rebooting, or without it */
	IC_HEARTBEAT_OK,
	IC_HEARTBEAT_LOST,
};

/* Each beat wakes an idle guest and makes it exit half a dozen times. */
#define IC_HEARTBEAT_PERIOD_NS (10 * IC_SECOND)
#define IC_HEARTBEAT_LOST_NS   (10 * IC_SECOND) /* without an answer; seen at a beat */

struct ic_heartbeat *ic_heartbeat_new(const struct ic_env *env,
				      void (*changed)(void *context, enum ic_heartbeat_state state),
				      void *context, GError **error);
void ic_heartbeat_free(struct ic_heartbeat *heartbeat); /* NULL is fine */

enum ic_heartbeat_state ic_heartbeat_state(const struct ic_heartbeat *heartbeat);
/* Answers since the VM began. */
uint64_t ic_heartbeat_beats(const struct ic_heartbeat *heartbeat);

/* The VPs stopped or run again; a heartbeat that was lost before stays lost until an answer. */
void ic_heartbeat_set_paused(struct ic_heartbeat *heartbeat, bool paused);

#endif
