/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "console.h"

#include <console_ring.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "console_feed.h"
#include "console_viewer.h"

#define CONSOLE_QUANTUM	      16u   /* bytes of one viewer's input before the next one's turn */
#define CONSOLE_VIEWER_BUFFER 65536 /* of its socket, towards it */
/* A guest prints byte by byte. The first byte goes out at once, those of the next while together:
 * waking us and every viewer for each of them costs more than the guest's exit does. */
#define CONSOLE_REST_US 2000u

struct console {
	struct console_feed feed;
	int wake_fd;		  /* eventfd: the feed was filled, or the UART emptied */
	atomic_bool input_wanted; /* console_input_ready since the last look */

	/* main thread */
	sd_event *event;
	sd_event_source *wake;
	sd_event_source *rest; /* while armed, writers do not wake us */
	uint64_t served;       /* the feed's head when the viewers were last served */
	struct console_input input;
	bool input_blocked; /* the UART was full at the last offer */
	struct console_viewer *viewers[CONSOLE_MAX_VIEWERS];
	unsigned int n_viewers;
	unsigned int turn; /* whose input is next */
};

G_DEFINE_QUARK(vmms - console - error - quark, console_error)

/* ---- any thread ------------------------------------------------------------------------------ */

/* The counter of a non-blocking eventfd is full only when the main thread is to wake anyway. */
static void console_signal(struct console *console)
{
	(void)!eventfd_write(console->wake_fd, 1);
}

void console_write(struct console *console, const uint8_t *data, size_t size)
{
	if (console_feed_write(&console->feed, data, size))
		console_signal(console);
}

void console_input_ready(struct console *console)
{
	atomic_store(&console->input_wanted, true);
	console_signal(console);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* The next viewer in turn that has input; NULL: none. */
static struct console_viewer *console_next_input(struct console *console, const uint8_t **data,
						 size_t *size)
{
	for (unsigned int i = 0; i < console->n_viewers; i++) {
		unsigned int at = (console->turn + i) % console->n_viewers;

		*size = console_viewer_input(console->viewers[at], data);
		if (*size > 0) {
			console->turn = at + 1;
			return console->viewers[at];
		}
	}
	return NULL;
}

static void console_serve_input(struct console *console)
{
	struct console_viewer *viewer;
	const uint8_t *data;
	size_t size, taken;

	while (!console->input_blocked && (viewer = console_next_input(console, &data, &size))) {
		size = MIN(size, CONSOLE_QUANTUM);
		taken = console->input.put ? console->input.put(console->input.context, data, size)
					   : size;
		console->input_blocked = taken < size;
		console_viewer_consume(viewer, MIN(taken, size));
	}
}

/* ---- viewers --------------------------------------------------------------------------------- */

static void console_on_input(void *context, struct console_viewer *viewer G_GNUC_UNUSED)
{
	console_serve_input(context);
}

static void console_on_gone(void *context, struct console_viewer *viewer)
{
	struct console *console = context;

	for (unsigned int i = 0; i < console->n_viewers; i++) {
		if (console->viewers[i] != viewer)
			continue;
		for (; i + 1 < console->n_viewers; i++)
			console->viewers[i] = console->viewers[i + 1];
		console->n_viewers--;
	}
	console_viewer_free(viewer);
}

/* Serves the viewers that wait, and rests when there was something for them. */
static void console_serve_output(struct console *console)
{
	uint64_t head = console_feed_head(&console->feed);

	for (unsigned int i = console->n_viewers; i-- > 0;) {
		struct console_viewer *viewer = console->viewers[i];

		if (console_viewer_idle(viewer) &&
		    console_viewer_pump(viewer) == CONSOLE_VIEWER_GONE)
			console_on_gone(console, viewer);
	}
	if (head == console->served)
		return;
	console->served = head;
	if (sd_event_source_set_time_relative(console->rest, CONSOLE_REST_US) >= 0 &&
	    sd_event_source_set_enabled(console->rest, SD_EVENT_ONESHOT) >= 0)
		console_feed_rest(&console->feed);
}

static int console_on_rest(sd_event_source *source G_GNUC_UNUSED, uint64_t usec G_GNUC_UNUSED,
			   void *userdata)
{
	console_serve_output(userdata);
	return 0;
}

static int console_on_wake(sd_event_source *source G_GNUC_UNUSED, int fd,
			   uint32_t revents G_GNUC_UNUSED, void *userdata)
{
	struct console *console = userdata;
	eventfd_t count;

	(void)!eventfd_read(fd, &count);
	if (atomic_exchange(&console->input_wanted, false)) {
		console->input_blocked = false;
		console_serve_input(console);
	}
	console_serve_output(console);
	return 0;
}

unsigned int console_viewers(const struct console *console)
{
	return console->n_viewers;
}

bool console_resting(const struct console *console)
{
	int enabled = SD_EVENT_OFF;

	(void)sd_event_source_get_enabled(console->rest, &enabled);
	return enabled != SD_EVENT_OFF;
}

static gboolean console_fail(GError **error, const char *what, int code)
{
	g_set_error(error, CONSOLE_ERROR, CONSOLE_ERROR_SYSTEM, "Cannot %s: %s.", what,
		    g_strerror(code));
	return FALSE;
}

gboolean console_add_viewer(struct console *console, uint32_t flags, int *ret_fd, GError **error)
{
	const struct console_viewer_owner owner = {
		.input = console_on_input, .gone = console_on_gone, .context = console};
	int buffer = CONSOLE_VIEWER_BUFFER, fds[2], r;

	if (console->n_viewers >= CONSOLE_MAX_VIEWERS) {
		g_set_error(
			error, CONSOLE_ERROR, CONSOLE_ERROR_VIEWERS,
			"The console has %u viewers, which is the most that it can have; close one "
			"of them and try again.",
			CONSOLE_MAX_VIEWERS);
		return FALSE;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return console_fail(error, "create a socket for a viewer of the console", errno);
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	r = console_viewer_new(console->event, fds[0], &console->feed, flags, &owner,
			       &console->viewers[console->n_viewers]);
	if (r < 0) {
		close(fds[1]);
		return console_fail(error, "watch the socket of a viewer of the console", -r);
	}
	console->n_viewers++;
	*ret_fd = fds[1];
	return TRUE;
}

/* ---- saved state ----------------------------------------------------------------------------- */

void console_save(struct console *console, struct state_writer *writer)
{
	uint64_t cursor = console_feed_replay(&console->feed), dropped;
	uint64_t head = console_feed_head(&console->feed);
	uint8_t piece[4096];
	size_t n;

	state_begin(writer, "console", 1);
	state_put_u32(writer, (uint32_t)(head - cursor)); /* a ring is of 16 MiB at most */
	while ((n = console_feed_read(&console->feed, &cursor, head, piece, sizeof(piece),
				      &dropped)) > 0)
		state_put_bytes(writer, piece, n);
	state_end(writer);
}

bool console_restore(struct console *console, struct state_reader *reader)
{
	const uint8_t *text;
	uint32_t size;

	if (!state_enter(reader, "console", 1))
		return false;
	size = state_get_count(reader, VMMS_CONSOLE_RING_SIZE_MAX);
	text = state_get_view(reader, size);
	state_leave(reader);
	if (!state_ok(reader))
		return false;
	if (console_feed_head(&console->feed) == 0)
		console_write(console, text, size);
	return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct console *console_new(sd_event *event, int ring_fd, size_t size,
			    const struct console_input *input, GError **error)
{
	struct console *console = g_new0(struct console, 1);
	int r;

	if (!console_feed_init(&console->feed, ring_fd, size, error)) {
		g_free(console);
		return NULL;
	}
	console->event = sd_event_ref(event);
	console->input = *input;
	console->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = console->wake_fd < 0 ? -errno
				 : sd_event_add_io(event, &console->wake, console->wake_fd, EPOLLIN,
						   console_on_wake, console);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &console->rest, CLOCK_MONOTONIC, 0, 1,
					       console_on_rest, console);
	if (r >= 0)
		r = sd_event_source_set_enabled(console->rest, SD_EVENT_OFF);
	if (r < 0) {
		console_fail(error, "watch the console's output", -r);
		console_free(console);
		return NULL;
	}
	(void)sd_event_source_set_description(console->wake, "console");
	return console;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	while (console->n_viewers > 0) {
		struct console_viewer *viewer = console->viewers[console->n_viewers - 1];

		while (console_viewer_pump(viewer) == CONSOLE_VIEWER_BUSY)
			;
		console_on_gone(console, viewer);
	}
	sd_event_source_disable_unref(console->rest);
	sd_event_source_disable_unref(console->wake);
	if (console->wake_fd >= 0)
		close(console->wake_fd);
	sd_event_unref(console->event);
	console_feed_clear(&console->feed);
	g_free(console);
}
