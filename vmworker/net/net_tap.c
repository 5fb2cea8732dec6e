/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net_backend_private.h"
#include "net_backends.h"
#include "net_packet.h"

static bool net_tap_refuse(const char *adapter, const char *what, GError **error)
{
	g_set_error(error, NET_ERROR, NET_ERROR_DESCRIPTOR,
		    "The TAP of adapter '%s' cannot be used, %s: have it opened with IFF_TAP, "
		    "IFF_NO_PI and IFF_VNET_HDR",
		    adapter, what);
	return false;
}

static bool net_tap_check(const char *adapter, int fd, bool several, GError **error)
{
	unsigned int wanted = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (several ? IFF_MULTI_QUEUE : 0u);
	struct ifreq request = {0};
	int header = sizeof(struct virtio_net_hdr);

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return net_tap_refuse(adapter, "it is no TAP", error);
	if (((unsigned int)(unsigned short)request.ifr_flags & wanted) != wanted)
		return net_tap_refuse(adapter, "it has other flags", error);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		return net_tap_refuse(adapter, g_strerror(errno), error);
	if (!net_fd_prepare(fd))
		return net_tap_refuse(adapter, g_strerror(errno), error);
	return true;
}

struct net_backend *net_tap_new(const char *adapter, const int *fds, unsigned int n, GError **error)
{
	if (n == 0 || n > NET_TAP_QUEUES_MAX) {
		g_set_error(error, NET_ERROR, NET_ERROR_LIMIT,
			    "The TAP of adapter '%s' has %u queues: give it 1 to %u", adapter, n,
			    NET_TAP_QUEUES_MAX);
		return NULL;
	}
	for (unsigned int i = 0; i < n; i++)
		if (!net_tap_check(adapter, fds[i], n > 1, error))
			return NULL;
	return net_packet_new(false, fds, n);
}
