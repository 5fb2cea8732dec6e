/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One ring in guest memory, from the host's side: a control page, then data. Pure: no descriptors,
 * no interrupts; what must be signalled is in the return values.
 *
 * Who moves what: ring_in (guest to host) owns read_index, interrupt_mask and the feature bits, the
 * guest write_index and pending_send_size; in ring_out (host to guest) it is the other way round.
 * The guest may write anything anywhere at any time. So our own index is never read back, the
 * guest's is loaded once and checked, and a packet's bytes are copied out once and only the copy is
 * used.
 *
 * One index is never equal to the other but when the ring is empty: a writer needs more free bytes
 * than it writes.
 *
 * Threading: a ring belongs to one thread; the guest is the other one.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmbus_wire.h"

#define RING_PAGE_SIZE 4096u

enum ring_result {
	RING_OK,
	RING_EMPTY,   /* in */
	RING_FULL,    /* out: not now */
	RING_TOO_BIG, /* out: never */
	RING_CORRUPT, /* an index or a length that no honest guest writes */
};

struct ring_memory {
	struct ring_control *control;
	uint8_t *flat;	      /* the data when it is contiguous here, else NULL */
	uint8_t *const *page; /* each page of data, borrowed */
	uint32_t size;	      /* bytes of data */
};

/*
 * pages: control page and at least one data page, borrowed for the life of the ring; at most
 * UINT32_MAX / RING_PAGE_SIZE.
 */
void ring_memory_init(struct ring_memory *memory, uint8_t *const *pages, uint32_t n_pages);

struct ring_in {
	struct ring_memory memory;
	uint32_t read;	    /* up to here we read */
	uint32_t published; /* up to here the guest knows */
	uint32_t pending;   /* bytes of the packet that was peeked, 0: none */
	bool masked;
	bool wake; /* the guest waits for room that it was given */
};

/* Begins where the guest says. CORRUPT when that is nowhere. */
enum ring_result ring_in_init(struct ring_in *ring, uint8_t *const *pages, uint32_t n_pages);

/*
 * The next packet's descriptor, a copy; `size` its bytes with the descriptor, without the trailer,
 * and 16 <= offset8 * 8 <= size. OK, EMPTY or CORRUPT. While packets are found the guest is told
 * not to signal; EMPTY means that it was given all room back and told to signal again, and that
 * nothing came meanwhile.
 */
enum ring_result ring_in_peek(struct ring_in *ring, struct wire_packet *packet, uint32_t *size);
/* Copies from the packet that was peeked: offset + size <= its size. */
void ring_in_copy(const struct ring_in *ring, uint32_t offset, void *to, uint32_t size);
/* Steps over the packet that was peeked. The guest learns of it with ring_in_publish. */
void ring_in_pop(struct ring_in *ring);
/* Gives what was read back to the guest. True: it waited for room that it got since the last call,
 * interrupt it. */
bool ring_in_publish(struct ring_in *ring);
/* Bytes that were read and not published yet. */
uint32_t ring_in_unpublished(const struct ring_in *ring);
/* The guest waits for room. */
bool ring_in_guest_waits(const struct ring_in *ring);

struct ring_out {
	struct ring_memory memory;
	uint32_t write;	    /* up to here we wrote */
	uint32_t published; /* up to here the guest knows */
	uint32_t read;	    /* the guest's read index as last seen */
	bool waiting;	    /* pending_send_size is set */
};

enum ring_result ring_out_init(struct ring_out *ring, uint8_t *const *pages, uint32_t n_pages);

/*
 * Writes a packet: `parts`, padded with zeros to 8 bytes, and the trailer. OK, TOO_BIG, CORRUPT, or
 * FULL: then the guest was asked to signal when there is room (if it can: ring_out_guest_signals),
 * and what was written before is published, with *signal as ring_out_publish says.
 */
enum ring_result ring_out_put(struct ring_out *ring, const struct iovec *parts, unsigned int n,
			      bool *signal);
/* Shows the guest what was written. True: it sleeps, interrupt it. */
bool ring_out_publish(struct ring_out *ring);
/* The guest signals when there is room again; if not, one has to look now and then. */
bool ring_out_guest_signals(const struct ring_out *ring);
/* The guest had read all, when it was last looked at. */
bool ring_out_is_empty(const struct ring_out *ring);

#endif
