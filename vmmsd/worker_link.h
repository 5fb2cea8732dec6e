/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls on a worker's control link (org.vmms1.Worker), and what their replies say. */
#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

enum worker_reply {
	WORKER_REPLY_OK,
	WORKER_REPLY_ERROR,	/* it refused: the error is its own */
	WORKER_REPLY_TIMED_OUT, /* it did not answer: the error says within what time */
	WORKER_REPLY_GONE, /* the link broke; the end of the worker is under way, wait for it */
};

/*
 * Takes fd. handler sees every message that is not a reply, and org.freedesktop.DBus.Local's
 * Connected, once the worker has answered the greeting, and Disconnected. A call that carries
 * descriptors must wait for Connected: sd-bus would block for it. NULL on error.
 */
sd_bus *worker_link_open(sd_event *event, int fd, sd_bus_message_handler_t handler, void *userdata,
			 GError **error);

/*
 * Begins a call without arguments; the answer comes to handler, for worker_link_check_reply. None
 * comes when the link breaks first: then the worker's end does.
 */
gboolean worker_link_call(sd_bus *link, const char *method, uint64_t timeout_us,
			  sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **slot,
			  GError **error);
/* The same for a prepared message (worker_link_new_call). */
sd_bus_message *worker_link_new_call(sd_bus *link, const char *interface, const char *method);
gboolean worker_link_send(sd_bus *link, sd_bus_message *call, uint64_t timeout_us,
			  sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **slot,
			  GError **error);

/* error is set unless OK or GONE. */
enum worker_reply worker_link_check_reply(sd_bus_message *reply, const char *method,
					  GError **error);

#endif
