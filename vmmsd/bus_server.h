/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The private socket DIR/bus: one D-Bus connection for each client, without a broker. */
#ifndef BUS_SERVER_H
#define BUS_SERVER_H

#include "service.h"

#define BUS_SERVER_CLIENTS_MAX 4096u
#define BUS_SERVER_QUEUE_MAX   4096u /* messages that a client may leave unread */

struct bus_server;

struct bus_server *bus_server_new(struct service *service, GError **error);
/* Removes the socket and drops every client. NULL is fine. */
void bus_server_free(struct bus_server *server);

/* Any client's connection, to make a message with; NULL when there is none (or no server). */
sd_bus *bus_server_any(const struct bus_server *server);
void bus_server_broadcast(struct bus_server *server, sd_bus_message *signal);

#endif
