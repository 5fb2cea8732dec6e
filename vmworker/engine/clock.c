/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "worker_error.h"

#define NS_PER_S 1000000000ull

struct device_timer {
	struct clock *clock;
	struct device_timer *next;
	uint64_t deadline; /* ns, CLOCK_MONOTONIC; 0: not armed */
	uint64_t round;	   /* the expiry round that served it last */
	void (*expired)(void *device);
	void *device;
};

struct clock {
	int fd;
	sd_event_source *source;
	pthread_mutex_t lock; /* guards what follows, and the setting of fd */
	struct device_timer *timers;
	uint64_t programmed; /* what fd is set to; 0: off */
	uint64_t round;
};

static uint64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t clock_monotonic_ns(void *context)
{
	(void)context;
	return now_ns(CLOCK_MONOTONIC);
}

static int64_t clock_realtime_ns(void *context)
{
	(void)context;
	return (int64_t)now_ns(CLOCK_REALTIME);
}

/* Sets the kernel's timer to the first deadline. Locked. */
static void clock_program(struct clock *clock)
{
	uint64_t first = 0;

	for (const struct device_timer *t = clock->timers; t; t = t->next) {
		if (t->deadline != 0 && (first == 0 || t->deadline < first))
			first = t->deadline;
	}
	if (first == clock->programmed)
		return;

	struct itimerspec spec = {
		.it_value = {.tv_sec = (time_t)(first / NS_PER_S),
			     .tv_nsec = (long)(first % NS_PER_S)},
	};
	/* Cannot fail for a valid descriptor and a normalised time. */
	(void)timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &spec, NULL);
	clock->programmed = first;
}

static void clock_timer_set(struct device_timer *timer, uint64_t deadline)
{
	struct clock *clock = timer->clock;

	pthread_mutex_lock(&clock->lock);
	timer->deadline = deadline;
	clock_program(clock);
	pthread_mutex_unlock(&clock->lock);
}

static void clock_timer_arm(struct device_timer *timer, uint64_t monotonic_ns)
{
	clock_timer_set(timer, monotonic_ns != 0 ? monotonic_ns : 1);
}

static void clock_timer_disarm(struct device_timer *timer)
{
	clock_timer_set(timer, 0);
}

static struct device_timer *clock_timer_new(void *context, void (*expired)(void *device),
					    void *device)
{
	struct clock *clock = context;
	struct device_timer *timer = g_new0(struct device_timer, 1);

	timer->clock = clock;
	timer->expired = expired;
	timer->device = device;
	pthread_mutex_lock(&clock->lock);
	timer->next = clock->timers;
	clock->timers = timer;
	pthread_mutex_unlock(&clock->lock);
	return timer;
}

static void clock_timer_free(struct device_timer *timer)
{
	if (!timer)
		return;

	struct clock *clock = timer->clock;
	pthread_mutex_lock(&clock->lock);
	for (struct device_timer **at = &clock->timers; *at; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			break;
		}
	}
	clock_program(clock);
	pthread_mutex_unlock(&clock->lock);
	g_free(timer);
}

/* Takes one timer that is due off the clock, each once a round: a callback that arms for the past
 * must not keep the main thread here. Locked. */
static struct device_timer *clock_take_due(struct clock *clock, uint64_t now)
{
	for (struct device_timer *t = clock->timers; t; t = t->next) {
		if (t->deadline != 0 && t->deadline <= now && t->round != clock->round) {
			t->deadline = 0;
			t->round = clock->round;
			return t;
		}
	}
	return NULL;
}

static int clock_on_expiry(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct clock *clock = context;
	uint64_t now = now_ns(CLOCK_MONOTONIC), n;
	struct device_timer *timer;

	(void)source;
	(void)revents;
	pthread_mutex_lock(&clock->lock);
	(void)!read(fd, &n, sizeof(n));
	clock->programmed = 0;
	clock->round++;
	while ((timer = clock_take_due(clock, now))) {
		pthread_mutex_unlock(&clock->lock);
		timer->expired(timer->device);
		pthread_mutex_lock(&clock->lock);
	}
	clock_program(clock);
	pthread_mutex_unlock(&clock->lock);
	return 0;
}

struct clock *clock_new(sd_event *event, GError **error)
{
	struct clock *clock = g_new0(struct clock, 1);

	pthread_mutex_init(&clock->lock, NULL);
	clock->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (clock->fd < 0 || sd_event_add_io(event, &clock->source, clock->fd, EPOLLIN,
					     clock_on_expiry, clock) < 0) {
		g_set_error(
			error, WORKER_ERROR, WORKER_ERROR_FAILED,
			"machine clock: no timer descriptor could be had (%s); raise the limit of open files",
			g_strerror(errno));
		clock_free(clock);
		return NULL;
	}
	return clock;
}

void clock_free(struct clock *clock)
{
	if (!clock)
		return;
	sd_event_source_disable_unref(clock->source);
	if (clock->fd >= 0)
		close(clock->fd);
	pthread_mutex_destroy(&clock->lock);
	g_free(clock);
}

struct device_clock clock_device_clock(struct clock *clock)
{
	return (struct device_clock){
		.monotonic_ns = clock_monotonic_ns,
		.realtime_ns = clock_realtime_ns,
		.timer_new = clock_timer_new,
		.timer_arm = clock_timer_arm,
		.timer_disarm = clock_timer_disarm,
		.timer_free = clock_timer_free,
		.context = clock,
	};
}
