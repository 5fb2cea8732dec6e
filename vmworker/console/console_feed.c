/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "console_feed.h"

gboolean console_feed_init(struct console_feed *feed, int fd, uint64_t size, GError **error)
{
	if (!scrollback_file_map(&feed->file, fd, size, error))
		return FALSE;
	g_mutex_init(&feed->lock);
	return TRUE;
}

void console_feed_clear(struct console_feed *feed)
{
	scrollback_file_unmap(&feed->file);
	g_mutex_clear(&feed->lock);
}

bool console_feed_write(struct console_feed *feed, const uint8_t *data, size_t n)
{
	bool waiting;

	g_mutex_lock(&feed->lock);
	scrollback_write(&feed->file.scrollback, data, n);
	waiting = feed->waiting;
	feed->waiting = false;
	g_mutex_unlock(&feed->lock);
	return waiting;
}

size_t console_feed_read(struct console_feed *feed, uint64_t *cursor, uint64_t end, uint8_t *data,
			 size_t n, uint64_t *dropped)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&feed->lock);
	const struct scrollback *scrollback = &feed->file.scrollback;
	uint64_t tail = scrollback_tail(scrollback), from = *cursor, rest;

	*dropped = 0;
	if (from >= end)
		return 0;
	if (from < tail) {
		*cursor = MIN(end, scrollback_align(scrollback, tail + scrollback->size / 8));
		*dropped = *cursor - from;
		return 0;
	}
	n = MIN(n, end - from);
	n = scrollback_read_from(scrollback, cursor, data, n, &rest);
	if (n == 0)
		feed->waiting = true;
	return n;
}

void console_feed_rest(struct console_feed *feed)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&feed->lock);

	feed->waiting = false;
}

uint64_t console_feed_head(struct console_feed *feed)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&feed->lock);

	return scrollback_head(&feed->file.scrollback);
}

uint64_t console_feed_replay(struct console_feed *feed)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&feed->lock);
	const struct scrollback *scrollback = &feed->file.scrollback;
	uint64_t tail = scrollback_tail(scrollback);

	return tail > 0 ? scrollback_align(scrollback, tail) : 0;
}
