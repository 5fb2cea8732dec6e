/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ports of the switches between VMs of this host. One process, vmms-switch, has all of them: under
 * systemd vmms-switch.socket starts it, elsewhere it is started here when there is none. It goes on
 * when vmmsd ends, and ends with its last port.
 */
#ifndef SWITCH_PORT_H
#define SWITCH_PORT_H

#include "service.h"

/* A connected socket, or -1 and FAILED. */
int switch_port_open(const struct service *service, const char *network,
		     const struct mac_address *mac, GError **error);

#endif
