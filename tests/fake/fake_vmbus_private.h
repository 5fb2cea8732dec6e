/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fake's files share: fake_vmbus.c, and fake_vmbus_saved.c for saved states. */
#ifndef FAKE_VMBUS_PRIVATE_H
#define FAKE_VMBUS_PRIVATE_H

#include "fake_vmbus.h"

struct vmbus {
	GPtrArray *devices; /* in order of offer */
	unsigned int fail_offers, refusals;
};

struct vmbus_device {
	struct vmbus *bus;
	struct vmbus_device_config config;
	char *name;
	uint16_t n_sub_channels;
	GPtrArray *channels; /* every one that was opened */
	GHashTable *gpadls;  /* id -> struct fake_gpadl */
	GPtrArray *torn;     /* the same, without an id */
};

struct fake_pushed;

struct vmbus_channel {
	struct vmbus_device *device;
	uint16_t index;
	GMutex lock;
	GCond sent_one;
	bool open;
	bool closing; /* to be closed when `ready` returns */
	bool held;    /* for a saved state */
	uint8_t user_data[120];
	uint32_t to_host, to_guest;
	GQueue to_vsp;		    /* struct fake_pushed */
	struct fake_pushed *in_use; /* what the last receive gave */
	GQueue from_vsp;	    /* struct fake_sent */
	uint32_t room;
	bool wants_room, unflushed;
	unsigned int refused, flushes, faults;
	char *last_fault;
};

struct fake_opening {
	struct vmbus_channel *channel;
	uint8_t user_data[120];
};

/* On the device's thread: `opened` of a new channel. */
void fake_channel_run_opened(void *context);
/* Not open yet. */
struct vmbus_channel *fake_channel_new(struct vmbus_device *device, uint16_t index);

#endif
