/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an adapter's frames go and come from. A device knows only this header; what is behind it is
 * a TAP, passt, a switch between VMs, or nothing.
 *
 * Frames are Ethernet without FCS, each with a struct virtio_net_hdr (10 bytes, little-endian) that
 * says what is still to be done: checksum to fill in, TCP segments to cut. What comes from a back
 * end is as untrusted as what comes from a guest: its header may lie.
 *
 * Life: made on the main thread from descriptors that are open already (so that a sandbox may be
 * closed), attached to the device's I/O thread, used there, detached there, freed anywhere.
 */
#ifndef NET_BACKEND_H
#define NET_BACKEND_H

#include <glib.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "io_thread.h"

struct net_backend;

/* Ethernet and VLAN header before the 64 KiB that a segmentation offload may carry. */
#define NET_FRAME_MAX 65553u
#define NET_FRAME_MIN 14u
/* Pieces of memory that one frame may be made of. */
#define NET_FRAME_PIECES 64u

/* What a back end takes undone from the guest, and may hand undone to it. */
#define NET_OFFLOAD_CHECKSUM 0x1u
#define NET_OFFLOAD_TSO4     0x2u
#define NET_OFFLOAD_TSO6     0x4u

#define NET_ERROR (net_error_quark())
GQuark net_error_quark(void);
enum net_error { NET_ERROR_DESCRIPTOR, NET_ERROR_LIMIT, NET_ERROR_FAILED };

/* All on the I/O thread; none may detach or free the back end. */
struct net_backend_events {
	/* A frame for the guest, in memory of the back end that the callee may alter once it takes
	 * the frame. False: no room; the same frame comes again after net_backend_resume. */
	bool (*received)(void *context, const struct virtio_net_hdr *header, uint8_t *frame,
			 size_t size);
	/* The end of a row of the above: the time to tell the guest. */
	void (*received_all)(void *context);
	/* net_backend_can_send turned true again. */
	void (*writable)(void *context);
	/* The other side came or went for good. Up when attached unless told. */
	void (*link_changed)(void *context, bool up);
};

/* Starts to receive. events and context live until detach. Once until detached. */
bool net_backend_attach(struct net_backend *backend, struct io_thread *thread,
			const struct net_backend_events *events, void *context, GError **error);
/* No event comes after it. Fine when not attached. */
void net_backend_detach(struct net_backend *backend);
/* Detached; closes the descriptors. NULL is fine. */
void net_backend_free(struct net_backend *backend);

/* "tap", "user", "private", "none". Static. */
const char *net_backend_kind(const struct net_backend *backend);
uint32_t net_backend_offloads(const struct net_backend *backend);
/* Queues that net_backend_send may name; at least 1. */
unsigned int net_backend_queues(const struct net_backend *backend);

/* True: a frame is taken now, and also the further segments that it was cut into. */
bool net_backend_can_send(const struct net_backend *backend);
/*
 * Sends one frame of at most NET_FRAME_PIECES pieces and NET_FRAME_MAX bytes, copying or writing it
 * before it returns. queue: any number, taken modulo the queues. False: it was dropped.
 */
bool net_backend_send(struct net_backend *backend, unsigned int queue,
		      const struct virtio_net_hdr *header, const struct iovec *frame,
		      unsigned int n);
/* The machine with this address is reached here from now on: tells switches outside, where there
 * are some that could have learned another place, by an RARP frame. */
void net_backend_announce(struct net_backend *backend, const uint8_t mac[6]);
/* After `received` said false. */
void net_backend_resume(struct net_backend *backend);

struct net_backend_counters { /* monotonic */
	uint64_t sent, sent_bytes, received, received_bytes;
	uint64_t send_dropped;	    /* the other side took no more */
	uint64_t receive_malformed; /* too short, too long or broken framing */
};
void net_backend_counters(const struct net_backend *backend, struct net_backend_counters *counters);

#endif
