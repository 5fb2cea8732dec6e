/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bus of one partition, for whoever puts a machine together; VSPs need vmbus.h only.
 *
 * Threads: what the guest posts is queued by its VP threads and served on the control thread (an
 * io_thread, which devices may share); the control thread waits for a device's thread when it opens
 * or closes a channel, never the other way round. vmbus_new, vmbus_free and vmbus_reset belong to
 * the main thread, which may wait for the control thread.
 */
#ifndef VMBUS_BUS_H
#define VMBUS_BUS_H

#include "partition.h"
#include "vmbus.h"

enum vmbus_post_result {
	VMBUS_POST_DONE,    /* the message is in the slot, the guest was interrupted */
	VMBUS_POST_BUSY,    /* the slot is taken: vmbus_slot_freed will be called */
	VMBUS_POST_NOWHERE, /* no SIMP, or the SINT is masked: the message is lost */
};

/* What VMBus asks of the hypervisor below. All are called with no lock held. */
struct vmbus_hypervisor {
	/* A message of type 1 (a channel message), size <= 240 bytes, into the
	 * SINT's slot of the VP. On the control thread. */
	enum vmbus_post_result (*post_message)(void *context, uint32_t vp, uint32_t sint,
					       const void *payload, size_t size);
	/* Sets the event flag of the VP's SINT and interrupts it unless it was set. Any thread. */
	void (*signal_event)(void *context, uint32_t vp, uint32_t sint, uint32_t flag);
	/* From now on HvSignalEvent to the connection makes fd (an eventfd) readable, without an
	 * intercept where that can be had. False: cannot be done. Control thread. */
	bool (*bind_connection)(void *context, uint32_t connection_id, int fd);
	void (*unbind_connection)(void *context, uint32_t connection_id, int fd);
};

struct vmbus_config {
	struct partition *partition; /* borrowed: guest memory only */
	uint32_t vp_count;
	struct io_thread *thread; /* the control thread, borrowed */
	const struct vmbus_hypervisor *hypervisor;
	void *hypervisor_context;
	/* What the guest did wrong, one line, at most one in ten seconds. Any thread. May be NULL.
	 */
	void (*log)(void *context, const char *line);
	/* The guest's hv_sock wants a service of the host. True: it will be offered (vmbus_offer
	 * with the service as class, the endpoint as instance and flag 0x2000). Control thread.
	 * NULL: there is none. */
	bool (*tl_connect)(void *context, const struct vmbus_guid *endpoint,
			   const struct vmbus_guid *service);
	void *context; /* of the two above */
};

struct vmbus *vmbus_new(const struct vmbus_config *config);
/* Every device must have been rescinded, no VP may run. NULL is fine. */
void vmbus_free(struct vmbus *bus);

/*
 * A guest posted a message to connection 1 or 4. Any thread; copies and never waits. False: the
 * queue is full, which a guest learns as HV_STATUS_INSUFFICIENT_BUFFERS and tries again.
 */
bool vmbus_post(struct vmbus *bus, const void *payload, size_t size);

/* A SINT 2 message slot was found busy and is free now. Any thread; spurious calls are fine. */
void vmbus_slot_freed(struct vmbus *bus);

/*
 * The guest is reset: all channels are closed, what was posted is forgotten, the offers stay with
 * their relids and connection ids. While no VP runs. Waits.
 */
void vmbus_reset(struct vmbus *bus);

/* ---- saved states (main thread, while no VP runs) -------------------------------------------- */

/*
 * Serves what the guest posted and holds every channel: afterwards nothing of the bus or of a
 * device touches the guest's memory or interrupts it. Before anything else of the machine is saved,
 * lest an interrupt be lost between. Again does nothing.
 */
void vmbus_hold(struct vmbus *bus);
/* Goes on: every channel has its `ready`. */
void vmbus_release(struct vmbus *bus);
/* Held. Alters nothing. */
void vmbus_save(struct vmbus *bus, struct state_writer *writer);
/*
 * On a new bus with its devices, which no guest has contacted, over the memory of then. Each device
 * is known by its class and instance, and is found by the guest where it was. One that is gone, or
 * that cannot be restored, is taken from the guest; one that is new is offered. The bus is held, so
 * that nothing has been done when the rest of a machine is refused; its release interrupts where an
 * event may have been lost. False, and what is wrong told to the reader: the bus is as new.
 */
bool vmbus_restore(struct vmbus *bus, struct state_reader *reader);

struct vmbus_counters {	      /* since vmbus_new, monotonic */
	uint64_t messages;    /* taken from the guest */
	uint64_t refused;     /* not taken, the queue was full */
	uint64_t undefined;   /* of an undefined type */
	uint64_t malformed;   /* too short, or of no sense in the state the connection was in */
	uint64_t undelivered; /* messages of ours that had no slot to go to */
	uint64_t faults;      /* channels that were closed for what the guest sent */
};
void vmbus_get_counters(const struct vmbus *bus, struct vmbus_counters *out);
/* The protocol version in use, major << 16 | minor; 0 while not connected. Any thread. */
uint32_t vmbus_version(const struct vmbus *bus);

#endif
