/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls from any thread into the main thread's event loop, in order. Posting never waits for the
 * main thread, so an I/O thread may post while the main thread waits for it (io_thread_call).
 */
#ifndef LOOP_QUEUE_H
#define LOOP_QUEUE_H

#include <glib.h>
#include <systemd/sd-event.h>

struct loop_queue;

struct loop_queue *loop_queue_new(sd_event *event, GError **error); /* main thread */
/* Main thread, when no other posts any more. What was posted and did not run is only freed. NULL is
 * fine. */
void loop_queue_free(struct loop_queue *queue);

/* call runs on the main thread, once; then, or when the queue is freed before, `release` (may be
 * NULL) has the context. Any thread. */
void loop_queue_post(struct loop_queue *queue, void (*call)(void *context), void *context,
		     GDestroyNotify release);

#endif
