/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connection: a channel of the guest's on one side, a Unix socket on the other. Each direction
 * holds at most one packet; what the other side does not take stays with its sender.
 *
 * Threading: hvsock_pipe_new and _free belong to the main thread, `finished` and all that moves to
 * the I/O thread.
 */
#ifndef HVSOCK_PIPE_H
#define HVSOCK_PIPE_H

#include <glib.h>
#include <stdbool.h>

#include "vmbus.h"

struct hvsock_pipe;

#define HVSOCK_PAYLOAD_MAX 16384u		/* of a guest's packet */
#define HVSOCK_LINGER_NS   UINT64_C(8000000000) /* for a guest's part, when ours is over */

struct hvsock_pipe_config {
	struct vmbus *bus;
	struct io_thread *thread;
	struct vmbus_guid service, endpoint; /* class and instance of the offer */
	bool to_guest;	      /* the host began it: a program in the guest is to accept */
	const char *greeting; /* what the socket gets first, when the guest took it; or "" */
	/* The guest took it, then: it is over, and to be freed. Each at most once, from the I/O
	 * thread. */
	void (*opened)(void *context);
	void (*finished)(void *context);
	void *context;
};

/* fd, a connected stream socket, becomes the pipe's, also on failure. */
struct hvsock_pipe *hvsock_pipe_new(const struct hvsock_pipe_config *config, int fd,
				    GError **error);
/* Takes the offer back. NULL is fine. */
void hvsock_pipe_free(struct hvsock_pipe *pipe);

#endif
