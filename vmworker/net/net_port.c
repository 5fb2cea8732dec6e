/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/socket.h>

#include "net_backend_private.h"
#include "net_backends.h"
#include "net_packet.h"

struct net_backend *net_port_new(const char *adapter, int fd, GError **error)
{
	int type = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET ||
	    !net_fd_prepare(fd)) {
		g_set_error(error, NET_ERROR, NET_ERROR_DESCRIPTOR,
			    "The switch of adapter '%s' cannot be used, it is no seqpacket socket: "
			    "restart the switch and the VM",
			    adapter);
		return NULL;
	}
	return net_packet_new(true, &fd, 1);
}
