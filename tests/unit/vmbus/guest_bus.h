/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of VMBus and the hypervisor between: one message slot, event flags, and a guest driver's
 * way of doing things. Every wait is bounded and fails the test.
 */
#ifndef GUEST_BUS_H
#define GUEST_BUS_H

#include "guest_ring.h"
#include "vmbus_bus.h"
#include "vmbus_wire.h"

#define GUEST_VPS    4u
#define GUEST_MEMORY (8u << 20)

struct guest_message {
	uint32_t vp, size;
	union {
		struct wire_header header;
		struct wire_offer offer;
		struct wire_relid relid;
		struct wire_open_result open_result;
		struct wire_gpadl_created created;
		struct wire_gpadl_torndown torndown;
		struct wire_version_response version;
		struct wire_modify_channel_response modified;
		struct wire_tl_connect_result tl_result;
		uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
	};
};

struct guest_bus {
	struct partition *partition;
	struct io_thread *control, *thread; /* of the bus, of the devices */
	struct vmbus *bus;
	GMutex lock;
	GCond changed;
	bool full, refused; /* the slot; whether the host found it full */
	bool nowhere;	    /* no SIMP */
	struct guest_message slot;
	int fds[VMBUS_RELIDS]; /* bound connections; 0: none */
	unsigned int fail_binds;
	bool flags[GUEST_VPS][VMBUS_RELIDS];
	unsigned int interrupts;
	unsigned int lines; /* logged */
	bool accept_tl;
	struct vmbus_config config;
	struct vmbus_guid tl_service;
};

void guest_bus_init(struct guest_bus *g);
void guest_bus_clear(struct guest_bus *g);
/* A new bus for the same guest, which knows nothing of that. The old one's devices have gone. */
void guest_bus_move(struct guest_bus *g);
/* Holds the bus and saves it. */
GBytes *guest_bus_save(struct guest_bus *g);
bool guest_bus_restore(struct guest_bus *g, GBytes *bytes);
/* The same, without the release at the end. */
bool guest_bus_restore_held(struct guest_bus *g, GBytes *bytes);
/* The same with one bit spoilt, or cut off somewhere. */
GBytes *guest_bus_spoil(GBytes *bytes);
/* The control thread and then the devices' have nothing more to do. */
void guest_bus_settle(struct guest_bus *g);

bool guest_bus_post(struct guest_bus *g, const void *message, size_t size);
void guest_bus_post_relid(struct guest_bus *g, uint32_t type, uint32_t relid);
/* Waits for the next message, which must be of the type. */
void guest_bus_take(struct guest_bus *g, enum vmbus_message_type type, struct guest_message *m);
/* No message is there, and none is coming of what was posted. */
void guest_bus_expect_none(struct guest_bus *g);

/* INITIATE_CONTACT and its answer. */
bool guest_bus_contact(struct guest_bus *g, uint32_t version);
/* The same, asking for offers; returns the number of offers, their relids in relids[16]. */
unsigned int guest_bus_connect(struct guest_bus *g, uint32_t version, uint32_t *relids);

uint8_t *guest_bus_page(struct guest_bus *g, uint64_t page);
/* Makes a GPADL of n pages, numbered in `pages`; the status of the answer. */
uint32_t guest_bus_gpadl(struct guest_bus *g, uint32_t relid, uint32_t id, const uint64_t *pages,
			 uint32_t n);
/* Without waiting for the answer, and with it. */
void guest_bus_post_teardown(struct guest_bus *g, uint32_t relid, uint32_t id);
void guest_bus_teardown(struct guest_bus *g, uint32_t relid, uint32_t id);
/* The answer, which must be the next message. */
void guest_bus_take_torndown(struct guest_bus *g, uint32_t id);

/* The host's event flag of a channel: waits for it, and clears it. */
void guest_bus_wait_event(struct guest_bus *g, uint32_t vp, uint32_t relid);

#define GUEST_CHANNEL_PAGES 16u
struct guest_channel {
	struct guest_bus *g;
	uint32_t relid, gpadl, vp;
	uint8_t *pages[GUEST_CHANNEL_PAGES]; /* the first half is to the host */
	struct guest_ring to_host, to_guest;
};

/* Makes the rings (pages from page `first` on), their GPADL, and opens. The status. */
uint32_t guest_channel_open(struct guest_channel *c, struct guest_bus *g, uint32_t relid,
			    uint64_t first, uint32_t vp);
/* OPENCHANNEL alone, with the rings as they are. */
uint32_t guest_channel_reopen(struct guest_channel *c);
/* CLOSECHANNEL and the teardown. */
void guest_channel_close(struct guest_channel *c);
/* Sends, and signals when the ring says so. There must be room. */
void guest_channel_send(struct guest_channel *c, const struct guest_packet *packet);
void guest_channel_signal(struct guest_channel *c);
/* Reads one packet, waiting for the host's event. */
void guest_channel_receive(struct guest_channel *c, struct guest_packet *packet);

#endif
