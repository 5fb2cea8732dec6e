/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authz.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service_error.h"

/* The names that polkit will know the actions by. */
static const char *const action_names[AUTHZ_ACTION_N] = {
	[AUTHZ_DEFINE] = "org.vmms1.define",   [AUTHZ_RUN] = "org.vmms1.run",
	[AUTHZ_CONSOLE] = "org.vmms1.console", [AUTHZ_STOP_ALL] = "org.vmms1.stop-all",
	[AUTHZ_POWER] = "org.vmms1.power",     [AUTHZ_LAUNCH] = "org.vmms1.launch",
};

gboolean authz_check_peer(int fd, GError **error)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid()))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_DENIED,
		    "a connection of user %u was refused: this vmmsd serves user %u and root only",
		    peer.uid, geteuid());
	return FALSE;
}

gboolean authz_check(sd_bus_message *message, enum authz_action action, GError **error)
{
	/* Whoever got a message through to here may do everything, until polkit says otherwise. */
	if (message && (unsigned)action < AUTHZ_ACTION_N)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_DENIED, "not permitted: %s",
		    (unsigned)action < AUTHZ_ACTION_N ? action_names[action] : "unknown action");
	return FALSE;
}
