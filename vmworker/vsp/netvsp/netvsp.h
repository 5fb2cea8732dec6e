/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The synthetic network adapter: NVSP and RNDIS over VMBus on one side, a network back end on the
 * other. Main thread unless it says otherwise; the work is done on the I/O thread.
 */
#ifndef NETVSP_H
#define NETVSP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "net_backend.h"
#include "vmbus.h"

struct netvsp;

#define NETVSP_CHANNELS_MAX 64u

struct netvsp_config {
	struct vmbus *bus;
	struct io_thread *thread;    /* borrowed */
	struct net_backend *backend; /* borrowed, not attached; free it after netvsp_free */
	const char *name;	     /* for logs and counters, "nic0"; copied */
	struct vmbus_guid instance;  /* the adapter's identity, kept for ever */
	uint8_t mac[6];		     /* unicast */
	bool fixed_mac;		     /* frames of the guest with another source are dropped */
	unsigned int channels;	     /* at most; 1 to NETVSP_CHANNELS_MAX: one per VP is right */
	uint64_t link_speed;	     /* bits per second, as the guest shows it; 0: 10 Gbit/s */
	uint64_t send_limit, receive_limit; /* bytes per second, of the guest; 0: none */
};

struct netvsp *netvsp_new(const struct netvsp_config *config, GError **error);
/* Takes the adapter from the guest. NULL is fine. */
void netvsp_free(struct netvsp *netvsp);

/* Pulls or plugs the cable. The guest sees a link only when the back end has one as well. */
void netvsp_set_link(struct netvsp *netvsp, bool up);
void netvsp_set_limits(struct netvsp *netvsp, uint64_t send, uint64_t receive);

struct netvsp_counters {	   /* monotonic, from the guest's point of view */
	uint64_t sent, sent_bytes; /* frames; a large one counts once */
	uint64_t received, received_bytes;
	uint64_t sent_large, received_large; /* of these: several segments in one */
	uint64_t send_dropped;		     /* the back end took them not */
	uint64_t send_invalid;		     /* malformed, or a source address it may not have */
	uint64_t receive_filtered;	     /* not for this adapter */
	uint64_t receive_dropped;	     /* the guest was not ready, or the frame too large */
	uint64_t receive_stalls;	     /* times that the guest had no room */
	uint64_t throttled;		     /* times that a limit made it wait */
	uint64_t faults;		     /* times that the protocol was broken */
	uint64_t batches;		     /* packets that carried the frames received */
};

struct netvsp_state {
	struct netvsp_counters counters;
	uint32_t version;      /* NVSP, 0x60001 for 6.1; 0: no driver */
	uint32_t mtu;	       /* as the guest set it */
	unsigned int channels; /* open */
	bool link_up;	       /* as the guest sees it */
	uint8_t mac[6];	       /* as the guest uses it */
};
/* Asks the I/O thread. */
void netvsp_state(struct netvsp *netvsp, struct netvsp_state *state);

#endif
