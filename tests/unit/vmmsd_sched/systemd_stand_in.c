/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd_stand_in.h"

#include <sys/socket.h>

#define WAIT_US 30000000u

static sd_bus *bus_on(sd_event *event, int fd, gboolean server)
{
	sd_bus *bus = NULL;

	g_assert_cmpint(sd_bus_new(&bus), >=, 0);
	g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
	if (server)
		g_assert_cmpint(sd_bus_set_server(bus, 1,
						  SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c,
								d, e, f, 0)),
				>=, 0);
	g_assert_cmpint(sd_bus_start(bus), >=, 0);
	g_assert_cmpint(sd_bus_attach_event(bus, event, 0), >=, 0);
	return bus;
}

void stand_in_init(struct stand_in *stand_in, sd_bus_message_handler_t on_call, void *userdata)
{
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			==, 0);
	*stand_in = (struct stand_in){0};
	g_assert_cmpint(sd_event_new(&stand_in->event), >=, 0);
	stand_in->systemd = bus_on(stand_in->event, pair[0], TRUE);
	stand_in->client = bus_on(stand_in->event, pair[1], FALSE);
	g_assert_cmpint(sd_bus_add_filter(stand_in->systemd, NULL, on_call, userdata), >=, 0);
}

void stand_in_run(const struct stand_in *stand_in)
{
	g_assert_cmpint(sd_event_run(stand_in->event, WAIT_US), >, 0);
}

void stand_in_clear(struct stand_in *stand_in)
{
	sd_bus_close_unref(stand_in->client);
	sd_bus_close_unref(stand_in->systemd);
	sd_event_unref(stand_in->event);
}
