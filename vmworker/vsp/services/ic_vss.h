/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backup service: freezes the guest's file systems for the moment of a checkpoint. A guest that
 * is frozen may block everything in it, so a freeze never outlasts its limits: one that is not
 * answered in time is followed by a thaw at once, and one that nobody thaws is thawed by a timer.
 *
 * Threading: ic_vss_new and _free belong to the main thread, the rest, with the callbacks, to the
 * I/O thread.
 */
#ifndef IC_VSS_H
#define IC_VSS_H

#include "ic.h"

struct ic_vss;

enum ic_vss_result {
	IC_VSS_DONE,
	IC_VSS_REFUSED,	   /* the guest could not, or its daemon does not run */
	IC_VSS_UNANSWERED, /* in time; a freeze was undone */
	IC_VSS_EXPIRED,	   /* of a thaw: the file systems did not stay frozen until it */
	IC_VSS_STATE,	   /* a thaw without a freeze, or anything during another */
	IC_VSS_ABSENT,	   /* the guest has no driver for it, or not yet */
	IC_VSS_GONE,	   /* the driver went away before it answered */
};

typedef void (*ic_vss_done)(void *context, enum ic_vss_result result);

#define IC_VSS_ANSWER_NS (35 * IC_SECOND) /* for all but a freeze */

/* Of the guest's file systems. */
enum ic_vss_change {
	IC_VSS_FROZEN,
	IC_VSS_THAWED,
	IC_VSS_OVERDUE, /* thawed by the timer, and who froze them does not know it yet */
};

/* changed may be NULL. */
struct ic_vss *ic_vss_new(const struct ic_env *env,
			  void (*changed)(void *context, enum ic_vss_change change), void *context,
			  GError **error);
/* What is under way ends with IC_VSS_GONE. NULL is fine. */
void ic_vss_free(struct ic_vss *vss);

/* Whether the guest can be backed up while it runs. done: once, perhaps before it returns. */
void ic_vss_check(struct ic_vss *vss, ic_vss_done done, void *context);

/*
 * answer_ns: how long the guest may take to freeze. hold_ns: how long it may stay frozen. After
 * IC_VSS_DONE the caller does its work and calls ic_vss_thaw, which says whether all of the work
 * fell into the freeze. Nothing else than DONE needs a thaw.
 */
void ic_vss_freeze(struct ic_vss *vss, uint64_t answer_ns, uint64_t hold_ns, ic_vss_done done,
		   void *context);
void ic_vss_thaw(struct ic_vss *vss, ic_vss_done done, void *context);

/* The guest has said so, and nobody has thawed it since. */
bool ic_vss_is_frozen(const struct ic_vss *vss);

#endif
