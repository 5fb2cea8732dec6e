/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last events of the service, in a ring: what `hvctl events` shows. Main thread only. */
#ifndef EVENTS_H
#define EVENTS_H

#include <glib.h>
#include <stdint.h>

#define EVENTS_MAX 1024u

struct event {
	uint64_t id;	   /* from 1, without gaps */
	uint64_t time_us;  /* realtime */
	char *uuid, *name; /* "" for an event of the host */
	char *event;	   /* a word: "started" */
	char *detail;	   /* a sentence, or "" */
};

struct event_observer {
	void (*added)(void *context, const struct event *event);
	void *context;
};

struct events;

struct events *events_new(void);
void events_free(struct events *events); /* NULL is fine */
/* One observer; NULL takes it away. */
void events_observe(struct events *events, const struct event_observer *observer);

/* Text that is not UTF-8 is made so. The oldest event goes when EVENTS_MAX are held. */
void events_add(struct events *events, const char *uuid, const char *name, const char *event,
		const char *detail);

/* Visits the events with id > after, oldest first, until visit returns FALSE. */
void events_foreach(const struct events *events, uint64_t after,
		    gboolean (*visit)(void *context, const struct event *event), void *context);

#endif
