/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hvsock_client.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hvsock_guid.h"

#define CLIENT_VERB "CONNECT "

struct hvsock_client {
	int fd;
	sd_event_source *io, *timer;
	struct hvsock_client_owner owner;
};

int hvsock_client_parse(const char *data, size_t size, uint32_t *port)
{
	const size_t verb = strlen(CLIENT_VERB);
	uint64_t number = 0;

	if (memcmp(data, CLIENT_VERB, MIN(size, verb)) != 0)
		return -EINVAL;
	for (size_t i = verb; i < size; i++) {
		if (data[i] == '\n' && i > verb) {
			*port = (uint32_t)number;
			return (int)i + 1;
		}
		if (!g_ascii_isdigit(data[i]))
			return -EINVAL;
		number = number * 10 + (uint64_t)(data[i] - '0');
		if (number > HVSOCK_PORT_MAX || i + 1 >= HVSOCK_LINE_MAX)
			return -EINVAL;
	}
	return 0;
}

/* Only looks at what came: what follows the line is the stream's. */
static int client_read(struct hvsock_client *client, uint32_t *port)
{
	char data[HVSOCK_LINE_MAX];
	ssize_t n = recv(client->fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
	int used;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	used = hvsock_client_parse(data, (size_t)n, port);
	if (used <= 0)
		return used;
	/* They were there a moment ago, and nobody else reads. */
	return recv(client->fd, data, (size_t)used, MSG_DONTWAIT) == used ? used : -EIO;
}

static int client_io(sd_event_source *source G_GNUC_UNUSED, int fd, uint32_t revents,
		     void *userdata)
{
	struct hvsock_client *client = userdata;
	uint32_t port = 0;
	int r = client_read(client, &port);

	if (r > 0) {
		client->fd = -1;
		client->owner.wants(client->owner.context, client, fd, port);
	} else if (r < 0 || (revents & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))) {
		client->owner.failed(client->owner.context, client);
	}
	return 0;
}

static int client_expired(sd_event_source *source G_GNUC_UNUSED, uint64_t usec G_GNUC_UNUSED,
			  void *userdata)
{
	struct hvsock_client *client = userdata;

	client->owner.failed(client->owner.context, client);
	return 0;
}

int hvsock_client_new(sd_event *event, int fd, uint64_t timeout_us,
		      const struct hvsock_client_owner *owner, struct hvsock_client **ret)
{
	struct hvsock_client *client = g_new0(struct hvsock_client, 1);
	int r;

	client->fd = fd;
	client->owner = *owner;
	/* Edge-triggered: half a line, which stays where it is, does not wake us again and again.
	 */
	r = sd_event_add_io(event, &client->io, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, client_io,
			    client);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &client->timer, CLOCK_MONOTONIC, timeout_us,
					       0, client_expired, client);
	if (r < 0) {
		hvsock_client_free(client);
		return r;
	}
	*ret = client;
	return 0;
}

void hvsock_client_free(struct hvsock_client *client)
{
	if (!client)
		return;
	sd_event_source_disable_unref(client->io);
	sd_event_source_disable_unref(client->timer);
	if (client->fd >= 0)
		close(client->fd);
	g_free(client);
}
