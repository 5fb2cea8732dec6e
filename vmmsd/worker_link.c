/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_link.h"

#include "cleanup.h"
#include "service_error.h"

sd_bus *worker_link_open(sd_event *event, int fd, sd_bus_message_handler_t handler, void *userdata,
			 GError **error)
{
	sd_bus *link = NULL;
	int r;

	r = sd_bus_new(&link);
	if (r < 0) {
		fd_close(fd);
		goto fail;
	}
	r = sd_bus_set_fd(link, fd, fd);
	if (r < 0) {
		fd_close(fd);
		goto fail;
	}
	if ((r = sd_bus_set_description(link, "worker")) < 0 ||
	    (r = sd_bus_negotiate_fds(link, 1)) < 0 ||
	    (r = sd_bus_set_connected_signal(link, 1)) < 0 ||
	    (r = sd_bus_add_filter(link, NULL, handler, userdata)) < 0 ||
	    (r = sd_bus_start(link)) < 0 ||
	    (r = sd_bus_attach_event(link, event, SD_EVENT_PRIORITY_NORMAL)) < 0)
		goto fail;
	return link;
fail:
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
		    "the control link to the worker cannot be set up: %s", g_strerror(-r));
	sd_bus_close_unref(link);
	return NULL;
}

sd_bus_message *worker_link_new_call(sd_bus *link, const char *interface, const char *method)
{
	sd_bus_message *call = NULL;

	(void)sd_bus_message_new_method_call(link, &call, NULL, VMMS_WORKER_PATH, interface,
					     method);
	return call;
}

gboolean worker_link_send(sd_bus *link, sd_bus_message *call, uint64_t timeout_us,
			  sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **slot,
			  GError **error)
{
	int r = call ? sd_bus_call_async(link, slot, call, handler, userdata, timeout_us)
		     : -ENOTCONN;

	/* A link that broke just now: its worker ends, and that is what is told. */
	if (r >= 0 || (call && (r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE)))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER, "the worker cannot be asked: %s",
		    g_strerror(-r));
	return FALSE;
}

gboolean worker_link_call(sd_bus *link, const char *method, uint64_t timeout_us,
			  sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **slot,
			  GError **error)
{
	automsg call = worker_link_new_call(link, VMMS_IFACE_WORKER, method);

	return worker_link_send(link, call, timeout_us, handler, userdata, slot, error);
}

enum worker_reply worker_link_check_reply(sd_bus_message *reply, const char *method, GError **error)
{
	const sd_bus_error *e = sd_bus_message_get_error(reply);
	enum service_error code;

	if (!e)
		return WORKER_REPLY_OK;
	/* Both ends of a link that broke and a time that passed are NoReply; the link tells. */
	if (sd_bus_is_open(sd_bus_message_get_bus(reply)) <= 0)
		return WORKER_REPLY_GONE;
	if (sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
			    "the worker did not answer to %s in time", method);
		return WORKER_REPLY_TIMED_OUT;
	}
	code = g_str_has_prefix(e->name, VMMS_ERROR_PREFIX) ? service_error_from_bus_name(e->name)
							    : SERVICE_ERROR_WORKER;
	g_set_error_literal(error, SERVICE_ERROR, (int)code,
			    e->message && *e->message ? e->message
						      : "the worker refused without a reason");
	return WORKER_REPLY_ERROR;
}
