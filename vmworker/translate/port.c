/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "console.h"
#include "line_watch.h"
#include "worker_error.h"

#define RING_SIZE   (256u << 10) /* as the engine direct has it */
#define READ_SIZE   16384u
#define DRAIN_READS 64u /* a guest that never stops writing must not keep the main thread */

struct port {
	sd_event *event;
	struct console *console;
	struct line_watch *watch; /* NULL: none */
	int fd;			  /* -1: not connected */
	sd_event_source *source;
	uint64_t bytes;
};

static void port_disconnect(struct port *port)
{
	port->source = sd_event_source_disable_unref(port->source);
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

/* FALSE: there is nothing now, or will never be. */
static gboolean port_read(struct port *port)
{
	uint8_t data[READ_SIZE];
	ssize_t n = recv(port->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0) {
		port->bytes += (uint64_t)n;
		console_write(port->console, data, (size_t)n);
		if (port->watch)
			line_watch_feed(port->watch, data, (size_t)n);
		return TRUE;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		port_disconnect(port); /* QEMU is gone; who watches its process says so */
	return FALSE;
}

static int port_on_io(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct port *port = context;

	(void)fd;
	if (revents & EPOLLOUT) {
		(void)sd_event_source_set_io_events(source, EPOLLIN);
		console_input_ready(port->console);
	}
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		(void)port_read(port);
	return 0;
}

static size_t port_input(void *context, const uint8_t *data, size_t size)
{
	struct port *port = context;
	ssize_t n;

	if (port->fd < 0)
		return size; /* for nobody */
	n = send(port->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN)
		return size;
	(void)sd_event_source_set_io_events(port->source, EPOLLIN | EPOLLOUT);
	return 0;
}

struct port *port_new(sd_event *event, int ring_fd, void (*panic)(void *context, const char *line),
		      void *context, GError **error)
{
	struct port *port = g_new0(struct port, 1);
	const struct console_input input = {.put = port_input, .context = port};

	port->event = event;
	port->fd = -1;
	port->console = console_new(event, ring_fd, RING_SIZE, &input, error);
	if (!port->console) {
		port_free(port);
		return NULL;
	}
	if (panic)
		port->watch = line_watch_new(panic, context);
	return port;
}

void port_free(struct port *port)
{
	if (!port)
		return;
	port_disconnect(port);
	console_free(port->console);
	line_watch_free(port->watch);
	g_free(port);
}

gboolean port_connect(struct port *port, const char *path, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	port_disconnect(port);
	port->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) < sizeof(address.sun_path) && port->fd >= 0) {
		memcpy(address.sun_path, path, strlen(path));
		/* QEMU listens before it is said to have started, so this does not wait. */
		if (connect(port->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		    sd_event_add_io(port->event, &port->source, port->fd, EPOLLIN, port_on_io,
				    port) >= 0)
			return TRUE;
	}
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "a serial port of QEMU cannot be reached (%s); start the machine again",
		    g_strerror(errno));
	port_disconnect(port);
	return FALSE;
}

void port_drain(struct port *port)
{
	for (unsigned int i = 0; i < DRAIN_READS && port->fd >= 0; i++) {
		if (!port_read(port))
			return;
	}
}

void port_reset(struct port *port)
{
	if (port->watch)
		line_watch_reset(port->watch);
}

void port_save(struct port *port, struct state_writer *writer)
{
	console_save(port->console, writer);
}

bool port_restore(struct port *port, struct state_reader *reader)
{
	return console_restore(port->console, reader);
}

gboolean port_console(struct port *port, uint32_t flags, int *ret_fd, GError **error)
{
	return console_add_viewer(port->console, flags, ret_fd, error);
}

uint64_t port_bytes(const struct port *port)
{
	return port->bytes;
}
