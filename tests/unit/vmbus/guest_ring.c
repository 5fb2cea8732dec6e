/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_ring.h"

#include <glib.h>
#include <string.h>

#define PAGE 4096u

static _Atomic uint32_t *control(const struct guest_ring *ring, enum guest_ring_word word)
{
	return (_Atomic uint32_t *)(void *)ring->pages[0] + word;
}

uint32_t guest_ring_load(const struct guest_ring *ring, enum guest_ring_word word)
{
	return *control(ring, word);
}

void guest_ring_store(struct guest_ring *ring, enum guest_ring_word word, uint32_t value)
{
	*control(ring, word) = value;
}

void guest_ring_init(struct guest_ring *ring, uint8_t **pages, uint32_t n_pages)
{
	ring->pages = pages;
	ring->size = (n_pages - 1) * PAGE;
	ring->at = 0;
	guest_ring_store(ring, GUEST_RING_WRITE, 0);
	guest_ring_store(ring, GUEST_RING_READ, 0);
	guest_ring_store(ring, GUEST_RING_MASK, 0);
	guest_ring_store(ring, GUEST_RING_FEATURES, 1);
}

static uint8_t *byte_at(const struct guest_ring *ring, uint32_t at)
{
	at %= ring->size;
	return &ring->pages[1 + at / PAGE][at % PAGE];
}

static uint32_t put(const struct guest_ring *ring, uint32_t at, const void *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		*byte_at(ring, at + i) = ((const uint8_t *)from)[i];
	return (at + n) % ring->size;
}

static void get(const struct guest_ring *ring, uint32_t at, void *to, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = *byte_at(ring, at + i);
}

static uint32_t round8(uint32_t n)
{
	return (n + 7) / 8 * 8;
}

uint32_t guest_ring_needs(const struct guest_packet *packet)
{
	return 16 + round8(packet->extra_size) + round8(packet->size) + 8;
}

uint32_t guest_ring_room(const struct guest_ring *ring)
{
	uint32_t read = guest_ring_load(ring, GUEST_RING_READ);
	uint32_t write = guest_ring_load(ring, GUEST_RING_WRITE);

	return write >= read ? ring->size - (write - read) : read - write;
}

bool guest_ring_send(struct guest_ring *ring, const struct guest_packet *packet, bool *signal)
{
	uint32_t start = guest_ring_load(ring, GUEST_RING_WRITE), at;
	uint32_t before = 16 + round8(packet->extra_size);
	uint64_t trailer = (uint64_t)start << 32;
	uint8_t padding[8] = {0};
	uint16_t head[4] = {packet->type, (uint16_t)(before / 8),
			    (uint16_t)((before + round8(packet->size)) / 8), packet->flags};

	*signal = false;
	if (guest_ring_room(ring) <= guest_ring_needs(packet))
		return false;
	at = put(ring, start, head, 8);
	at = put(ring, at, &packet->transaction_id, 8);
	at = put(ring, at, packet->extra, packet->extra_size);
	at = put(ring, at, padding, round8(packet->extra_size) - packet->extra_size);
	at = put(ring, at, packet->payload, packet->size);
	at = put(ring, at, padding, round8(packet->size) - packet->size);
	at = put(ring, at, &trailer, 8);
	guest_ring_store(ring, GUEST_RING_WRITE, at);
	*signal = guest_ring_load(ring, GUEST_RING_MASK) == 0 &&
		  guest_ring_load(ring, GUEST_RING_READ) == start;
	return true;
}

void guest_ring_want_room(struct guest_ring *ring, uint32_t bytes)
{
	guest_ring_store(ring, GUEST_RING_PENDING, bytes);
}

static uint32_t unread(const struct guest_ring *ring)
{
	uint32_t write = guest_ring_load(ring, GUEST_RING_WRITE);

	return write >= ring->at ? write - ring->at : ring->size - ring->at + write;
}

void guest_ring_begin(struct guest_ring *ring)
{
	guest_ring_store(ring, GUEST_RING_MASK, 1);
}

bool guest_ring_receive(struct guest_ring *ring, struct guest_packet *packet)
{
	uint16_t head[4];
	uint32_t before, all;

	if (unread(ring) == 0)
		return false;
	get(ring, ring->at, head, 8);
	before = head[1] * 8u;
	all = head[2] * 8u;
	g_assert_cmpuint(before, >=, 16);
	g_assert_cmpuint(all + 8, <=, unread(ring));
	g_assert_cmpuint(all - before, <=, sizeof(packet->payload));
	packet->type = head[0];
	packet->flags = head[3];
	get(ring, ring->at + 8, &packet->transaction_id, 8);
	packet->extra_size = before - 16;
	g_assert_cmpuint(packet->extra_size, <=, sizeof(packet->extra));
	get(ring, ring->at + 16, packet->extra, packet->extra_size);
	packet->size = all - before;
	get(ring, ring->at + before, packet->payload, packet->size);
	ring->at = (ring->at + all + 8) % ring->size;
	return true;
}

bool guest_ring_end(struct guest_ring *ring, bool *signal)
{
	uint32_t old = guest_ring_load(ring, GUEST_RING_READ), freed, pending, room;

	freed = ring->at >= old ? ring->at - old : ring->size - old + ring->at;
	guest_ring_store(ring, GUEST_RING_READ, ring->at);
	pending = guest_ring_load(ring, GUEST_RING_PENDING);
	room = guest_ring_room(ring);
	*signal = (guest_ring_load(ring, GUEST_RING_FEATURES) & 1) && freed > 0 && pending > 0 &&
		  room > pending && room - freed <= pending;
	guest_ring_store(ring, GUEST_RING_MASK, 0);
	return unread(ring) > 0;
}
