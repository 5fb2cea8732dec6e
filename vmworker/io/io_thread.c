/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One epoll set, an eventfd that says "work was posted", and a timerfd for the earliest timer. All
 * descriptors are made with the thread, so that nothing but epoll_ctl is left for later.
 */
#include "io_thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "io_private.h"

#define BATCH 64 /* events taken at once */

static void io_thread_wake(struct io_thread *thread)
{
	uint64_t one = 1;

	/* It can only fail when the counter is full, and then the thread is awake. */
	(void)!write(thread->wake_fd, &one, sizeof(one));
}

/* Runs what was posted up to now; what that posts waits for the next turn, so that watches have
 * theirs. */
static void io_thread_run_posted(void *context, uint32_t events G_GNUC_UNUSED)
{
	struct io_thread *thread = context;
	struct io_work *work;
	uint64_t count;

	(void)!read(thread->wake_fd, &count, sizeof(count));
	pthread_mutex_lock(&thread->lock);
	work = thread->first;
	thread->first = NULL;
	thread->last = &thread->first;
	pthread_mutex_unlock(&thread->lock);

	while (work) {
		struct io_work *next = work->next;

		work->call(work->context);
		g_free(work);
		work = next;
	}
}

static void io_thread_bury(struct io_thread *thread)
{
	while (thread->dead) {
		struct io_watch *watch = thread->dead;

		thread->dead = watch->next_dead;
		g_free(watch);
	}
}

static bool io_thread_ends(struct io_thread *thread)
{
	bool ends;

	pthread_mutex_lock(&thread->lock);
	ends = thread->stop && !thread->first;
	pthread_mutex_unlock(&thread->lock);
	return ends;
}

void io_thread_worked(struct io_thread *thread, uint64_t bytes)
{
	io_pace_work(&thread->pace, bytes);
}

static void io_thread_pace(struct io_thread *thread)
{
	const struct sched_param none = {0};
	struct timespec now;

	if (!thread->paced || (thread->pace.items == 0 && thread->pace.begun == 0))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (io_pace_turn(&thread->pace,
			 (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) &&
	    sched_setscheduler(0, thread->pace.patient ? SCHED_BATCH : SCHED_OTHER, &none) < 0)
		thread->paced = false;
}

static void *io_thread_main(void *context)
{
	struct io_thread *thread = context;
	struct epoll_event events[BATCH];

	pthread_setname_np(pthread_self(), thread->name);
	thread->paced = sched_getscheduler(0) == SCHED_OTHER;
	while (!io_thread_ends(thread)) {
		int n = epoll_wait(thread->epoll_fd, events, BATCH, -1);

		for (int i = 0; i < n; i++) {
			struct io_watch *watch = events[i].data.ptr;

			if (!watch->dead)
				watch->readable(watch->context, events[i].events);
		}
		io_thread_bury(thread);
		io_thread_pace(thread);
	}
	return NULL;
}

/* Also for the thread's own two. */
static struct io_watch *io_watch_new(struct io_thread *thread, int fd, uint32_t events,
				     void (*readable)(void *context, uint32_t events),
				     void *context)
{
	struct io_watch *watch = g_new0(struct io_watch, 1);
	struct epoll_event event = {.events = events, .data.ptr = watch};

	*watch = (struct io_watch){.thread = thread,
				   .fd = fd,
				   .events = events,
				   .readable = readable,
				   .context = context};
	if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		g_free(watch);
		return NULL;
	}
	return watch;
}

static bool io_thread_open(struct io_thread *thread)
{
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	thread->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	thread->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (thread->epoll_fd < 0 || thread->wake_fd < 0 || thread->timer_fd < 0)
		return false;
	thread->wake = io_watch_new(thread, thread->wake_fd, EPOLLIN, io_thread_run_posted, thread);
	if (!thread->wake)
		return false;
	thread->timer = io_watch_new(thread, thread->timer_fd, EPOLLIN, io_timers_expired, thread);
	return thread->timer != NULL;
}

static void io_thread_close(struct io_thread *thread)
{
	if (thread->timer_fd >= 0)
		close(thread->timer_fd);
	if (thread->wake_fd >= 0)
		close(thread->wake_fd);
	if (thread->epoll_fd >= 0)
		close(thread->epoll_fd);
	g_free(thread->timer);
	g_free(thread->wake);
	pthread_mutex_destroy(&thread->lock);
	g_free(thread);
}

static void io_thread_error(const char *name, int errnum, GError **error)
{
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errnum),
		    "I/O thread %s cannot be made: %s; check the limits on open files and tasks",
		    name, g_strerror(errnum));
}

struct io_thread *io_thread_prepare(const char *name, GError **error)
{
	struct io_thread *thread = g_new0(struct io_thread, 1);

	thread->epoll_fd = thread->wake_fd = thread->timer_fd = -1;
	thread->last = &thread->first;
	thread->thread = pthread_self();
	g_strlcpy(thread->name, name, sizeof(thread->name));
	pthread_mutex_init(&thread->lock, NULL);
	if (io_thread_open(thread))
		return thread;
	io_thread_error(name, errno, error);
	io_thread_close(thread);
	return NULL;
}

/* No signal of the process is for this thread: whoever handles them has them elsewhere. */
bool io_thread_start(struct io_thread *thread, GError **error)
{
	sigset_t all, old;
	pthread_t started;
	int rc;

	g_assert(!thread->started);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* The new thread reads its own identity only after this one has written it. */
	pthread_mutex_lock(&thread->lock);
	rc = pthread_create(&started, NULL, io_thread_main, thread);
	if (rc == 0) {
		thread->thread = started;
		thread->started = true;
	}
	pthread_mutex_unlock(&thread->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		io_thread_error(thread->name, rc, error);
	return rc == 0;
}

struct io_thread *io_thread_new(const char *name, GError **error)
{
	struct io_thread *thread = io_thread_prepare(name, error);

	if (thread && !io_thread_start(thread, error))
		g_clear_pointer(&thread, io_thread_close);
	return thread;
}

static void io_thread_join(struct io_thread *thread)
{
	g_assert(!io_thread_is_current(thread));
	pthread_mutex_lock(&thread->lock);
	thread->stop = true;
	pthread_mutex_unlock(&thread->lock);
	io_thread_wake(thread);
	pthread_join(thread->thread, NULL);
}

void io_thread_free(struct io_thread *thread)
{
	if (!thread)
		return;
	if (thread->started)
		io_thread_join(thread);
	while (thread->first) /* never started */
		io_thread_run_posted(thread, 0);
	io_thread_bury(thread);
	g_assert(atomic_load(&thread->n_watches) == 0);
	g_slist_free(thread->timers);
	io_thread_close(thread);
}

bool io_thread_is_current(const struct io_thread *thread)
{
	return pthread_equal(pthread_self(), thread->thread);
}

void io_thread_post(struct io_thread *thread, void (*call)(void *context), void *context)
{
	struct io_work *work = g_new(struct io_work, 1);
	bool first;

	*work = (struct io_work){.call = call, .context = context};
	pthread_mutex_lock(&thread->lock);
	first = !thread->first;
	*thread->last = work;
	thread->last = &work->next;
	pthread_mutex_unlock(&thread->lock);
	if (first)
		io_thread_wake(thread);
}

struct io_call {
	void (*call)(void *context);
	void *context;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	bool done;
};

static void io_call_run(void *context)
{
	struct io_call *c = context;

	c->call(c->context);
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->returned);
	pthread_mutex_unlock(&c->lock);
}

void io_thread_call(struct io_thread *thread, void (*call)(void *context), void *context)
{
	struct io_call c = {.call = call, .context = context};

	if (io_thread_is_current(thread)) {
		/* In the order that it has when the thread runs: who ends something with a call
		 * counts on what was posted for it. */
		while (!thread->started && thread->first)
			io_thread_run_posted(thread, 0);
		call(context);
		return;
	}
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.returned, NULL);
	io_thread_post(thread, io_call_run, &c);
	pthread_mutex_lock(&c.lock);
	while (!c.done)
		pthread_cond_wait(&c.returned, &c.lock);
	pthread_mutex_unlock(&c.lock);
	pthread_cond_destroy(&c.returned);
	pthread_mutex_destroy(&c.lock);
}

struct io_watch *io_thread_watch(struct io_thread *thread, int fd, uint32_t events,
				 void (*readable)(void *context, uint32_t events), void *context)
{
	struct io_watch *watch = io_watch_new(thread, fd, events, readable, context);

	if (watch)
		atomic_fetch_add(&thread->n_watches, 1);
	return watch;
}

void io_watch_set_events(struct io_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (watch->events == events)
		return;
	watch->events = events;
	epoll_ctl(watch->thread->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void io_watch_free(struct io_watch *watch)
{
	struct io_thread *thread;

	if (!watch)
		return;
	thread = watch->thread;
	epoll_ctl(thread->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->dead = true;
	watch->next_dead = thread->dead;
	thread->dead = watch;
	atomic_fetch_sub(&thread->n_watches, 1);
}
