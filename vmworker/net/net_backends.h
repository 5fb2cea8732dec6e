/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The back ends there are. Each constructor takes over its descriptors when it succeeds, and checks
 * them, so that a wrong one is refused at once with a sentence. `adapter` names the adapter in
 * messages. Main thread, before a sandbox closes.
 */
#ifndef NET_BACKENDS_H
#define NET_BACKENDS_H

#include "net_backend.h"

#define NET_TAP_QUEUES_MAX 16u

/*
 * Queues of one TAP that somebody opened with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, and with
 * IFF_MULTI_QUEUE when there are several. Sets the header size and what the kernel may leave undone
 * (TUNSETVNETHDRSZ, TUNSETOFFLOAD), so it needs ioctl; later it needs readv and writev only.
 */
struct net_backend *net_tap_new(const char *adapter, const int *fds, unsigned int n,
				GError **error);

/*
 * passt, or anything that speaks its protocol: a connected Unix stream socket on which each frame
 * has its length before it, 32 bits big-endian. Knows no offloads. Needs recvmsg and sendmsg.
 */
struct net_backend *net_user_new(const char *adapter, int fd, GError **error);

/*
 * A port of a switch of this host (net_switch.h): a connected Unix SOCK_SEQPACKET socket, each
 * message a struct virtio_net_hdr and a frame. Needs recvmsg and sendmsg.
 */
struct net_backend *net_port_new(const char *adapter, int fd, GError **error);

/* No connection: the link is down. */
struct net_backend *net_none_new(void);

#endif
