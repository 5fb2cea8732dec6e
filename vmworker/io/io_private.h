/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to this folder. */
#ifndef IO_PRIVATE_H
#define IO_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "io_pace.h"
#include "io_thread.h"

struct io_work {
	struct io_work *next;
	void (*call)(void *context);
	void *context;
};

struct io_watch {
	struct io_thread *thread;
	struct io_watch *next_dead;
	int fd;
	uint32_t events;
	void (*readable)(void *context, uint32_t events);
	void *context;
	bool dead;
};

/*
 * Locking: `lock` guards the queue of posted work and `stop`. Everything else belongs to the
 * thread, but for n_watches, which only has to be right when the thread ends.
 */
struct io_thread {
	char name[16];
	pthread_t thread; /* whose it is: who made it, until it is started */
	bool started;
	int epoll_fd, wake_fd, timer_fd;
	struct io_watch *wake, *timer;
	struct io_watch *dead; /* freed, but the current batch of events may still name them */
	GSList *timers;	       /* armed ones, the earliest first */
	atomic_uint n_watches; /* but for our own two */
	pthread_mutex_t lock;
	struct io_work *first, **last; /* posted and not taken yet */
	bool stop;
	bool paced; /* it may choose: nobody gave it a class of the scheduler */
	struct io_pace pace;
};

/* The timer descriptor of the thread became readable. */
void io_timers_expired(void *context, uint32_t events);

#endif
