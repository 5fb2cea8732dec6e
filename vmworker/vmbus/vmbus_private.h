/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of this folder share. Three owners:
 *  - the control thread: the connection, every device's slots, the GPADL table, the outbox;
 *  - a device's thread: its open channels (struct vmbus_channel) and what vmbus_channel_* touch;
 *  - `lock` of the bus: the inbox and the log's clock.
 */
#ifndef VMBUS_PRIVATE_H
#define VMBUS_PRIVATE_H

#include <stdatomic.h>

#include "gpadl.h"
#include "message.h"
#include "ring.h"
#include "vmbus_bus.h"

#define INBOX_MAX	1024u /* messages of the guest that wait */
#define OUTBOX_PATIENCE 64u   /* messages to it that wait before its own have to */

/* How the guest sees one channel of a device, on the present connection. */
enum slot_state {
	SLOT_IDLE,	/* not offered */
	SLOT_OFFERED,	/* or closed again */
	SLOT_OPEN,	/* though the device's thread may have closed it for a fault */
	SLOT_RESCINDED, /* the guest still has its relid */
};

struct slot {
	enum slot_state state;
	bool wanted;		       /* to be offered as soon as the guest released it */
	int fd;			       /* signals of the guest; -1 until the first offer */
	struct vmbus_channel *channel; /* OPEN: the device thread's */
};

struct vmbus_device {
	atomic_uint refs;
	struct vmbus *bus;
	struct vmbus_device_config config;
	char *name;
	uint32_t relid;	    /* of slot 0; those of the others follow */
	struct slot *slots; /* 1 + max_sub_channels */
	bool gone;	    /* rescinded: only references are left */

	/* The device's thread; the control thread may look while it waits for it. */
	GPtrArray *channels;	       /* open ones */
	uint32_t opening;	       /* counts the primary's openings */
	uint16_t n_asked;	       /* sub-channels since the primary was opened */
	struct vmbus_channel *serving; /* whose `ready` runs */
};

/* On its device's thread. */
struct vmbus_channel {
	struct vmbus_device *device;
	uint16_t index;
	uint32_t relid, target_vp;
	int fd; /* the slot's */
	struct io_watch *watch;
	struct io_timer *room_timer;
	bool open;
	bool faulted;	/* to be closed as soon as `ready` returns */
	bool interrupt; /* the guest is to be interrupted by the next flush */
	bool held;	/* nothing moves: it is saved, or has not been restored in full */
	uint32_t to_guest_page;
	uint8_t user_data[120]; /* with which it was opened */

	struct gpadl *ring_gpadl; /* keeps the rings' pages named */
	uint8_t **pages;
	struct ring_in in;
	struct ring_out out;

	uint8_t *packet; /* the last one received, with its descriptor */
	uint32_t packet_room;
	struct gpa_list buffer; /* and its pages */
	GPtrArray *gpadls;	/* those that the VSP has seen */
};

struct posted {
	size_t size;
	uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
};

struct outgoing {
	uint32_t vp;
	uint32_t size;
	uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
};

struct vmbus {
	struct vmbus_config config;
	GMutex lock;
	GQueue inbox; /* struct posted */
	bool pumping; /* the control thread was told */
	/* Between vmbus_hold and vmbus_release nothing goes to the guest. Set by the control
	 * thread. */
	atomic_bool held;
	gint64 logged_at;
	uint64_t unlogged;

	/* The connection; the control thread. */
	atomic_uint version; /* 0: none */
	uint32_t message_vp; /* who gets our messages */
	bool offers_requested;
	GQueue outbox; /* struct outgoing */
	bool slot_busy;
	struct gpadl_table *gpadls;
	GPtrArray *devices; /* in order of offer */
	struct vmbus_device *owner[VMBUS_RELIDS];
	bool ghost[VMBUS_RELIDS]; /* the guest has the relid of a device that is gone */

	atomic_uint_fast64_t messages, refused, undefined, malformed, undelivered, faults;
};

/* ---- bus.c ---------------------------------------------------------------------------------- */

/* Counts and logs what the guest did wrong. Any thread. */
void bus_complain(struct vmbus *bus, atomic_uint_fast64_t *counter, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/* Tells the guest that it gets no channel to that service. */
void connection_tl_refuse(struct vmbus *bus, const struct vmbus_guid *endpoint,
			  const struct vmbus_guid *service);
/* Queues a message to the guest and sends what can be sent. Control thread. */
void bus_send(struct vmbus *bus, const void *message, size_t size);
/* Forgets messages that were not sent. Control thread. */
void bus_forget_outgoing(struct vmbus *bus);
/* All that the guest said, and all that it was told. Control thread. */
void bus_forget(struct vmbus *bus);
/* Who calls it waits for what was posted before. */
void bus_nothing(void *context);
/* Has the control thread send and serve what waits. With the lock held. */
void bus_wake(struct vmbus *bus);

/* ---- connection.c (control thread) ---------------------------------------------------------- */

void connection_receive(struct vmbus *bus, const void *data, size_t size);
/* Closes every channel and forgets all that the guest made known. */
void connection_end(struct vmbus *bus);
bool connection_version_is_known(uint32_t version);
/* Tells the guest of GPADLs that it tore down and whose last user has let go of them since. */
void connection_answer_torn(struct vmbus *bus);

/* ---- device.c (control thread) -------------------------------------------------------------- */

struct vmbus_device *device_ref(struct vmbus_device *device);
void device_unref(struct vmbus_device *device);
/* The slot of a relid, NULL unless it is of a device. */
struct slot *device_slot(struct vmbus *bus, uint32_t relid, struct vmbus_device **device,
			 uint16_t *index);
/* Offers a slot that is IDLE. */
void device_offer_slot(struct vmbus_device *device, uint16_t index);
/* Closes it when it is open; for slot 0 the others before, and these are rescinded. */
void device_close_slot(struct vmbus_device *device, uint16_t index);
/* The guest gave the relid back. */
void device_release_slot(struct vmbus_device *device, uint16_t index);
/* Closes all, without a word to the guest, which has forgotten us. */
void device_forget(struct vmbus_device *device);
/* Whom the guest signals: an eventfd for the slot. False and errno: there is none. */
bool device_bind_slot(struct vmbus_device *device, uint16_t index);
void device_unbind_slot(struct vmbus_device *device, uint16_t index);
/* Takes back a slot that is OFFERED. */
void device_rescind_slot(struct vmbus_device *device, uint16_t index);
/* The first of n relids in a row that nobody has, 0 when there are none. */
uint32_t device_find_relids(const struct vmbus *bus, uint32_t n);
/* Gives it the relids from that one on, which nobody has. */
void device_place(struct vmbus_device *device, uint32_t relid);

/* ---- channel.c ------------------------------------------------------------------------------ */

struct channel_opening {
	struct vmbus_device *device;
	uint16_t index;
	int fd;
	uint32_t target_vp, to_guest_page;
	struct gpadl *ring; /* taken over */
	uint8_t user_data[120];
};

/* These run on the device's thread and are waited for. NULL: refused. */
struct vmbus_channel *channel_open(const struct channel_opening *opening);
/* The same in steps: it is made, its rings are looked at, and the VSP is told. */
struct vmbus_channel *channel_new(const struct channel_opening *opening);
bool channel_map_rings(struct vmbus_channel *channel);
bool channel_start(struct vmbus_channel *channel);
/* One that was not started. */
void channel_free(struct vmbus_channel *channel);
/* Closes it unless it was closed, and frees it. */
void channel_close(struct vmbus_channel *channel);
void channel_set_target_vp(struct vmbus_channel *channel, uint32_t vp);
/* Closes one that has failed, as far as its VSP is concerned. */
void channel_fail(struct vmbus_channel *channel);
/* Whether sub-channels may be opened: the primary is, and has not failed. */
bool channel_device_is_open(const struct vmbus_device *device);
/* The interrupt that was kept back. */
void channel_interrupt(struct vmbus_channel *channel);

/* ---- channel_saved.c (the device's thread, waited for) --------------------------------------- */

void channel_hold(struct vmbus_channel *channel);
void channel_release(struct vmbus_channel *channel);
void channel_save(struct vmbus_channel *channel, struct state_writer *writer);
/*
 * Opens it anew and leaves it held. One that had failed, or whose rings a guest has spoilt since,
 * is one that the VSP does not have. opening->ring is not looked at. NULL with a fault.
 */
struct vmbus_channel *channel_restore(struct channel_opening *opening, struct state_reader *reader);

#endif
