/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that answers each packet with a completion of its payload; a GPA-direct one has its
 * buffer filled with 0xa5. What it saw is counted. Its own "protocol" is the first payload byte.
 */
#ifndef ECHO_VSP_H
#define ECHO_VSP_H

#include <stdatomic.h>

#include "vmbus.h"

enum echo_command {
	ECHO_PLAIN = 0,
	ECHO_SUB_CHANNELS = 1, /* payload[1]: how many; the answer's first byte: how many it got */
	ECHO_FAULT = 2,
	ECHO_XFER = 3,	  /* answered with a XFER_PAGES packet of two ranges instead */
	ECHO_GPADL = 4,	  /* payload[4..7]: its id; the answer's bytes 8..15: its size, 0: none */
	ECHO_MUTE = 5,	  /* no answer */
	ECHO_LATER = 6,	  /* the channel is faulted by posted work, after `ready` */
	ECHO_RELEASE = 7, /* payload[4..7]: the id of a GPADL that it has no more use for */
};

struct echo_vsp {
	struct vmbus_device *device;
	struct io_thread *thread;
	atomic_uint opened, closed, received;
	atomic_uint open_now;
	atomic_bool refuse;
	struct vmbus_packet held; /* whose answer found no room, with its own copy of the payload */
	uint8_t *held_payload;
	bool holds;
	bool on_hold;	   /* for a saved state */
	uint64_t farewell; /* sent by a hold, and not flushed; 0: nothing is */
	bool strangers;	   /* any channel is opened */
	struct vmbus_channel *late;
	struct vmbus_channel *primary, *fails; /* fails: when another channel is held */
};

/* Offers it as `name`, its instance id made of `number`; NULL and *error like vmbus_offer. */
struct echo_vsp *echo_vsp_new(struct vmbus *bus, struct io_thread *thread, const char *name,
			      uint8_t number, uint16_t max_sub_channels, GError **error);
void echo_vsp_free(struct echo_vsp *echo);

#endif
