/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All private networks of a host in one process: takes ports from a listening socket
 * (schemas/switch_port_wire.h) and keeps a switch for each network that has one. One thread.
 */
#ifndef SWITCH_HUB_H
#define SWITCH_HUB_H

#include <glib.h>
#include <stdbool.h>

struct switch_hub;

/* listener: borrowed, does not block. */
struct switch_hub *switch_hub_new(int listener, GError **error);
void switch_hub_free(struct switch_hub *hub); /* closes every port; NULL is fine */

/* Does what there is to do, waiting at most timeout_ms for the first (-1: for ever, 0: not). False:
 * it cannot go on, errno says why. */
bool switch_hub_run(struct switch_hub *hub, int timeout_ms);

/* No network has a port, and nobody is about to get one. */
bool switch_hub_is_idle(const struct switch_hub *hub);
/* The ports of a network. */
unsigned int switch_hub_ports(const struct switch_hub *hub, const char *network);

#endif
