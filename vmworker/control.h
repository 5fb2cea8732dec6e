/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's D-Bus object, org.vmms1.Worker: decodes, calls worker.h, encodes. Each connection on
 * the control socket is a bus server of its own; there is no broker. A connection that goes away
 * changes nothing for the VM.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <glib.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "worker.h"

/* Beyond these a connection is closed at once. */
#define CONTROL_MAX_PEERS 4

struct control;

/* listen_fd becomes the control's; owner may connect beside root and this process's user. */
struct control *control_new(sd_event *event, int listen_fd, uid_t owner, struct worker *worker,
			    GError **error);

/* The last that is heard of who has connected: sends what is queued, for timeout_ms in all at most.
 * NULL is fine. */
void control_flush(struct control *control, unsigned int timeout_ms);
/* Closes every connection: vmmsd wants the process to end soon then. NULL is fine. */
void control_free(struct control *control);

/* To every connection. */
void control_emit_changed(struct control *control);
void control_emit_guest_event(struct control *control, const char *event, const char *detail);

/*
 * Asks every connection for a socket that is connected to who serves a port of the host
 * (org.vmms1.WorkerHost); worker_host_connected has the first there is, or -1, perhaps before this
 * returns.
 */
void control_ask_socket(struct control *control, uint64_t number, uint32_t port);

#endif
