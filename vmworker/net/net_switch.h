/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A learning switch between VMs of one host, over connected Unix SOCK_SEQPACKET sockets, for a
 * helper process of its own. A message is a struct virtio_net_hdr and an Ethernet frame; it is
 * passed on as it came, so that large segments stay large from one VM to the other. The receiver
 * checks it: a port trusts nobody behind another port.
 *
 * A port that does not read loses frames; nothing is queued here beyond the sockets' buffers. One
 * thread.
 */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct net_switch;

#define NET_SWITCH_PORTS_MAX	 256u
#define NET_SWITCH_MACS_PER_PORT 64u
#define NET_SWITCH_MAC_AGE	 300u /* seconds */
#define NET_SWITCH_PORT_NONE	 UINT32_MAX

#define NET_SWITCH_ERROR (net_switch_error_quark())
GQuark net_switch_error_quark(void); /* one code: 0 */

struct net_switch *net_switch_new(GError **error);
void net_switch_free(struct net_switch *net); /* closes every port; NULL is fine */

/* Takes over fd. only_mac: frames with another source address are dropped; NULL: any may come.
 * Returns the port's number, or NET_SWITCH_PORT_NONE with the error and fd left to the caller. */
uint32_t net_switch_add_port(struct net_switch *net, int fd, const uint8_t only_mac[6],
			     GError **error);
void net_switch_remove_port(struct net_switch *net, uint32_t port);
uint32_t net_switch_n_ports(const struct net_switch *net);

/* Readable when net_switch_run has something to do. Borrowed. */
int net_switch_fd(const struct net_switch *net);
/* Forwards what there is, waiting at most timeout_ms for the first (-1: for ever, 0: not). A port
 * whose other end closed is removed. False: poll failed, errno says why. */
bool net_switch_run(struct net_switch *net, int timeout_ms);

struct net_switch_counters {	     /* monotonic */
	uint64_t forwarded, flooded; /* frames that came; a flooded one goes out many times */
	uint64_t dropped;	     /* no room at the other port */
	uint64_t refused;	     /* too short, too long, or with a source it may not have */
};
void net_switch_counters(const struct net_switch *net, struct net_switch_counters *counters);

#endif
