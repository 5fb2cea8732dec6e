/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Offers are made and taken back on the main thread, streams run on the I/O thread: what happens to
 * a stream there comes here through the loop's queue, in calls that are the connection's own. What
 * the guest wishes is an object each, of which there are HVSOCK_WISHES_MAX; it is refused more.
 */
#include "hvsock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hvsock_client.h"
#include "hvsock_guid.h"
#include "hvsock_pipe.h"
#include "loop_queue.h"

struct hvsock_connection {
	struct hvsock *hvsock;
	uint64_t number;
	struct hvsock_pipe *pipe;
	sd_event_source *timer; /* until the guest took it */
	struct loop_call opened, finished;
};

struct hvsock {
	struct hvsock_config config;
	struct loop_queue *queue;
	sd_event_source *listener;
	GPtrArray *clients;	 /* struct hvsock_client */
	GHashTable *connections; /* number -> struct hvsock_connection */
	GHashTable *wishes;	 /* number -> struct guest_wish */
	uint64_t last_number;	 /* of connections and wishes */
	atomic_uint wanted;	 /* by the guest, and not answered yet */
	uint64_t second;	 /* in which so many were asked for: */
	unsigned int asked;
};

/* ---- connections ----------------------------------------------------------------------------- */

static void connection_free(gpointer data)
{
	struct hvsock_connection *connection = data;

	sd_event_source_disable_unref(connection->timer);
	hvsock_pipe_free(connection->pipe);
	/* The pipe posted them; none comes after it. */
	loop_queue_take_back(connection->hvsock->queue, &connection->opened);
	loop_queue_take_back(connection->hvsock->queue, &connection->finished);
	g_free(connection);
}

static void connection_note_opened(void *context)
{
	struct hvsock_connection *connection = context;

	connection->timer = sd_event_source_disable_unref(connection->timer);
}

static void connection_note_finished(void *context)
{
	struct hvsock_connection *connection = context;

	g_hash_table_remove(connection->hvsock->connections, &connection->number);
}

/* I/O thread. */
static void connection_opened(void *context)
{
	struct hvsock_connection *connection = context;

	loop_queue_post(connection->hvsock->queue, &connection->opened);
}

static void connection_finished(void *context)
{
	struct hvsock_connection *connection = context;

	loop_queue_post(connection->hvsock->queue, &connection->finished);
}

static int connection_expired(sd_event_source *source G_GNUC_UNUSED, uint64_t usec G_GNUC_UNUSED,
			      void *userdata)
{
	struct hvsock_connection *connection = userdata;

	g_hash_table_remove(connection->hvsock->connections, &connection->number);
	return 0;
}

/* Takes fd. False: there is no such connection. */
static bool hvsock_connect(struct hvsock *hvsock, int fd, const struct vmbus_guid *service,
			   const struct vmbus_guid *endpoint, bool to_guest, const char *greeting)
{
	g_autoptr(GError) error = NULL;
	struct hvsock_connection *connection;

	if (g_hash_table_size(hvsock->connections) >= HVSOCK_CONNECTIONS_MAX) {
		close(fd);
		return false;
	}
	connection = g_new0(struct hvsock_connection, 1);
	connection->hvsock = hvsock;
	connection->number = ++hvsock->last_number;
	connection->opened =
		(struct loop_call){.run = connection_note_opened, .context = connection};
	connection->finished =
		(struct loop_call){.run = connection_note_finished, .context = connection};
	connection->pipe = hvsock_pipe_new(
		&(struct hvsock_pipe_config){
			.bus = hvsock->config.bus,
			.thread = hvsock->config.thread,
			.service = *service,
			.endpoint = *endpoint,
			.to_guest = to_guest,
			.greeting = greeting,
			.opened = connection_opened,
			.finished = connection_finished,
			.context = connection,
		},
		fd, &error);
	if (!connection->pipe ||
	    sd_event_add_time_relative(hvsock->config.event, &connection->timer, CLOCK_MONOTONIC,
				       hvsock->config.open_ms * UINT64_C(1000), 0,
				       connection_expired, connection) < 0) {
		g_info("hvsock: a connection could not be offered: %s",
		       error ? error->message : "no timer");
		connection_free(connection);
		return false;
	}
	g_hash_table_insert(hvsock->connections, &connection->number, connection);
	return true;
}

unsigned int hvsock_connections(const struct hvsock *hvsock)
{
	return g_hash_table_size(hvsock->connections);
}

/* ---- host to guest --------------------------------------------------------------------------- */

static void client_wants(void *context, struct hvsock_client *client, int fd, uint32_t port)
{
	struct hvsock *hvsock = context;
	struct vmbus_guid service = hvsock_guid_of_port(port), endpoint = hvsock_guid_random();
	char greeting[20];

	g_ptr_array_remove_fast(hvsock->clients, client);
	snprintf(greeting, sizeof(greeting), "OK %u\n", port);
	(void)hvsock_connect(hvsock, fd, &service, &endpoint, true, greeting);
}

static void client_failed(void *context, struct hvsock_client *client)
{
	struct hvsock *hvsock = context;

	g_ptr_array_remove_fast(hvsock->clients, client);
}

static int hvsock_accept(sd_event_source *source G_GNUC_UNUSED, int listen_fd,
			 uint32_t revents G_GNUC_UNUSED, void *userdata)
{
	struct hvsock *hvsock = userdata;
	const struct hvsock_client_owner owner = {client_wants, client_failed, hvsock};
	struct hvsock_client *client;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return 0;
	if (hvsock->clients->len >= HVSOCK_CLIENTS_MAX) {
		close(fd);
		return 0;
	}
	if (hvsock_client_new(hvsock->config.event, fd,
			      hvsock->config.handshake_ms * UINT64_C(1000), &owner, &client) >= 0)
		g_ptr_array_add(hvsock->clients, client);
	return 0;
}

/* ---- guest to host --------------------------------------------------------------------------- */

struct guest_wish {
	struct hvsock *hvsock;
	uint64_t number;
	uint32_t port;
	struct vmbus_guid service, endpoint;
	sd_event_source *timer;
	struct loop_call ask;
};

static void guest_wish_free(gpointer data)
{
	struct guest_wish *wish = data;

	if (!wish)
		return;
	sd_event_source_disable_unref(wish->timer);
	atomic_fetch_sub(&wish->hvsock->wanted, 1);
	g_free(wish);
}

static int guest_wish_expired(sd_event_source *source G_GNUC_UNUSED, uint64_t usec G_GNUC_UNUSED,
			      void *userdata)
{
	const struct guest_wish *wish = userdata;

	hvsock_connected(wish->hvsock, wish->number, -1);
	return 0;
}

/* The host's programs are asked at a rate that a guest in a loop cannot raise. */
static bool guest_may_ask(struct hvsock *hvsock)
{
	uint64_t second = (uint64_t)(g_get_monotonic_time() / G_USEC_PER_SEC);

	if (hvsock->second != second) {
		hvsock->second = second;
		hvsock->asked = 0;
	}
	return hvsock->asked++ < HVSOCK_A_SECOND;
}

static void guest_wish_ask(void *context)
{
	struct guest_wish *wish = context;
	struct hvsock *hvsock = wish->hvsock;
	const struct hvsock_config *config = &hvsock->config;

	wish->number = ++hvsock->last_number;
	g_hash_table_insert(hvsock->wishes, &wish->number, wish);
	if (!guest_may_ask(hvsock) ||
	    sd_event_add_time_relative(config->event, &wish->timer, CLOCK_MONOTONIC,
				       config->host_ms * UINT64_C(1000), 0, guest_wish_expired,
				       wish) < 0)
		hvsock_connected(hvsock, wish->number, -1);
	else
		config->connect(config->context, wish->number, wish->port);
}

void hvsock_connected(struct hvsock *hvsock, uint64_t number, int fd)
{
	struct guest_wish *wish = g_hash_table_lookup(hvsock->wishes, &number);

	if (!wish) {
		if (fd >= 0)
			close(fd);
		return;
	}
	g_hash_table_steal(hvsock->wishes, &number);
	if (fd < 0 || !hvsock_connect(hvsock, fd, &wish->service, &wish->endpoint, false, ""))
		vmbus_tl_refuse(hvsock->config.bus, &wish->endpoint, &wish->service);
	guest_wish_free(wish);
}

bool hvsock_tl_connect(void *context, const struct vmbus_guid *endpoint,
		       const struct vmbus_guid *service)
{
	struct hvsock *hvsock = context;
	struct guest_wish *wish;
	uint32_t port, guest_port;

	if (!hvsock->config.connect || !hvsock_guid_port(service, &port) ||
	    port > HVSOCK_PORT_MAX || !hvsock_guid_port(endpoint, &guest_port))
		return false;
	if (atomic_fetch_add(&hvsock->wanted, 1) >= HVSOCK_WISHES_MAX) {
		atomic_fetch_sub(&hvsock->wanted, 1);
		return false;
	}
	wish = g_new0(struct guest_wish, 1);
	*wish = (struct guest_wish){
		.hvsock = hvsock, .port = port, .service = *service, .endpoint = *endpoint};
	wish->ask =
		(struct loop_call){.run = guest_wish_ask, .drop = guest_wish_free, .context = wish};
	loop_queue_post(hvsock->queue, &wish->ask);
	return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void client_free(gpointer data)
{
	hvsock_client_free(data);
}

static bool hvsock_listen(struct hvsock *hvsock, GError **error)
{
	int r;

	if (hvsock->config.listen_fd < 0)
		return true;
	r = sd_event_add_io(hvsock->config.event, &hvsock->listener, hvsock->config.listen_fd,
			    EPOLLIN, hvsock_accept, hvsock);
	if (r < 0)
		g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(-r),
			    "the socket for connections to the guest cannot be watched (%s); give "
			    "a listening Unix socket",
			    g_strerror(-r));
	if (r < 0)
		return false;
	/* Neither a lack of descriptors nor a program in a loop keeps the main thread, and guests
	 * do not like offers that come and go fast. */
	(void)sd_event_source_set_ratelimit(hvsock->listener, 1000000, HVSOCK_A_SECOND);
	return true;
}

struct hvsock *hvsock_new(const struct hvsock_config *config, GError **error)
{
	struct hvsock *hvsock = g_new0(struct hvsock, 1);

	hvsock->config = *config;
	hvsock->config.event = sd_event_ref(config->event);
	if (config->open_ms == 0)
		hvsock->config.open_ms = HVSOCK_OPEN_MS;
	if (config->handshake_ms == 0)
		hvsock->config.handshake_ms = HVSOCK_HANDSHAKE_MS;
	if (config->host_ms == 0)
		hvsock->config.host_ms = HVSOCK_HOST_MS;
	/* An answer to the one of before a reset finds no wish of this one. */
	hvsock->last_number = (uint64_t)g_get_monotonic_time() << 16;
	hvsock->clients = g_ptr_array_new_with_free_func(client_free);
	hvsock->connections =
		g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, connection_free);
	hvsock->wishes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, guest_wish_free);
	hvsock->queue = loop_queue_new(config->event, error);
	if (!hvsock->queue || !hvsock_listen(hvsock, error)) {
		hvsock_free(hvsock);
		return NULL;
	}
	return hvsock;
}

void hvsock_free(struct hvsock *hvsock)
{
	if (!hvsock)
		return;
	sd_event_source_disable_unref(hvsock->listener);
	g_ptr_array_unref(hvsock->clients);
	g_hash_table_unref(hvsock->connections);
	g_hash_table_unref(hvsock->wishes);
	loop_queue_free(hvsock->queue);
	if (hvsock->config.listen_fd >= 0)
		close(hvsock->config.listen_fd);
	sd_event_unref(hvsock->config.event);
	g_free(hvsock);
}
