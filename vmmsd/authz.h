/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may do what. Who may connect is settled before: on the system bus by the bus policy (root
 * and group vmms), on the session bus by the bus, on a private socket by authz_check_peer. Each
 * action is named here, so that polkit can refine it in one place.
 */
#ifndef AUTHZ_H
#define AUTHZ_H

#include <glib.h>
#include <systemd/sd-bus.h>

enum authz_action {
	AUTHZ_DEFINE,	/* define, edit, rename, delete, autostart; CPU groups */
	AUTHZ_RUN,	/* start, shutdown, reboot, hibernate, stop, pause, resume, reset, cancel */
	AUTHZ_CONSOLE,	/* the serial console */
	AUTHZ_STOP_ALL, /* all VMs at once */
	AUTHZ_POWER,	/* the host's power policy */
	AUTHZ_LAUNCH,	/* whether VMs are started on this host */
	AUTHZ_ACTION_N
};

/* The peer of a private socket: the service's own user or root. DENIED. */
gboolean authz_check_peer(int fd, GError **error);

/* Whether the sender may. DENIED, with the name of the action. */
gboolean authz_check(sd_bus_message *message, enum authz_action action, GError **error);

#endif
