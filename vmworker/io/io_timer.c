/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The armed timers of a thread in order of time, the first of them on the thread's timerfd. */
#include <sys/timerfd.h>
#include <unistd.h>

#include "io_private.h"

struct io_timer {
	struct io_thread *thread;
	uint64_t deadline; /* CLOCK_MONOTONIC, ns; 0: not armed */
	void (*expired)(void *context);
	void *context;
};

static void io_timers_program(struct io_thread *thread)
{
	const struct io_timer *first = thread->timers ? thread->timers->data : NULL;
	struct itimerspec when = {0};

	if (first) {
		when.it_value.tv_sec = (time_t)(first->deadline / 1000000000u);
		when.it_value.tv_nsec = (long)(first->deadline % 1000000000u);
	}
	timerfd_settime(thread->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static uint64_t monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/*
 * Each timer that is due runs once a turn. `now` is read once, so a timer that arms itself for the
 * past again cannot keep the thread from its watches.
 */
void io_timers_expired(void *context, uint32_t events G_GNUC_UNUSED)
{
	struct io_thread *thread = context;
	uint64_t now = monotonic_now(), count;
	unsigned int turns = g_slist_length(thread->timers);

	(void)!read(thread->timer_fd, &count, sizeof(count));
	while (thread->timers && turns-- > 0) {
		struct io_timer *timer = thread->timers->data;

		if (timer->deadline > now)
			break;
		thread->timers = g_slist_delete_link(thread->timers, thread->timers);
		timer->deadline = 0;
		timer->expired(timer->context);
	}
	io_timers_program(thread);
}

struct io_timer *io_timer_new(struct io_thread *thread, void (*expired)(void *context),
			      void *context)
{
	struct io_timer *timer = g_new0(struct io_timer, 1);

	*timer = (struct io_timer){.thread = thread, .expired = expired, .context = context};
	return timer;
}

static gint io_timer_compare(gconstpointer a, gconstpointer b)
{
	const struct io_timer *x = a, *y = b;

	return (x->deadline > y->deadline) - (x->deadline < y->deadline);
}

void io_timer_arm(struct io_timer *timer, uint64_t monotonic_ns)
{
	struct io_thread *thread = timer->thread;

	if (timer->deadline == monotonic_ns)
		return;
	if (timer->deadline != 0)
		thread->timers = g_slist_remove(thread->timers, timer);
	timer->deadline = monotonic_ns;
	if (monotonic_ns != 0)
		thread->timers = g_slist_insert_sorted(thread->timers, timer, io_timer_compare);
	io_timers_program(thread);
}

void io_timer_free(struct io_timer *timer)
{
	if (!timer)
		return;
	io_timer_arm(timer, 0);
	g_free(timer);
}
