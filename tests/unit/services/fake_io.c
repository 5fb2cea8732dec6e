/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_io.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>

#define FAKE_IO_ROUNDS 100000u /* of a settling; more is an endless loop */

struct io_thread {
	GQueue posted; /* struct fake_call */
	GSList *timers;
	GSList *watches;
	uint64_t now;
	unsigned int depth;
};

struct fake_call {
	void (*call)(void *context);
	void *context;
};

struct io_watch {
	struct io_thread *thread;
	int fd;
	uint32_t events;
	void (*ready)(void *context, uint32_t events);
	void *context;
};

struct io_timer {
	struct io_thread *thread;
	uint64_t deadline;
	void (*expired)(void *context);
	void *context;
};

struct io_thread *io_thread_new(const char *name G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	struct io_thread *thread = g_new0(struct io_thread, 1);

	g_queue_init(&thread->posted);
	thread->now = UINT64_C(1000000000000);
	return thread;
}

void io_thread_free(struct io_thread *thread)
{
	if (!thread)
		return;
	fake_io_settle(thread);
	g_assert_null(thread->timers);
	g_assert_null(thread->watches);
	g_free(thread);
}

static bool fake_io_run_posted(struct io_thread *thread)
{
	struct fake_call *call = g_queue_pop_head(&thread->posted);

	if (!call)
		return false;
	call->call(call->context);
	g_free(call);
	return true;
}

static struct io_timer *fake_io_first(const struct io_thread *thread)
{
	struct io_timer *first = NULL;

	for (GSList *l = thread->timers; l; l = l->next) {
		struct io_timer *timer = l->data;

		if (timer->deadline != 0 && (!first || timer->deadline < first->deadline))
			first = timer;
	}
	return first;
}

static bool fake_io_run_timer(struct io_thread *thread)
{
	struct io_timer *first = fake_io_first(thread);

	if (!first || first->deadline > thread->now)
		return false;
	first->deadline = 0;
	first->expired(first->context);
	return true;
}

static bool fake_io_run_watch(struct io_thread *thread)
{
	for (GSList *l = thread->watches; l; l = l->next) {
		struct io_watch *watch = l->data;
		struct pollfd fd = {.fd = watch->fd, .events = (short)watch->events};

		if (poll(&fd, 1, 0) > 0) { /* EPOLLIN and so on are POLLIN and so on */
			watch->ready(watch->context, (uint32_t)fd.revents);
			return true;
		}
	}
	return false;
}

void fake_io_settle(struct io_thread *thread)
{
	unsigned int rounds = 0;

	if (thread->depth > 0)
		return;
	thread->depth++;
	while (fake_io_run_posted(thread) || fake_io_run_timer(thread) || fake_io_run_watch(thread))
		g_assert_cmpuint(rounds++, <, FAKE_IO_ROUNDS);
	thread->depth--;
}

void fake_io_advance(struct io_thread *thread, uint64_t ns)
{
	uint64_t end = thread->now + ns;

	fake_io_settle(thread);
	for (;;) {
		struct io_timer *first = fake_io_first(thread);

		if (!first || first->deadline > end)
			break;
		thread->now = MAX(thread->now, first->deadline);
		fake_io_settle(thread);
	}
	thread->now = end;
}

uint64_t fake_io_now(const struct io_thread *thread)
{
	return thread->now;
}

unsigned int fake_io_armed(const struct io_thread *thread)
{
	unsigned int n = 0;

	for (GSList *l = thread->timers; l; l = l->next)
		n += ((struct io_timer *)l->data)->deadline != 0;
	return n;
}

void io_thread_call(struct io_thread *thread, void (*call)(void *context), void *context)
{
	thread->depth++;
	call(context);
	thread->depth--;
	fake_io_settle(thread);
}

void io_thread_post(struct io_thread *thread, void (*call)(void *context), void *context)
{
	struct fake_call *posted = g_new0(struct fake_call, 1);

	*posted = (struct fake_call){call, context};
	g_queue_push_tail(&thread->posted, posted);
}

bool io_thread_is_current(const struct io_thread *thread G_GNUC_UNUSED)
{
	return true;
}

struct io_watch *io_thread_watch(struct io_thread *thread, int fd, uint32_t events,
				 void (*readable)(void *context, uint32_t events), void *context)
{
	struct io_watch *watch = g_new0(struct io_watch, 1);

	*watch = (struct io_watch){thread, fd, events, readable, context};
	thread->watches = g_slist_append(thread->watches, watch);
	return watch;
}

void io_watch_set_events(struct io_watch *watch, uint32_t events)
{
	watch->events = events;
}

void io_watch_free(struct io_watch *watch)
{
	if (!watch)
		return;
	watch->thread->watches = g_slist_remove(watch->thread->watches, watch);
	g_free(watch);
}

struct io_timer *io_timer_new(struct io_thread *thread, void (*expired)(void *context),
			      void *context)
{
	struct io_timer *timer = g_new0(struct io_timer, 1);

	*timer = (struct io_timer){thread, 0, expired, context};
	thread->timers = g_slist_append(thread->timers, timer);
	return timer;
}

void io_timer_arm(struct io_timer *timer, uint64_t monotonic_ns)
{
	timer->deadline = monotonic_ns;
}

void io_timer_free(struct io_timer *timer)
{
	if (!timer)
		return;
	timer->thread->timers = g_slist_remove(timer->thread->timers, timer);
	g_free(timer);
}
