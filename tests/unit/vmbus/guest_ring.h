/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring from the guest's side, as its driver sees it: written from the protocol and not from
 * ring.c, so that the two can check each other. An honest guest; its memory is there to be spoilt.
 */
#ifndef GUEST_RING_H
#define GUEST_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words of the control page. */
enum guest_ring_word {
	GUEST_RING_WRITE = 0,
	GUEST_RING_READ = 1,
	GUEST_RING_MASK = 2,
	GUEST_RING_PENDING = 3,
	GUEST_RING_FEATURES = 16,
};

struct guest_ring {
	uint8_t **pages; /* pages[0] is the control page; borrowed */
	uint32_t size;	 /* bytes of data */
	uint32_t at;	 /* reader: what was read so far */
};

struct guest_packet {
	uint16_t type, flags;
	uint64_t transaction_id;
	uint8_t extra[256]; /* between the descriptor and the payload */
	uint32_t extra_size;
	uint8_t payload[16384];
	uint32_t size;
};

/* As a driver sets up its rings before it opens a channel. */
void guest_ring_init(struct guest_ring *ring, uint8_t **pages, uint32_t n_pages);
uint32_t guest_ring_load(const struct guest_ring *ring, enum guest_ring_word word);
void guest_ring_store(struct guest_ring *ring, enum guest_ring_word word, uint32_t value);

/* The writer: false when there is no room. *signal: the host has to be signalled. */
bool guest_ring_send(struct guest_ring *ring, const struct guest_packet *packet, bool *signal);
/* Bytes of the ring that such a packet takes. */
uint32_t guest_ring_needs(const struct guest_packet *packet);
uint32_t guest_ring_room(const struct guest_ring *ring);
/* The writer waits until more than `bytes` are free; 0: no longer. */
void guest_ring_want_room(struct guest_ring *ring, uint32_t bytes);

/*
 * The reader's batch: begin (no interrupts), receive until false, end. `end` gives the room back;
 * *signal: the host waits for it. True: something came meanwhile, start again.
 */
void guest_ring_begin(struct guest_ring *ring);
bool guest_ring_receive(struct guest_ring *ring, struct guest_packet *packet);
bool guest_ring_end(struct guest_ring *ring, bool *signal);

#endif
