// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events: the signal, the past that the service remembers, and the queue in between. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

HVCTL_PUBLIC void hvctl_event_free(hvctl_event *event)
{
	if (!event)
		return;
	free(event->uuid);
	free(event->name);
	free(event->kind);
	free(event->detail);
	free(event);
}

static struct hvctl_event *queue_take(struct event_queue *queue)
{
	struct hvctl_event *event = queue->first;

	if (!event)
		return NULL;
	queue->first = event->next;
	if (!queue->first)
		queue->end = &queue->first;
	queue->length--;
	return event;
}

void events_clear(struct event_queue *queue)
{
	struct hvctl_event *event;

	while ((event = queue_take(queue)))
		hvctl_event_free(event);
	queue->lost = queue->past_id = queue->past_time = 0;
}

/* Reads (ttssss) without the parentheses. 1 when it was put in, 0 at the end, or -errno. */
static int queue_read(struct event_queue *queue, sd_bus_message *m, bool past)
{
	const char *uuid, *name, *kind, *detail;
	uint64_t id, time;

	int r = sd_bus_message_read(m, "ttssss", &id, &time, &uuid, &name, &kind, &detail);
	if (r <= 0)
		return r;
	/* Also sent as a signal while the past was being fetched. */
	if (!past && id <= queue->past_id && time <= queue->past_time)
		return 1;
	struct hvctl_event *event = calloc(1, sizeof(*event));
	if (!event)
		return -ENOMEM;
	*event = (struct hvctl_event){.id = id,
				      .time = time,
				      .uuid = strdup(uuid),
				      .name = strdup(name),
				      .kind = strdup(kind),
				      .detail = strdup(detail)};
	if (!event->uuid || !event->name || !event->kind || !event->detail) {
		hvctl_event_free(event);
		return -ENOMEM;
	}
	if (queue->length == EVENTS_MAX) {
		hvctl_event_free(queue_take(queue));
		queue->lost++;
	}
	*queue->end = event;
	queue->end = &event->next;
	queue->length++;
	if (past) {
		queue->past_id = id;
		queue->past_time = time;
	}
	return 1;
}

static int on_event(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	hvctl *h = userdata;

	(void)ret_error;
	if (queue_read(&h->events, m, false) < 0)
		h->events.lost++;
	return 0;
}

static int fetch_past(hvctl *h, uint64_t after)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "GetEvents", &reply, "t", after);
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(reply, 'a', "(ttssss)");
	if (r < 0)
		return error_set_errno(h, r, "GetEvents");
	while ((r = sd_bus_message_enter_container(reply, 'r', "ttssss")) > 0) {
		r = queue_read(&h->events, reply, true);
		if (r > 0)
			r = sd_bus_message_exit_container(reply);
		if (r < 0)
			break;
	}
	return r < 0 ? error_set_errno(h, r, "GetEvents") : 0;
}

HVCTL_PUBLIC int hvctl_subscribe(hvctl *h, uint64_t after)
{
	int r = connection_check(h);

	if (r < 0)
		return r;
	events_clear(&h->events);
	if (!h->watching_events) {
		r = connection_watch_owner(h);
		if (r < 0)
			return r;
		r = sd_bus_match_signal_async(h->bus, NULL, connection_destination(h),
					      VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Event", on_event,
					      NULL, h);
		if (r < 0)
			return error_set_errno(h, r, "subscribing to events");
		h->watching_events = true;
	}
	return after == UINT64_MAX ? 0 : fetch_past(h, after);
}

static bool has_event(const void *context)
{
	const struct event_queue *queue = context;

	return queue->first != NULL;
}

HVCTL_PUBLIC int hvctl_next_event(hvctl *h, uint64_t timeout, hvctl_event **ret)
{
	int r = connection_run(h, has_event, &h->events, deadline_in(timeout));

	if (r > 0)
		*ret = queue_take(&h->events);
	return r;
}

HVCTL_PUBLIC int hvctl_poll_fd(hvctl *h)
{
	int r = connection_check(h);

	return r < 0 ? r : sd_bus_get_fd(h->bus);
}

HVCTL_PUBLIC int hvctl_poll_events(hvctl *h)
{
	int r = connection_check(h);

	return r < 0 ? r : sd_bus_get_events(h->bus);
}

HVCTL_PUBLIC int hvctl_poll_timeout(hvctl *h, uint64_t *ret_usec)
{
	int r = connection_check(h);

	if (r < 0)
		return r;
	if (sd_bus_get_timeout(h->bus, ret_usec) < 0)
		*ret_usec = HVCTL_FOREVER;
	return 0;
}

HVCTL_PUBLIC uint64_t hvctl_events_lost(const hvctl *h)
{
	return h->events.lost;
}

HVCTL_PUBLIC uint64_t hvctl_event_id(const hvctl_event *event)
{
	return event->id;
}

HVCTL_PUBLIC uint64_t hvctl_event_time(const hvctl_event *event)
{
	return event->time;
}

HVCTL_PUBLIC const char *hvctl_event_uuid(const hvctl_event *event)
{
	return event->uuid;
}

HVCTL_PUBLIC const char *hvctl_event_name(const hvctl_event *event)
{
	return event->name;
}

HVCTL_PUBLIC const char *hvctl_event_kind(const hvctl_event *event)
{
	return event->kind;
}

HVCTL_PUBLIC const char *hvctl_event_detail(const hvctl_event *event)
{
	return event->detail;
}
