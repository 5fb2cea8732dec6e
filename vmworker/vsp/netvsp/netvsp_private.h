/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The adapter's parts, all on its I/O thread:
 *   netvsp.c          life, VMBus operations, the turn of a channel
 *   netvsp_control.c  NVSP and RNDIS control messages
 *   netvsp_outbox.c   what is to be told to the guest, while its ring may have no room
 *   netvsp_send.c     guest to back end
 *   netvsp_receive.c  back end to guest
 *   netvsp_saved.c    saved states
 *
 * Room, one way: a packet of the guest stays with its channel (`busy`) while the back end takes no
 * more, the limit is reached or the turn is over, and its completion (`owed`) while the ring is
 * full; the channel receives nothing else meanwhile. The other way: frames stay with the back end
 * while no section of the receive buffer is free, and what is in sections stays in the channel's
 * batch while the ring is full. So nothing grows.
 *
 * A channel that is `held` leaves its rings alone, and what would need them waits as if they were
 * full: frames stay with the back end.
 */
#ifndef NETVSP_PRIVATE_H
#define NETVSP_PRIVATE_H

#include "net_bucket.h"
#include "net_buffer.h"
#include "netvsp.h"
#include "nvsp.h"
#include "rndis.h"
#include "rndis_adapter.h"

#define NETVSP_BUDGET	     256u   /* messages and segments of a channel in its turn */
#define NETVSP_PIECES	     60u    /* of a packet of the guest: send section and buffer */
#define NETVSP_RANGES	     64u    /* frames of a packet for the guest; older drivers' limit */
#define NETVSP_SECTIONS_MAX  16384u /* of the receive buffer that are used */
#define NETVSP_SECTION_ALIGN 64u
#define NETVSP_SEND_SECTION  6144u
#define NETVSP_OUTBOX_MAX    32u
#define NETVSP_NONE	     UINT32_MAX

struct netvsp_batch { /* frames in sections, not sent yet */
	unsigned int n;
	struct vmbus_xfer_range ranges[NETVSP_RANGES];
	uint32_t sections[NETVSP_RANGES];
};

struct netvsp_channel {
	struct netvsp *netvsp;
	struct vmbus_channel *vmbus; /* NULL: closed */
	uint16_t index;
	bool faulted, running;
	bool held;  /* for a saved state, until `ready` */
	bool again; /* waits for its turn, see netvsp_turns */

	/* The packet of the guest that is being sent. */
	bool busy, owed, wants_completion;
	uint64_t transaction;
	uint32_t status; /* NVSP_STATUS_* of it */
	struct iovec pieces[NETVSP_PIECES];
	unsigned int n_pieces;
	size_t size, done;     /* bytes */
	unsigned int messages; /* in it so far */
	unsigned int spent;    /* packets, messages and further segments of this turn */

	struct netvsp_batch batch;
	bool full;  /* the ring did not take the batch */
	bool dirty; /* something was sent since the last flush */
};

struct netvsp_flight { /* a batch that the guest has; its index is in the transaction id */
	bool used;
	uint16_t channel;
	uint32_t first; /* section; the others by netvsp_sections.next */
};

struct netvsp_sections { /* of the receive buffer */
	struct net_buffer buffer;
	uint32_t gpadl;
	uint16_t id;
	uint32_t size, n;    /* bytes of each; number */
	uint32_t generation; /* of the buffer; in the transaction id */
	uint32_t *free, n_free;
	uint32_t *next;
	struct netvsp_flight *flights;
	uint32_t *free_flights, n_free_flights;
};

struct netvsp_letter {
	enum vmbus_packet_type type;
	uint64_t transaction;
	size_t size;
	uint8_t data[RNDIS_CONTROL_MAX];
};

struct netvsp {
	struct vmbus_device *device;
	struct io_thread *thread;
	struct net_backend *backend;
	char *name;
	struct netvsp_counters counters;
	bool link_wanted, link_backend;
	bool again_posted;
	unsigned int turn; /* the channel whose turn is next */
	bool stalled;	   /* the back end waits for room */

	struct nvsp nvsp;
	struct rndis_adapter rndis;
	struct netvsp_sections sections;
	struct net_buffer send_buffer;
	uint32_t send_gpadl;
	uint32_t n_send_sections;
	uint16_t sub_channels; /* offered since the primary channel was opened */
	bool spread;	       /* the guest was told to send over all of them */
	bool moved;	       /* a saved state was taken up: nobody outside has heard of us yet */
	GQueue outbox;	       /* struct netvsp_letter, for the primary channel */

	struct net_bucket send_bucket, receive_bucket;
	struct io_timer *send_timer, *receive_timer;
	unsigned int n_channels;
	struct netvsp_channel *channels;
};

/* netvsp.c */
uint64_t netvsp_now(void); /* ns */
void netvsp_fault(struct netvsp_channel *channel, const char *what);
/* May use the channel's rings. */
bool netvsp_channel_is_live(const struct netvsp_channel *channel);
/* Interrupts the guest if something was sent. */
void netvsp_channel_flush(struct netvsp_channel *channel);
/* The channel of an open one of VMBus. */
struct netvsp_channel *netvsp_channel(struct netvsp *netvsp, struct vmbus_channel *vmbus);
/* Takes what there is to do on a channel, up to what one turn may take. */
void netvsp_channel_run(struct netvsp_channel *channel);
/* All open channels have a turn, the first at once, the others one by one as others of the thread
 * have theirs. */
void netvsp_turns(struct netvsp *netvsp);

/* netvsp_control.c: a packet that is neither a completion nor RNDIS data. */
void netvsp_control(struct netvsp_channel *channel, const struct vmbus_packet *packet,
		    const struct nvsp_message *message);
/* An RNDIS control message in the pieces of the channel. */
void netvsp_control_rndis(struct netvsp_channel *channel);
/* The adapter becomes what NVSP says. */
void netvsp_control_agreed(struct netvsp *netvsp);
void netvsp_control_link(struct netvsp *netvsp);
/* The guest lends the pages of a GPADL. False: it has none that would do. */
bool netvsp_control_lend_receive(struct netvsp *netvsp, uint32_t gpadl, uint16_t id,
				 uint32_t section);
bool netvsp_control_lend_send(struct netvsp *netvsp, uint32_t gpadl);
/* The pages are still the guest's to lend. */
bool netvsp_control_is_lent(const struct netvsp *netvsp, uint32_t gpadl,
			    const struct net_buffer *buffer);
void netvsp_control_reset(struct netvsp *netvsp);

/* netvsp_outbox.c */
void netvsp_outbox_put(struct netvsp *netvsp, enum vmbus_packet_type type, uint64_t transaction,
		       const void *data, size_t size);
void netvsp_outbox_flush(struct netvsp *netvsp);
void netvsp_outbox_clear(struct netvsp *netvsp);
bool netvsp_outbox_full(struct netvsp *netvsp);

/* netvsp_send.c */
/* Takes the packet over into the channel. */
void netvsp_send_begin(struct netvsp_channel *channel, const struct vmbus_packet *packet,
		       const struct nvsp_rndis_packet *rndis);
/* False: it has to wait, for the next turn of the channel when this one has spent its budget. */
bool netvsp_send_continue(struct netvsp_channel *channel);

/* netvsp_receive.c */
extern const struct net_backend_events netvsp_backend_events;
/* The bytes of a section that frames of the MTU need. */
uint32_t netvsp_receive_section(uint32_t mtu);
/* section: its bytes; 0: what suits the buffer. */
void netvsp_receive_set_buffer(struct netvsp *netvsp, const struct iovec *pages, uint32_t n,
			       uint32_t section);
void netvsp_receive_clear(struct netvsp *netvsp);
/* The guest gave a batch back. NULL, or what is wrong (static). */
const char *netvsp_receive_complete(struct netvsp_channel *channel, uint64_t transaction);
/* The channel is closed: its sections come back. */
void netvsp_receive_abandon(struct netvsp_channel *channel);
/* Sends the channel's batch. False: no room. */
bool netvsp_receive_flush(struct netvsp_channel *channel);
/* A control message in a section of its own. False: no room. */
bool netvsp_receive_control(struct netvsp_channel *channel, const void *message, size_t size);
/* Lets the back end go on if it waits for room. */
void netvsp_receive_resume(struct netvsp *netvsp);

/* netvsp_saved.c */
void netvsp_hold(void *context, struct vmbus_channel *vmbus);
void netvsp_save(void *context, struct vmbus_channel *vmbus, struct state_writer *writer);
void netvsp_restore(void *context, struct vmbus_channel *vmbus, struct state_reader *reader);
/* After `ready` of a channel that was held. */
void netvsp_release(struct netvsp_channel *channel);

#endif
