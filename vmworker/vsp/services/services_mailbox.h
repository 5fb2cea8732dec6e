/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guest causes at the services, on its way to the main thread. A guest may open, close and
 * answer without end, and the main thread may be kept from its loop: so there is one slot for each
 * kind of event, with the newest only. Posting never waits for the main thread.
 *
 * Nothing that is left out matters but IC_VSS_OVERDUE, since it calls for somebody's attention: it
 * is told before what came after it. Several that wait are one.
 */
#ifndef SERVICES_MAILBOX_H
#define SERVICES_MAILBOX_H

#include "services.h"

struct loop_queue;
struct services_mailbox;

/* queue: borrowed. events: copied; they come from the loop, and may free the mailbox. */
struct services_mailbox *services_mailbox_new(struct loop_queue *queue,
					      const struct services_events *events);
/* What waits is not told. Main thread, when no other posts any more. NULL is fine. */
void services_mailbox_free(struct services_mailbox *mailbox);

/* As the services call them. I/O thread. */
void services_mailbox_available(void *mailbox, bool is);
void services_mailbox_heartbeat(void *mailbox, enum ic_heartbeat_state state);
void services_mailbox_file_systems(void *mailbox, enum ic_vss_change change);
void services_mailbox_facts(void *mailbox, const struct kvp_facts *facts);

#endif
