/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lock between the VP threads that fill a scrollback and the main thread that empties it
 * towards the viewers. A writer learns whether somebody has read everything and waits: only then,
 * and once, must it wake the reader.
 */
#ifndef CONSOLE_FEED_H
#define CONSOLE_FEED_H

#include "scrollback_file.h"

struct console_feed {
	GMutex lock; /* all below */
	struct scrollback_file file;
	bool waiting;
};

gboolean console_feed_init(struct console_feed *feed, int fd, uint64_t size, GError **error);
void console_feed_clear(struct console_feed *feed);

/* Any thread. true: the reader waits and must be woken. */
bool console_feed_write(struct console_feed *feed, const uint8_t *data, size_t n);

/*
 * Main thread. As scrollback_read_from, but stops at `end`; and a reader that was lapped goes on an
 * eighth of the ring behind the tail, at the beginning of a line: at the tail itself the next
 * bytes would lap it again. A read that returns 0 with nothing dropped at a cursor before `end`
 * found everything read: the feed then waits.
 */
size_t console_feed_read(struct console_feed *feed, uint64_t *cursor, uint64_t end, uint8_t *data,
			 size_t n, uint64_t *dropped);

/* Takes back that the reader waits: it looks again by itself, and is not to be woken. */
void console_feed_rest(struct console_feed *feed);

uint64_t console_feed_head(struct console_feed *feed);
/* Where a replay begins: the oldest byte, or the first whole line when older ones are gone. */
uint64_t console_feed_replay(struct console_feed *feed);

#endif
