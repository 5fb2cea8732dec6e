/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a port of vmms-switch is had: connect a SOCK_SEQPACKET socket to RUNTIME/switch and send this
 * once. From then on each message is a struct virtio_net_hdr and an Ethernet frame, and the socket
 * can be given to a worker. A switch exists as long as it has a port. A first message that is not
 * this closes the socket.
 */
#ifndef VMMS_SWITCH_PORT_WIRE_H
#define VMMS_SWITCH_PORT_WIRE_H

#include <stdint.h>

#define VMMS_SWITCH_SOCKET "switch" /* in the runtime directory */
#define VMMS_SWITCH_MAGIC  "VMMSSW1"

struct vmms_switch_port {
	char magic[8];
	char network[72]; /* 1 to 64 bytes of A-Z a-z 0-9 - _ . and zeros */
	uint8_t mac[6];	  /* frames with another source are dropped */
	uint8_t zero[2];
};

_Static_assert(sizeof(struct vmms_switch_port) == 88, "wire");

#endif
