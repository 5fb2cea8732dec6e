/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A timer that never expires, which the kernel cancels when somebody sets the clock, and at the end
 * of a sleep of the host. */
#include "clock_watch.h"

#include <errno.h>
#include <glib.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct clock_watch {
	int fd;
	sd_event_source *source;
	void (*jumped)(void *context);
	void *context;
};

static int watch_arm(struct clock_watch *watch)
{
	const struct itimerspec never = {.it_value = {.tv_sec = INT64_MAX}};

	return timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
			       NULL);
}

static int watch_on_timer(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct clock_watch *watch = context;
	uint64_t expirations;

	(void)revents;
	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != ECANCELED)
		return 0;
	if (watch_arm(watch) < 0)
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF); /* or it would spin */
	watch->jumped(watch->context);
	return 0;
}

struct clock_watch *clock_watch_new(sd_event *event, void (*jumped)(void *context), void *context)
{
	struct clock_watch *watch = g_new0(struct clock_watch, 1);

	watch->jumped = jumped;
	watch->context = context;
	watch->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch->fd >= 0 && watch_arm(watch) == 0 &&
	    sd_event_add_io(event, &watch->source, watch->fd, EPOLLIN, watch_on_timer, watch) >= 0)
		return watch;
	clock_watch_free(watch);
	return NULL;
}

void clock_watch_free(struct clock_watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->source);
	if (watch->fd >= 0)
		close(watch->fd);
	g_free(watch);
}
