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
 * Guest to host: a program in the guest connects to port P of the host (CID 2); whoever makes the
 * hvsock is asked for a program of the host that takes it. Without one the guest is refused.
 *
 * Threading: hvsock_tl_connect belongs to VMBus' control thread, the rest to the main thread.
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
#define HVSOCK_HOST_MS	       5000u /* for an answer to `connect` */
#define HVSOCK_WISHES_MAX      32u   /* of the guest that have no answer yet */
#define HVSOCK_A_SECOND	       100u  /* connections begun, by each side */
#define HVSOCK_CLIENTS_MAX     32u   /* that did not say CONNECT yet */
#define HVSOCK_CONNECTIONS_MAX 256u

struct hvsock_config {
	struct vmbus *bus;	  /* borrowed */
	struct io_thread *thread; /* borrowed: the streams run there */
	sd_event *event;
	int listen_fd; /* a listening Unix stream socket; becomes hvsock's; -1: none */
	/* Asks for a connection to who serves the port on the host; hvsock_connected answers,
	 * perhaps before it returns. NULL: there is nobody. */
	void (*connect)(void *context, uint64_t number, uint32_t port);
	void *context;
	/* 0: HVSOCK_OPEN_MS, HVSOCK_HANDSHAKE_MS, HVSOCK_HOST_MS */
	unsigned int open_ms, handshake_ms, host_ms;
};

struct hvsock *hvsock_new(const struct hvsock_config *config, GError **error);
/* Ends every connection. No hvsock_tl_connect may be under way. NULL is fine. */
void hvsock_free(struct hvsock *hvsock);

/*
 * The guest wants a connection to a service of the host (vmbus_config.tl_connect, with the hvsock
 * as context). True: it will be offered, or refused, later. Does not wait.
 */
bool hvsock_tl_connect(void *hvsock, const struct vmbus_guid *endpoint,
		       const struct vmbus_guid *service);

/*
 * The answer to `connect`: a connected, non-blocking stream socket, which becomes the hvsock's, or
 * -1. One that is late, or of another hvsock, finds nobody waiting.
 */
void hvsock_connected(struct hvsock *hvsock, uint64_t number, int fd);

/* Connections that are open or being opened. Main thread. */
unsigned int hvsock_connections(const struct hvsock *hvsock);

#endif
