/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that connected to the host's socket and has to say which port it wants. Main thread. */
#ifndef HVSOCK_CLIENT_H
#define HVSOCK_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct hvsock_client;

struct hvsock_client_owner {
	/* It asked for a port, and fd is the owner's now. The client is to be freed. */
	void (*wants)(void *context, struct hvsock_client *client, int fd, uint32_t port);
	/* It said something else, nothing, or went away. The client is to be freed. */
	void (*failed)(void *context, struct hvsock_client *client);
	void *context;
};

/* fd becomes the client's, also on failure. Returns -errno. */
int hvsock_client_new(sd_event *event, int fd, uint64_t timeout_us,
		      const struct hvsock_client_owner *owner, struct hvsock_client **ret);
void hvsock_client_free(struct hvsock_client *client); /* NULL is fine */

#define HVSOCK_LINE_MAX 19u /* "CONNECT 2147483647\n" */

/* Bytes of the line with its end; 0: it is not complete yet; negative: it will never be one. */
int hvsock_client_parse(const char *data, size_t size, uint32_t *port);

#endif
