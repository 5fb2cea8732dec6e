/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The back end over descriptors that keep frames apart; see net_backends.h for its two uses. */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include "net_backend.h"

/* Takes over the descriptors, which do not block and were checked. socket: SOCK_SEQPACKET, else
 * queues of a TAP. */
struct net_backend *net_packet_new(bool socket, const int *fds, unsigned int n);

#endif
