/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "services_mailbox.h"

#include <pthread.h>

#include "loop_queue.h"

struct slot {
	struct loop_call call;
	bool full;
	unsigned int value;
};

struct services_mailbox {
	struct loop_queue *queue;
	struct services_events events;
	pthread_mutex_t lock; /* guards what follows, but for the calls */
	struct slot available, heartbeat, file_systems;
	bool overdue; /* the file systems were, and more may have come since */
	struct loop_call facts_call;
	struct kvp_facts *facts; /* NULL: told */
};

static void slot_post(struct services_mailbox *mailbox, struct slot *slot, unsigned int value)
{
	pthread_mutex_lock(&mailbox->lock);
	slot->value = value;
	slot->full = true;
	pthread_mutex_unlock(&mailbox->lock);
	loop_queue_post(mailbox->queue, &slot->call);
}

/* False: a change that came while the call before was on its way was told with it. */
static bool slot_take(struct services_mailbox *mailbox, struct slot *slot, unsigned int *value)
{
	bool full;

	pthread_mutex_lock(&mailbox->lock);
	full = slot->full;
	slot->full = false;
	*value = slot->value;
	pthread_mutex_unlock(&mailbox->lock);
	return full;
}

/* ---- shutdown and heartbeat ------------------------------------------------------------------ */

static void tell_available(void *context)
{
	struct services_mailbox *mailbox = context;
	unsigned int is;

	if (slot_take(mailbox, &mailbox->available, &is))
		mailbox->events.shutdown_available(mailbox->events.context, is != 0);
}

void services_mailbox_available(void *context, bool is)
{
	struct services_mailbox *mailbox = context;

	if (mailbox->events.shutdown_available)
		slot_post(mailbox, &mailbox->available, is);
}

static void tell_heartbeat(void *context)
{
	struct services_mailbox *mailbox = context;
	unsigned int state;

	if (slot_take(mailbox, &mailbox->heartbeat, &state))
		mailbox->events.heartbeat(mailbox->events.context, (enum ic_heartbeat_state)state);
}

void services_mailbox_heartbeat(void *context, enum ic_heartbeat_state state)
{
	struct services_mailbox *mailbox = context;

	if (mailbox->events.heartbeat)
		slot_post(mailbox, &mailbox->heartbeat, state);
}

/* ---- file systems ---------------------------------------------------------------------------- */

/* What came after IC_VSS_OVERDUE has a turn of its own, as the event may free the mailbox. */
static void tell_file_systems(void *context)
{
	struct services_mailbox *mailbox = context;
	struct slot *slot = &mailbox->file_systems;
	enum ic_vss_change change;
	bool full, more;

	pthread_mutex_lock(&mailbox->lock);
	full = slot->full;
	change = mailbox->overdue ? IC_VSS_OVERDUE : (enum ic_vss_change)slot->value;
	more = mailbox->overdue && slot->value != IC_VSS_OVERDUE;
	mailbox->overdue = false;
	slot->full = more;
	pthread_mutex_unlock(&mailbox->lock);
	if (more)
		loop_queue_post(mailbox->queue, &slot->call);
	if (full)
		mailbox->events.file_systems(mailbox->events.context, change);
}

void services_mailbox_file_systems(void *context, enum ic_vss_change change)
{
	struct services_mailbox *mailbox = context;

	if (!mailbox->events.file_systems)
		return;
	if (change == IC_VSS_OVERDUE) {
		pthread_mutex_lock(&mailbox->lock);
		mailbox->overdue = true;
		pthread_mutex_unlock(&mailbox->lock);
	}
	slot_post(mailbox, &mailbox->file_systems, change);
}

/* ---- facts ----------------------------------------------------------------------------------- */

static struct kvp_facts *facts_swap(struct services_mailbox *mailbox, struct kvp_facts *facts)
{
	struct kvp_facts *before;

	pthread_mutex_lock(&mailbox->lock);
	before = mailbox->facts;
	mailbox->facts = facts;
	pthread_mutex_unlock(&mailbox->lock);
	return before;
}

static void tell_facts(void *context)
{
	struct services_mailbox *mailbox = context;
	struct kvp_facts *facts = facts_swap(mailbox, NULL);

	if (facts)
		mailbox->events.facts(mailbox->events.context, facts);
	kvp_facts_free(facts);
}

void services_mailbox_facts(void *context, const struct kvp_facts *facts)
{
	struct services_mailbox *mailbox = context;

	if (!mailbox->events.facts)
		return;
	kvp_facts_free(facts_swap(mailbox, kvp_facts_copy(facts)));
	loop_queue_post(mailbox->queue, &mailbox->facts_call);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct services_mailbox *services_mailbox_new(struct loop_queue *queue,
					      const struct services_events *events)
{
	struct services_mailbox *mailbox = g_new0(struct services_mailbox, 1);

	mailbox->queue = queue;
	mailbox->events = *events;
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->available.call = (struct loop_call){.run = tell_available, .context = mailbox};
	mailbox->heartbeat.call = (struct loop_call){.run = tell_heartbeat, .context = mailbox};
	mailbox->file_systems.call =
		(struct loop_call){.run = tell_file_systems, .context = mailbox};
	mailbox->facts_call = (struct loop_call){.run = tell_facts, .context = mailbox};
	return mailbox;
}

void services_mailbox_free(struct services_mailbox *mailbox)
{
	if (!mailbox)
		return;
	loop_queue_take_back(mailbox->queue, &mailbox->available.call);
	loop_queue_take_back(mailbox->queue, &mailbox->heartbeat.call);
	loop_queue_take_back(mailbox->queue, &mailbox->file_systems.call);
	loop_queue_take_back(mailbox->queue, &mailbox->facts_call);
	pthread_mutex_destroy(&mailbox->lock);
	kvp_facts_free(mailbox->facts);
	g_free(mailbox);
}
