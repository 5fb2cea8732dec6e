/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "authz.h"
#include "bus.h"
#include "cleanup.h"
#include "duration.h"
#include "socket_at.h"

#define SOCKET_NAME	"bus"
#define ACCEPT_AT_ONCE	64u	   /* then the other sources have their turn */
#define ACCEPT_PAUSE_US SECONDS(1) /* when the process is out of descriptors */

struct client {
	struct bus_server *server;
	sd_bus *connection;
};

struct bus_server {
	struct service *service;
	int directory;
	sd_event_source *accept, *resume;
	GHashTable *clients; /* struct client, owned */
	sd_id128_t id;
};

static void client_free(void *data)
{
	struct client *client = data;

	sd_bus_close_unref(client->connection);
	g_free(client);
}

static guint64 client_queue(const struct client *client)
{
	uint64_t n = 0;

	(void)sd_bus_get_n_queued_write(client->connection, &n);
	return n;
}

/* Sees every message before the objects do. */
static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	struct client *client = userdata;
	struct bus_server *server = client->server;

	(void)unused;
	if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected") > 0) {
		g_hash_table_remove(server->clients, client);
		return 0;
	}
	if (client_queue(client) < BUS_SERVER_QUEUE_MAX)
		return 0;
	log_service(server->service->log, LOG_NOTICE,
		    "a client that asks without reading the answers is disconnected");
	g_hash_table_remove(server->clients, client);
	return 1;
}

/* Takes fd. */
static int client_add(struct bus_server *server, int fd)
{
	struct client *client = g_new0(struct client, 1);
	int r;

	client->server = server;
	r = sd_bus_new(&client->connection);
	if (r < 0 || (r = sd_bus_set_fd(client->connection, fd, fd)) < 0) {
		fd_close(fd);
		goto fail;
	}
	if ((r = sd_bus_set_description(client->connection, "client")) < 0 ||
	    (r = sd_bus_set_server(client->connection, 1, server->id)) < 0 ||
	    (r = sd_bus_negotiate_fds(client->connection, 1)) < 0 ||
	    (r = sd_bus_add_filter(client->connection, NULL, on_message, client)) < 0 ||
	    (r = bus_add_objects(client->connection, server->service)) < 0 ||
	    (r = sd_bus_start(client->connection)) < 0 ||
	    (r = sd_bus_attach_event(client->connection, server->service->event,
				     SD_EVENT_PRIORITY_NORMAL)) < 0)
		goto fail;
	g_hash_table_add(server->clients, client);
	return 0;
fail:
	client_free(client);
	return r;
}

static void client_admit(struct bus_server *server, int fd)
{
	g_autoptr(GError) error = NULL;
	int r = 0;

	if (!authz_check_peer(fd, &error)) {
		log_service(server->service->log, LOG_WARNING, "%s", error->message);
		fd_close(fd);
	} else if (g_hash_table_size(server->clients) >= BUS_SERVER_CLIENTS_MAX) {
		log_service(server->service->log, LOG_WARNING,
			    "a client was refused: %u are connected, which is the limit",
			    BUS_SERVER_CLIENTS_MAX);
		fd_close(fd);
	} else if ((r = client_add(server, fd)) < 0) {
		log_service(server->service->log, LOG_WARNING, "a client cannot be served: %s",
			    g_strerror(-r));
	}
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bus_server *server = userdata;

	(void)source;
	(void)usec;
	server->resume = sd_event_source_disable_unref(server->resume);
	(void)sd_event_source_set_enabled(server->accept, SD_EVENT_ON);
	return 0;
}

/* The listening socket would be ready at once again: it rests until descriptors are free. */
static void server_rest(struct bus_server *server)
{
	if (server->resume)
		return;
	log_service(server->service->log, LOG_ERR,
		    "no descriptor is free for a client (%s); new clients wait", g_strerror(errno));
	(void)sd_event_source_set_enabled(server->accept, SD_EVENT_OFF);
	(void)sd_event_add_time_relative(server->service->event, &server->resume, CLOCK_MONOTONIC,
					 ACCEPT_PAUSE_US, 0, on_resume, server);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct bus_server *server = userdata;

	(void)source;
	(void)revents;
	for (guint i = 0; i < ACCEPT_AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			client_admit(server, client);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			server_rest(server);
			break;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			break;
		}
	}
	return 0;
}

struct bus_server *bus_server_new(struct service *service, GError **error)
{
	struct bus_server *server = g_new0(struct bus_server, 1);
	const char *path = service->options->private_dir;
	int fd = -1, r;

	server->service = service;
	server->clients = g_hash_table_new_full(g_direct_hash, g_direct_equal, client_free, NULL);
	server->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = server->directory < 0 ? -errno : sd_id128_randomize(&server->id);
	if (r >= 0)
		r = fd = socket_listen_at(server->directory, SOCKET_NAME,
					  (int)BUS_SERVER_CLIENTS_MAX);
	if (r >= 0) {
		r = sd_event_add_io(service->event, &server->accept, fd, EPOLLIN, on_connection,
				    server);
		if (r < 0)
			fd_close(fd);
		else
			r = sd_event_source_set_io_fd_own(server->accept, 1);
	}
	if (r >= 0)
		return server;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "the socket %s/%s cannot be served: %s", path, SOCKET_NAME, g_strerror(-r));
	bus_server_free(server);
	return NULL;
}

void bus_server_free(struct bus_server *server)
{
	if (!server)
		return;
	sd_event_source_disable_unref(server->resume);
	if (server->accept)
		(void)unlinkat(server->directory, SOCKET_NAME, 0);
	sd_event_source_disable_unref(server->accept);
	g_hash_table_unref(server->clients);
	fd_close(server->directory);
	g_free(server);
}

sd_bus *bus_server_any(const struct bus_server *server)
{
	GHashTableIter iter;
	void *key;

	if (!server)
		return NULL;
	g_hash_table_iter_init(&iter, server->clients);
	return g_hash_table_iter_next(&iter, &key, NULL) ? ((struct client *)key)->connection
							 : NULL;
}

void bus_server_broadcast(struct bus_server *server, sd_bus_message *signal)
{
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, server->clients);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		struct client *client = key;

		/* One sealed message is queued to all of them; it is not copied. */
		if (client_queue(client) < BUS_SERVER_QUEUE_MAX) {
			(void)sd_bus_send(client->connection, signal, NULL);
			continue;
		}
		log_service(server->service->log, LOG_NOTICE,
			    "a client that does not read its signals is disconnected");
		g_hash_table_iter_remove(&iter);
	}
}
