/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection whose other end a test serves in systemd's place. */
#ifndef SYSTEMD_STAND_IN_H
#define SYSTEMD_STAND_IN_H

#include <glib.h>
#include <systemd/sd-bus.h>

struct stand_in {
	sd_event *event;
	sd_bus *systemd, *client;
};

/* on_call hears every message to systemd. */
void stand_in_init(struct stand_in *stand_in, sd_bus_message_handler_t on_call, void *userdata);
/* One turn of the loop, in which something has to happen. */
void stand_in_run(const struct stand_in *stand_in);
void stand_in_clear(struct stand_in *stand_in);

#endif
