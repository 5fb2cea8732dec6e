/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_worker_host.h"

#include <glib.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "vmms1.h"

static int on_host_socket(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	sd_bus_message *call = userdata;
	int fd;

	(void)error;
	if (sd_bus_message_is_method_error(reply, NULL))
		(void)sd_bus_reply_method_error(call, sd_bus_message_get_error(reply));
	else if (sd_bus_message_read(reply, "h", &fd) < 0 ||
		 send(fd, "hello", 5, MSG_NOSIGNAL) != 5)
		abort();
	else
		(void)sd_bus_reply_method_return(call, NULL);
	sd_bus_message_unref(call);
	return 0;
}

int fake_greet_host(sd_bus_message *call, const char *port)
{
	return sd_bus_call_method_async(sd_bus_message_get_bus(call), NULL, NULL, VMMS_WORKER_PATH,
					VMMS_IFACE_WORKER_HOST, "ConnectSocket", on_host_socket,
					sd_bus_message_ref(call), "u",
					(uint32_t)g_ascii_strtoull(port, NULL, 10));
}
