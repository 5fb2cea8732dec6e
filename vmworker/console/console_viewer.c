/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "console_viewer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vmms1.h>

#define VIEWER_CHUNK 16384u
#define VIEWER_SHARE 65536u /* a turn in the event loop */
#define VIEWER_INPUT 256u
#define VIEWER_DRAIN 64u /* reads of a closing socket, VIEWER_INPUT bytes each */

struct console_viewer {
	int fd;
	sd_event_source *source;
	struct console_feed *feed;
	struct console_viewer_owner owner;
	bool read_only, idle, end_of_input;
	uint64_t cursor;
	uint64_t end; /* where the viewer wants no more, UINT64_MAX: never */

	/* A notice goes out whole before anything else; until its first byte is out, what is
	 * dropped adds to it. */
	uint64_t dropped;
	char notice[48];
	size_t notice_size, notice_sent;

	uint8_t input[VIEWER_INPUT];
	size_t input_first, input_size;
};

/* ---- output ---------------------------------------------------------------------------------- */

/* Bytes taken; 0: the socket is full; negative: it is dead. */
static ssize_t viewer_send(const struct console_viewer *viewer, const void *data, size_t size)
{
	ssize_t n;

	do
		n = send(viewer->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
		return 0;
	return n;
}

/* 1: the viewer knows of all that it missed; 0: the socket is full; negative: it is dead. */
static int viewer_send_notice(struct console_viewer *viewer)
{
	ssize_t n;

	if (viewer->notice_sent == 0 && viewer->dropped > 0) {
		viewer->notice_size = (size_t)snprintf(viewer->notice, sizeof viewer->notice,
						       "\r\n[vmms: %" PRIu64 " bytes dropped]\r\n",
						       viewer->dropped);
	}
	while (viewer->notice_sent < viewer->notice_size) {
		n = viewer_send(viewer, viewer->notice + viewer->notice_sent,
				viewer->notice_size - viewer->notice_sent);
		if (n <= 0)
			return (int)n;
		viewer->dropped = 0; /* from now on they are the next notice's */
		viewer->notice_sent += (size_t)n;
	}
	viewer->notice_size = viewer->notice_sent = 0;
	return 1;
}

/* One chunk, or one notice. */
static enum console_viewer_state viewer_send_chunk(struct console_viewer *viewer, size_t *sent)
{
	uint8_t data[VIEWER_CHUNK];
	uint64_t cursor, dropped;
	ssize_t n;
	size_t size;

	if (viewer->notice_sent > 0) {
		n = viewer_send_notice(viewer);
		if (n <= 0)
			return n < 0 ? CONSOLE_VIEWER_GONE : CONSOLE_VIEWER_BLOCKED;
	}
	cursor = viewer->cursor;
	size = console_feed_read(viewer->feed, &cursor, viewer->end, data, sizeof data, &dropped);
	if (dropped > 0) {
		viewer->cursor = cursor;
		viewer->dropped += dropped;
	}
	if (viewer->dropped > 0) {
		n = viewer_send_notice(viewer);
		if (n < 0)
			return CONSOLE_VIEWER_GONE;
		return n == 0 ? CONSOLE_VIEWER_BLOCKED : CONSOLE_VIEWER_BUSY;
	}
	if (size == 0)
		return viewer->cursor >= viewer->end ? CONSOLE_VIEWER_GONE : CONSOLE_VIEWER_IDLE;
	n = viewer_send(viewer, data, size);
	if (n < 0)
		return CONSOLE_VIEWER_GONE;
	viewer->cursor += (size_t)n;
	*sent += (size_t)n;
	return (size_t)n < size ? CONSOLE_VIEWER_BLOCKED : CONSOLE_VIEWER_BUSY;
}

static void viewer_update_events(struct console_viewer *viewer)
{
	uint32_t events = 0;

	if (viewer->input_size == 0 && !viewer->end_of_input)
		events |= EPOLLIN;
	if (!viewer->idle)
		events |= EPOLLOUT;
	/* Cannot fail: the descriptor is registered, and modifying needs no memory. A hang-up is
	 * always reported. */
	(void)sd_event_source_set_io_events(viewer->source, events);
}

enum console_viewer_state console_viewer_pump(struct console_viewer *viewer)
{
	enum console_viewer_state state;
	size_t sent = 0;

	do
		state = viewer_send_chunk(viewer, &sent);
	while (state == CONSOLE_VIEWER_BUSY && sent < VIEWER_SHARE);
	viewer->idle = state == CONSOLE_VIEWER_IDLE;
	viewer_update_events(viewer);
	return state;
}

bool console_viewer_idle(const struct console_viewer *viewer)
{
	return viewer->idle;
}

/* ---- input ----------------------------------------------------------------------------------- */

size_t console_viewer_input(const struct console_viewer *viewer, const uint8_t **data)
{
	*data = viewer->input + viewer->input_first;
	return viewer->input_size;
}

void console_viewer_consume(struct console_viewer *viewer, size_t n)
{
	viewer->input_first += n;
	viewer->input_size -= n;
	if (viewer->input_size == 0)
		viewer_update_events(viewer);
}

static ssize_t viewer_recv(struct console_viewer *viewer)
{
	ssize_t n;

	do
		n = recv(viewer->fd, viewer->input, sizeof viewer->input, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n;
}

/* false: there was nothing, or the guest has not taken the last yet. */
static bool viewer_read_input(struct console_viewer *viewer)
{
	ssize_t n;

	if (viewer->input_size > 0 || viewer->end_of_input)
		return false;
	n = viewer_recv(viewer);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		viewer->end_of_input = true; /* it only listens now, unless it also hung up */
	if (n > 0 && !viewer->read_only) {
		viewer->input_first = 0;
		viewer->input_size = (size_t)n;
		viewer->owner.input(viewer->owner.context, viewer);
	}
	viewer_update_events(viewer);
	return n > 0;
}

static int viewer_io(sd_event_source *source G_GNUC_UNUSED, int fd G_GNUC_UNUSED, uint32_t revents,
		     void *userdata)
{
	struct console_viewer *viewer = userdata;
	enum console_viewer_state state = CONSOLE_VIEWER_IDLE;

	if (revents & (EPOLLHUP | EPOLLERR)) {
		while (viewer_read_input(viewer)) /* its last words, as far as the guest hears */
			;
		viewer->owner.gone(viewer->owner.context, viewer);
		return 0;
	}
	if (revents & EPOLLIN)
		viewer_read_input(viewer);
	if (revents & EPOLLOUT)
		state = console_viewer_pump(viewer);
	if (state == CONSOLE_VIEWER_GONE)
		viewer->owner.gone(viewer->owner.context, viewer);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

void console_viewer_free(struct console_viewer *viewer)
{
	if (!viewer)
		return;
	sd_event_source_disable_unref(viewer->source);
	/* Unread input would turn the end of file at the far end into ECONNRESET. */
	(void)shutdown(viewer->fd, SHUT_RDWR);
	for (unsigned int i = 0; i < VIEWER_DRAIN && viewer_recv(viewer) > 0; i++)
		;
	close(viewer->fd);
	g_free(viewer);
}

int console_viewer_new(sd_event *event, int fd, struct console_feed *feed, uint32_t flags,
		       const struct console_viewer_owner *owner, struct console_viewer **ret)
{
	struct console_viewer *viewer = g_new0(struct console_viewer, 1);
	bool log_only = flags & VMMS_CONSOLE_LOG_ONLY;
	int r;

	viewer->fd = fd;
	viewer->feed = feed;
	viewer->owner = *owner;
	viewer->read_only = log_only || (flags & VMMS_CONSOLE_READ_ONLY);
	viewer->end = log_only ? console_feed_head(feed) : UINT64_MAX;
	viewer->cursor = log_only || (flags & VMMS_CONSOLE_REPLAY) ? console_feed_replay(feed)
								   : console_feed_head(feed);
	r = sd_event_add_io(event, &viewer->source, fd, EPOLLIN | EPOLLOUT, viewer_io, viewer);
	if (r < 0) {
		console_viewer_free(viewer);
		return r;
	}
	(void)sd_event_source_set_description(viewer->source, "console viewer");
	*ret = viewer;
	return 0;
}
