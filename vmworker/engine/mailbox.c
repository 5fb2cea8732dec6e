/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker_error.h"

#define PANIC_LINE_MAX	   255u
#define SERVER_CONTROLLERS 4u

enum slot { SLOT_EMPTY, SLOT_POSTED, SLOT_DELIVERED };

struct mailbox {
	struct engine_events events;
	int fd;
	sd_event_source *source;
	pthread_mutex_t lock; /* guards what follows */
	enum slot halt_slot, panic_slot, crash_slot, disk_slot;
	struct engine_halt halt;
	char panic_line[PANIC_LINE_MAX + 1];
	char crash_line[PANIC_LINE_MAX + 1], crash_detail[PANIC_LINE_MAX + 1];
	char *disk_text;
	uint64_t servers[SERVER_CONTROLLERS]; /* LUNs: a bit each */
};

static void mailbox_wake(struct mailbox *mailbox)
{
	const uint64_t one = 1;

	/* Fails only when 2^64 - 2 wakes are pending. */
	(void)!write(mailbox->fd, &one, sizeof(one));
}

static void copy_line(char to[PANIC_LINE_MAX + 1], const char *from, size_t size)
{
	size = MIN(size, PANIC_LINE_MAX);
	memcpy(to, from, size);
	to[size] = '\0';
}

void mailbox_post_halt(struct mailbox *mailbox, const struct engine_halt *halt)
{
	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->halt_slot == SLOT_EMPTY) {
		mailbox->halt = *halt;
		mailbox->halt_slot = SLOT_POSTED;
		mailbox_wake(mailbox);
	}
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_post_panic(struct mailbox *mailbox, const char *line, size_t size)
{
	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->panic_slot == SLOT_EMPTY) {
		copy_line(mailbox->panic_line, line, size);
		mailbox->panic_slot = SLOT_POSTED;
		mailbox_wake(mailbox);
	}
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_post_crash(struct mailbox *mailbox, const char *line, size_t size, const char *detail)
{
	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->crash_slot == SLOT_EMPTY) {
		if (size == 0 && mailbox->panic_slot != SLOT_EMPTY)
			copy_line(mailbox->crash_line, mailbox->panic_line, PANIC_LINE_MAX);
		else
			copy_line(mailbox->crash_line, line, size);
		copy_line(mailbox->crash_detail, detail, strlen(detail));
		mailbox->crash_slot = SLOT_POSTED;
		mailbox_wake(mailbox);
	}
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_post_disk(struct mailbox *mailbox, const char *text)
{
	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->disk_slot != SLOT_POSTED) { /* every stop is news */
		mailbox->disk_text = g_strdup(text);
		mailbox->disk_slot = SLOT_POSTED;
		mailbox_wake(mailbox);
	}
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_post_server(struct mailbox *mailbox, uint32_t controller, uint32_t lun)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->servers[controller % SERVER_CONTROLLERS] |= UINT64_C(1) << lun % 64;
	mailbox_wake(mailbox);
	pthread_mutex_unlock(&mailbox->lock);
}

void mailbox_clear(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->halt_slot = SLOT_EMPTY;
	mailbox->panic_slot = SLOT_EMPTY;
	mailbox->crash_slot = SLOT_EMPTY;
	mailbox->disk_slot = SLOT_EMPTY;
	g_clear_pointer(&mailbox->disk_text, g_free);
	memset(mailbox->servers, 0, sizeof(mailbox->servers));
	pthread_mutex_unlock(&mailbox->lock);
}

static char *line_clean(const char *line)
{
	char *text = g_utf8_make_valid(line, -1);

	for (char *c = text; *c; c++) {
		if (g_ascii_iscntrl(*c))
			*c = ' ';
	}
	return g_strstrip(text);
}

static char *crash_text(const struct mailbox *mailbox)
{
	g_autofree char *line = line_clean(mailbox->crash_line);

	if (*line == '\0')
		return g_strdup_printf("the guest crashed (%s)", mailbox->crash_detail);
	return g_strdup_printf("%s (%s)", line, mailbox->crash_detail);
}

static void mailbox_tell_servers(const struct engine_events *events,
				 const uint64_t servers[SERVER_CONTROLLERS])
{
	for (uint32_t i = 0; i < SERVER_CONTROLLERS && events->server_lost; i++) {
		for (uint32_t lun = 0; lun < 64; lun++) {
			if (servers[i] & UINT64_C(1) << lun)
				events->server_lost(events->context, i, lun);
		}
	}
}

static int mailbox_on_wake(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct mailbox *mailbox = context;
	g_autofree char *line = NULL, *crash = NULL, *disk = NULL;
	struct engine_halt halt;
	uint64_t n, servers[SERVER_CONTROLLERS];
	bool halted = false;

	(void)source;
	(void)revents;
	pthread_mutex_lock(&mailbox->lock);
	(void)!read(fd, &n, sizeof(n));
	if (mailbox->panic_slot == SLOT_POSTED) {
		line = line_clean(mailbox->panic_line);
		mailbox->panic_slot = SLOT_DELIVERED;
	}
	if (mailbox->crash_slot == SLOT_POSTED) {
		crash = crash_text(mailbox);
		mailbox->crash_slot = SLOT_DELIVERED;
	}
	if (mailbox->disk_slot == SLOT_POSTED) {
		disk = g_steal_pointer(&mailbox->disk_text);
		mailbox->disk_slot = SLOT_DELIVERED;
	}
	memcpy(servers, mailbox->servers, sizeof(servers));
	memset(mailbox->servers, 0, sizeof(mailbox->servers));
	if (mailbox->halt_slot == SLOT_POSTED) {
		halt = mailbox->halt;
		halted = true;
		mailbox->halt_slot = SLOT_DELIVERED;
	}
	pthread_mutex_unlock(&mailbox->lock);

	/* In the order in which it came to pass: a guest prints its panic, then resets. The last
	 * callback may free the mailbox. */
	const struct engine_events events = mailbox->events;
	if (line)
		events.panic(events.context, line);
	if (crash)
		events.panic(events.context, crash);
	if (disk)
		events.disk_stopped(events.context, disk);
	mailbox_tell_servers(&events, servers);
	if (halted)
		events.halted(events.context, &halt);
	return 0;
}

struct mailbox *mailbox_new(sd_event *event, const struct engine_events *events, GError **error)
{
	struct mailbox *mailbox = g_new0(struct mailbox, 1);

	mailbox->events = *events;
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->fd < 0 || sd_event_add_io(event, &mailbox->source, mailbox->fd, EPOLLIN,
					       mailbox_on_wake, mailbox) < 0) {
		g_set_error(
			error, WORKER_ERROR, WORKER_ERROR_FAILED,
			"engine: no event descriptor could be had (%s); raise the limit of open files",
			g_strerror(errno));
		mailbox_free(mailbox);
		return NULL;
	}
	return mailbox;
}

void mailbox_free(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	sd_event_source_disable_unref(mailbox->source);
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	pthread_mutex_destroy(&mailbox->lock);
	g_free(mailbox->disk_text);
	g_free(mailbox);
}
