/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread that serves descriptors: eventfds of channels, io_uring, taps. Devices live on one and
 * need no locks of their own.
 */
#ifndef IO_THREAD_H
#define IO_THREAD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct io_thread;
struct io_watch;

/*
 * name: at most 15 bytes, as ps shows it. Until it is started, who prepared it is the thread: calls
 * run at once, after what was posted before; what is watched waits. Confinement is a thread's own
 * and new threads inherit it: one that is started before the sandbox closes would stay outside.
 */
struct io_thread *io_thread_prepare(const char *name, GError **error);
/* Once. On failure it stays as it was. */
bool io_thread_start(struct io_thread *thread, GError **error);
/* Both. */
struct io_thread *io_thread_new(const char *name, GError **error);
/* Runs what was posted, stops and joins it; every watch must be gone. NULL is fine. */
void io_thread_free(struct io_thread *thread);

/* Runs call on the thread and waits until it returned; at once when called on the thread itself. */
void io_thread_call(struct io_thread *thread, void (*call)(void *context), void *context);
/* Runs it there soon, after what was posted before. Any thread; never waits. */
void io_thread_post(struct io_thread *thread, void (*call)(void *context), void *context);

/* The caller runs on the thread. */
bool io_thread_is_current(const struct io_thread *thread);

/* A request or frame of so many bytes was served. On the thread; see io_pace.h for what it does. */
void io_thread_worked(struct io_thread *thread, uint64_t bytes);

/* While fd (borrowed) is readable, `readable` is called on the thread. events: EPOLLIN, EPOLLOUT.
 * On the thread, or before anything runs on it. NULL and errno when there is no room. */
struct io_watch *io_thread_watch(struct io_thread *thread, int fd, uint32_t events,
				 void (*readable)(void *context, uint32_t events), void *context);
void io_watch_set_events(struct io_watch *watch, uint32_t events);
/* No call comes after it. NULL is fine. On the thread. */
void io_watch_free(struct io_watch *watch);

/* One-shot timer on CLOCK_MONOTONIC. On the thread; arming again replaces. */
struct io_timer;
struct io_timer *io_timer_new(struct io_thread *thread, void (*expired)(void *context),
			      void *context);
void io_timer_arm(struct io_timer *timer, uint64_t monotonic_ns); /* 0 disarms */
void io_timer_free(struct io_timer *timer);

#endif
