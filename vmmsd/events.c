/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

struct events {
	struct event_observer observer;
	uint64_t next;		       /* id of the next event */
	struct event ring[EVENTS_MAX]; /* the event of an id is at id % EVENTS_MAX */
};

struct events *events_new(void)
{
	struct events *events = g_new0(struct events, 1);

	events->next = 1;
	return events;
}

static void event_clear(struct event *event)
{
	g_free(event->uuid);
	g_free(event->name);
	g_free(event->event);
	g_free(event->detail);
	*event = (struct event){0};
}

void events_free(struct events *events)
{
	if (!events)
		return;
	for (size_t i = 0; i < EVENTS_MAX; i++)
		event_clear(&events->ring[i]);
	g_free(events);
}

void events_observe(struct events *events, const struct event_observer *observer)
{
	events->observer = observer ? *observer : (struct event_observer){0};
}

void events_add(struct events *events, const char *uuid, const char *name, const char *event,
		const char *detail)
{
	struct event *slot = &events->ring[events->next % EVENTS_MAX];

	event_clear(slot);
	slot->id = events->next++;
	slot->time_us = (uint64_t)g_get_real_time();
	slot->uuid = g_utf8_make_valid(uuid, -1);
	slot->name = g_utf8_make_valid(name, -1);
	slot->event = g_utf8_make_valid(event, -1);
	slot->detail = g_utf8_make_valid(detail ? detail : "", -1);
	if (events->observer.added)
		events->observer.added(events->observer.context, slot);
}

void events_foreach(const struct events *events, uint64_t after,
		    gboolean (*visit)(void *context, const struct event *event), void *context)
{
	uint64_t oldest = events->next > EVENTS_MAX ? events->next - EVENTS_MAX : 1;
	uint64_t id = after < oldest ? oldest : after + 1;

	/* after may be UINT64_MAX, and after + 1 then 0: nothing is newer. */
	if (after >= events->next)
		return;
	for (; id < events->next; id++)
		if (!visit(context, &events->ring[id % EVENTS_MAX]))
			return;
}
