/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets between host and guest: AF_VSOCK in a Linux guest, Unix sockets on the host, as other
 * VMMs have them.
 *
 * Host to guest: a program connects to the listening socket, writes "CONNECT <port>\n" and reads
 * "OK <port>\n" once a program in the guest that listens on the port has taken the connection;
 * what follows is the stream. When nobody listens there the socket is closed without an OK, after
 * HVSOCK_OPEN_MS: guests do not refuse, they are silent.
 *
 * Guest to host: a program in the guest connects to port P of the host (CID 2), and the socket
 * <path>_P is connected to; without one the guest is refused.
 *
 * Threading: hvsock_new and hvsock_free belong to the main thread; hvsock_tl_connect to VMBus'.
 */
#ifndef HVSOCK_H
#define HVSOCK_H

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "vmbus.h"

struct hvsock;

#define HVSOCK_OPEN_MS	       10000u /* a guest takes a connection within, or not at all */
#define HVSOCK_HANDSHAKE_MS    10000u
#define HVSOCK_CLIENTS_MAX     32u /* that did not say CONNECT yet */
#define HVSOCK_CONNECTIONS_MAX 256u

struct hvsock_config {
	struct vmbus *bus;	  /* borrowed */
	struct io_thread *thread; /* borrowed: the streams run there */
	sd_event *event;
	int listen_fd;	  /* a listening Unix stream socket; becomes hvsock's; -1: none */
	const char *path; /* of guest to host, before _<port>; copied; NULL: always refused */
	unsigned int open_ms, handshake_ms; /* 0: HVSOCK_OPEN_MS, HVSOCK_HANDSHAKE_MS */
};

struct hvsock *hvsock_new(const struct hvsock_config *config, GError **error);
/* Ends every connection. No hvsock_tl_connect may be under way. NULL is fine. */
void hvsock_free(struct hvsock *hvsock);

/*
 * The guest wants a connection to a service of the host (vmbus_config.tl_connect, with the hvsock
 * as context). True: it will be offered. Connects to a Unix socket, and does not wait.
 */
bool hvsock_tl_connect(void *hvsock, const struct vmbus_guid *endpoint,
		       const struct vmbus_guid *service);

/* Connections that are open or being opened. Main thread. */
unsigned int hvsock_connections(const struct hvsock *hvsock);

#endif
