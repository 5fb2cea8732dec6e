// SPDX-License-Identifier: LGPL-2.1-or-later
/* The connection: its life, and the loop that runs it. open.c makes it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "connection.h"

static uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t deadline_in(uint64_t timeout)
{
	uint64_t now = now_usec();

	return timeout > UINT64_MAX - now ? UINT64_MAX : now + timeout;
}

HVCTL_PUBLIC int hvctl_new(hvctl **ret)
{
	hvctl *h = calloc(1, sizeof(*h));

	*ret = h;
	if (!h)
		return -HVCTL_ERROR_OUT_OF_MEMORY;
	h->refs = 1;
	h->call_timeout = CALL_TIMEOUT_DEFAULT;
	h->interrupt_fd = -1;
	h->events.end = &h->events.first;
	return 0;
}

hvctl *connection_ref(hvctl *h)
{
	h->refs++;
	return h;
}

void connection_unref(hvctl *h)
{
	if (--h->refs > 0)
		return;
	error_clear(&h->error);
	free(h);
}

void connection_close(hvctl *h)
{
	jobs_disconnect(h);
	events_clear(&h->events);
	/* Everything is request and reply: nothing that is still queued is worth waiting for. */
	h->bus = sd_bus_close_unref(h->bus);
	free(h->address);
	h->address = NULL;
	h->broker = h->gone = false;
	h->watching_jobs = h->watching_events = h->watching_owner = false;
}

HVCTL_PUBLIC void hvctl_free(hvctl *h)
{
	if (!h)
		return;
	connection_close(h);
	connection_unref(h);
}

HVCTL_PUBLIC const char *hvctl_address(const hvctl *h)
{
	return h->address ? h->address : "";
}

HVCTL_PUBLIC void hvctl_set_activation(hvctl *h, int allowed)
{
	h->no_activation = !allowed;
}

HVCTL_PUBLIC void hvctl_set_call_timeout(hvctl *h, uint64_t usec)
{
	h->call_timeout = usec > 0 ? usec : CALL_TIMEOUT_DEFAULT;
}

HVCTL_PUBLIC void hvctl_set_interrupt_fd(hvctl *h, int fd)
{
	h->interrupt_fd = fd;
}

HVCTL_PUBLIC const char *hvctl_library_version(void)
{
	return VMMS_VERSION;
}

int connection_check(hvctl *h)
{
	if (!h->bus)
		return error_set(h, HVCTL_ERROR_UNREACHABLE,
				 "not connected to vmmsd; hvctl_open() comes first");
	if (sd_bus_is_open(h->bus) <= 0)
		return error_set_bus(h, SD_BUS_ERROR_DISCONNECTED, NULL);
	return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	const char *name, *old_owner, *new_owner;
	hvctl *h = userdata;

	(void)ret_error;
	if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) >= 0 && old_owner[0])
		h->gone = true;
	return 0;
}

int connection_watch_owner(hvctl *h)
{
	if (!h->broker || h->watching_owner)
		return 0;
	int r = sd_bus_add_match_async(
		h->bus, NULL,
		"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" VMMS_BUS_NAME
		"'",
		on_owner_changed, NULL, h);
	if (r < 0)
		return error_set_errno(h, r, "watching for the end of vmmsd");
	h->watching_owner = true;
	return 0;
}

/* Sleeps until the bus wants attention: 1, the deadline: 0, or an error. */
static int connection_sleep(hvctl *h, uint64_t deadline)
{
	struct pollfd fds[2] = {{.fd = sd_bus_get_fd(h->bus)},
				{.fd = h->interrupt_fd, .events = POLLIN}};
	uint64_t bus_deadline, now = now_usec();
	struct timespec ts, *tsp = NULL;

	int events = sd_bus_get_events(h->bus);
	if (fds[0].fd < 0 || events < 0)
		return error_set_errno(h, -ENOTCONN, "waiting for vmmsd");
	fds[0].events = (short)events;
	if (sd_bus_get_timeout(h->bus, &bus_deadline) < 0)
		bus_deadline = UINT64_MAX;
	uint64_t until = bus_deadline < deadline ? bus_deadline : deadline;
	if (until != UINT64_MAX) {
		uint64_t left = until > now ? until - now : 0;
		ts = (struct timespec){.tv_sec = (time_t)(left / 1000000u),
				       .tv_nsec = (long)(left % 1000000u * 1000u)};
		tsp = &ts;
	}
	int n = ppoll(fds, 2, tsp, NULL);
	if (n < 0 && errno != EINTR)
		return error_set_errno(h, -errno, "waiting for vmmsd");
	if (n > 0 && fds[1].revents)
		return error_set(h, HVCTL_ERROR_INTERRUPTED, "interrupted");
	return n > 0 || now_usec() < deadline;
}

int connection_run(hvctl *h, bool (*done)(const void *context), const void *context,
		   uint64_t deadline)
{
	for (;;) {
		if (done(context))
			return 1;
		if (h->gone)
			return error_set(h, HVCTL_ERROR_UNREACHABLE,
					 "vmmsd on %s went away; see its log", h->address);
		int r = connection_check(h);
		if (r < 0)
			return r;
		r = sd_bus_process(h->bus, NULL);
		if (r < 0)
			return error_set_errno(h, r, "waiting for vmmsd");
		if (r > 0)
			continue;
		r = connection_sleep(h, deadline);
		if (r <= 0)
			return r;
	}
}
