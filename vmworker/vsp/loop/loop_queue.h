/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls from any thread into the main thread's event loop, in order. Posting never waits for the
 * main thread, so an I/O thread may post while the main thread waits for it (io_thread_call).
 *
 * Much of what is posted a guest can cause, as often as it likes and while the main thread does not
 * run its loop. So the queue allocates nothing and has no length of its own: a call is a part of
 * who posts it, and is in the queue once at most. There are two ways to use it:
 *
 * - A state, of which the newest is enough: one call for as long as its source lives. The source
 *   keeps the newest value under a lock of its own, and posts after each change; `run` takes the
 *   value that is there by then. What came in between is not told.
 * - Something that counts each time: an object with a call of its own, posted once. Who makes the
 *   objects has a bound for them and says what happens beyond it (hvsock refuses the guest's
 *   connection), or makes them for the host's requests only (services).
 */
#ifndef LOOP_QUEUE_H
#define LOOP_QUEUE_H

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct loop_queue;

struct loop_call {
	/* On the main thread. It is out of the queue by then: it may be posted anew, and be freed.
	 */
	void (*run)(void *context);
	/* Instead of run when the queue is freed before; NULL: nothing. The same holds. */
	void (*drop)(void *context);
	void *context;
	/* The queue's, 0 at first. */
	GList link;
	bool queued;
};

struct loop_queue *loop_queue_new(sd_event *event, GError **error); /* main thread */
/* Main thread, when no other posts any more. What was posted and did not run is dropped. NULL is
 * fine. */
void loop_queue_free(struct loop_queue *queue);

/* At the end of the queue, or, when it is in it, where it is. The call is borrowed until it runs or
 * is dropped or taken back. Any thread. */
void loop_queue_post(struct loop_queue *queue, struct loop_call *call);
/* Neither run nor drop comes any more. Fine when it is not in the queue. Main thread, when no other
 * posts it any more. */
void loop_queue_take_back(struct loop_queue *queue, struct loop_call *call);

#endif
