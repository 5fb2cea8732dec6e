/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One viewer of a console: a socket, a cursor into the scrollback, and a little input that the
 * guest has not taken yet. Output is never queued here: what the socket does not take stays in the
 * ring until it does, or is overwritten and counted. Main thread only.
 */
#ifndef CONSOLE_VIEWER_H
#define CONSOLE_VIEWER_H

#include <systemd/sd-event.h>

#include "console_feed.h"

struct console_viewer;

struct console_viewer_owner {
	/* There is new input (console_viewer_input). The viewer may not be freed by this call. */
	void (*input)(void *context, struct console_viewer *viewer);
	/* The viewer hung up or got all that it wanted: the owner frees it now. */
	void (*gone)(void *context, struct console_viewer *viewer);
	void *context;
};

/* fd becomes the viewer's, also on failure; feed is borrowed. flags: VMMS_CONSOLE_*. Returns
 * -errno. Nothing is sent yet. */
int console_viewer_new(sd_event *event, int fd, struct console_feed *feed, uint32_t flags,
		       const struct console_viewer_owner *owner, struct console_viewer **ret);

/* NULL is fine. */
void console_viewer_free(struct console_viewer *viewer);

enum console_viewer_state {
	CONSOLE_VIEWER_IDLE,	/* it has everything; the feed waits */
	CONSOLE_VIEWER_BLOCKED, /* its socket is full; it goes on by itself */
	CONSOLE_VIEWER_BUSY,	/* it had its share of time; it goes on by itself */
	CONSOLE_VIEWER_GONE,	/* the owner must free it */
};

/* Sends what the socket takes at once, but not more than a share. */
enum console_viewer_state console_viewer_pump(struct console_viewer *viewer);

/* Whether new output concerns it: it is idle. */
bool console_viewer_idle(const struct console_viewer *viewer);

/* Input that waits to be consumed; the socket is not read while there is any. */
size_t console_viewer_input(const struct console_viewer *viewer, const uint8_t **data);
void console_viewer_consume(struct console_viewer *viewer, size_t n);

#endif
