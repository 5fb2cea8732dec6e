/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring.h"

#include <stdatomic.h>
#include <string.h>

/* The guest's memory is not ours: an atomic access of four bytes, whatever the guest does. */
static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Between a store of ours and a load of what the guest stores: each side must see the other's. */
static void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

void ring_memory_init(struct ring_memory *memory, uint8_t *const *pages, uint32_t n_pages)
{
	memory->control = (struct ring_control *)(void *)pages[0];
	memory->page = pages + 1;
	memory->size = (n_pages - 1) * RING_PAGE_SIZE;
	memory->flat = pages[1];
	for (uint32_t i = 2; i < n_pages; i++) {
		if (pages[i] != pages[i - 1] + RING_PAGE_SIZE)
			memory->flat = NULL;
	}
}

/* The bytes at `at` that lie behind one another here, n at most; at < size. */
static uint8_t *ring_run(const struct ring_memory *memory, uint32_t at, uint32_t *n)
{
	uint32_t room = memory->flat ? memory->size - at : RING_PAGE_SIZE - at % RING_PAGE_SIZE;

	if (*n > room)
		*n = room;
	return memory->flat ? memory->flat + at
			    : memory->page[at / RING_PAGE_SIZE] + at % RING_PAGE_SIZE;
}

static uint32_t ring_advance(const struct ring_memory *memory, uint32_t at, uint32_t n)
{
	/* n < size, at < size: a sum beyond 32 bits is taken as well. */
	return n < memory->size - at ? at + n : n - (memory->size - at);
}

static void ring_copy_from(const struct ring_memory *memory, uint32_t at, void *to, uint32_t size)
{
	uint8_t *out = to;

	while (size > 0) {
		uint32_t n = size;
		const uint8_t *run = ring_run(memory, at, &n);

		memcpy(out, run, n);
		out += n;
		size -= n;
		at = ring_advance(memory, at, n % memory->size);
	}
}

/* Returns the index behind. */
static uint32_t ring_copy_to(const struct ring_memory *memory, uint32_t at, const void *from,
			     uint32_t size)
{
	const uint8_t *in = from;

	while (size > 0) {
		uint32_t n = size;
		uint8_t *run = ring_run(memory, at, &n);

		memcpy(run, in, n);
		in += n;
		size -= n;
		at = ring_advance(memory, at, n % memory->size);
	}
	return at;
}

static bool index_valid(const struct ring_memory *memory, uint32_t at)
{
	return at < memory->size && at % 8 == 0;
}

/* Bytes from `read` up to `write`. */
static uint32_t ring_filled(const struct ring_memory *memory, uint32_t read, uint32_t write)
{
	return write >= read ? write - read : memory->size - (read - write);
}

/* ---- guest to host ------------------------------------------------------------------------- */

enum ring_result ring_in_init(struct ring_in *ring, uint8_t *const *pages, uint32_t n_pages)
{
	struct ring_control *control;

	memset(ring, 0, sizeof(*ring));
	ring_memory_init(&ring->memory, pages, n_pages);
	control = ring->memory.control;
	ring->read = ring->published = load(&control->read_index);
	if (!index_valid(&ring->memory, ring->read) ||
	    !index_valid(&ring->memory, load(&control->write_index)))
		return RING_CORRUPT;
	store(&control->feature_bits, load(&control->feature_bits) | RING_FEATURE_PENDING_SEND);
	store(&control->interrupt_mask, 0);
	return RING_OK;
}

static void ring_in_mask(struct ring_in *ring, bool masked)
{
	if (ring->masked == masked)
		return;
	ring->masked = masked;
	store(&ring->memory.control->interrupt_mask, masked);
}

/* *filled: the bytes that wait, checked. */
static enum ring_result ring_in_look(const struct ring_in *ring, uint32_t *filled)
{
	uint32_t write = load(&ring->memory.control->write_index);

	if (!index_valid(&ring->memory, write))
		return RING_CORRUPT;
	*filled = ring_filled(&ring->memory, ring->read, write);
	return *filled > 0 ? RING_OK : RING_EMPTY;
}

uint32_t ring_in_unpublished(const struct ring_in *ring)
{
	return ring_filled(&ring->memory, ring->published, ring->read);
}

bool ring_in_guest_waits(const struct ring_in *ring)
{
	return load(&ring->memory.control->pending_send_size) != 0;
}

static void ring_in_give_back(struct ring_in *ring)
{
	struct ring_control *control = ring->memory.control;
	uint32_t freed = ring_in_unpublished(ring), wanted, write, free_now;

	if (freed == 0)
		return;
	store(&control->read_index, ring->read);
	ring->published = ring->read;
	fence();
	wanted = load(&control->pending_send_size);
	if (wanted == 0)
		return;
	write = load(&control->write_index);
	if (!index_valid(&ring->memory, write))
		return; /* the next peek says so */
	free_now = ring->memory.size - ring_filled(&ring->memory, ring->read, write);
	/* Only when this made the difference: who had room before was told before. */
	if (free_now > wanted && (freed > free_now || free_now - freed <= wanted))
		ring->wake = true;
}

bool ring_in_publish(struct ring_in *ring)
{
	bool wake;

	ring_in_give_back(ring);
	wake = ring->wake;
	ring->wake = false;
	return wake;
}

enum ring_result ring_in_peek(struct ring_in *ring, struct wire_packet *packet, uint32_t *size)
{
	uint32_t filled;
	enum ring_result result = ring_in_look(ring, &filled);

	if (result == RING_EMPTY) {
		/*
		 * The guest signals when it finds no mask and its packet is the first one behind
		 * our index, so that index has to be right before the mask goes. What it wrote
		 * before it saw the mask go, it did not signal: look again.
		 */
		ring_in_give_back(ring);
		ring_in_mask(ring, false);
		fence();
		result = ring_in_look(ring, &filled);
	}
	if (result != RING_OK)
		return result;
	ring_in_mask(ring, true);

	if (filled < sizeof(*packet) + WIRE_PACKET_TRAILER)
		return RING_CORRUPT;
	ring_copy_from(&ring->memory, ring->read, packet, sizeof(*packet));
	*size = packet->length8 * 8u;
	if (*size > filled - WIRE_PACKET_TRAILER || packet->offset8 > packet->length8 ||
	    packet->offset8 < sizeof(*packet) / 8)
		return RING_CORRUPT;
	ring->pending = *size + WIRE_PACKET_TRAILER;
	return RING_OK;
}

void ring_in_copy(const struct ring_in *ring, uint32_t offset, void *to, uint32_t size)
{
	ring_copy_from(&ring->memory, ring_advance(&ring->memory, ring->read, offset), to, size);
}

void ring_in_pop(struct ring_in *ring)
{
	ring->read = ring_advance(&ring->memory, ring->read, ring->pending);
	ring->pending = 0;
}

/* ---- host to guest ------------------------------------------------------------------------- */

enum ring_result ring_out_init(struct ring_out *ring, uint8_t *const *pages, uint32_t n_pages)
{
	struct ring_control *control;

	memset(ring, 0, sizeof(*ring));
	ring_memory_init(&ring->memory, pages, n_pages);
	control = ring->memory.control;
	ring->write = ring->published = load(&control->write_index);
	ring->read = load(&control->read_index);
	if (!index_valid(&ring->memory, ring->write) || !index_valid(&ring->memory, ring->read))
		return RING_CORRUPT;
	store(&control->pending_send_size, 0);
	return RING_OK;
}

static uint32_t ring_out_free(const struct ring_out *ring)
{
	return ring->memory.size - ring_filled(&ring->memory, ring->read, ring->write);
}

static enum ring_result ring_out_look(struct ring_out *ring)
{
	uint32_t read = load(&ring->memory.control->read_index);

	if (!index_valid(&ring->memory, read))
		return RING_CORRUPT;
	/* It may only come nearer to what was published. */
	if (ring_filled(&ring->memory, ring->read, read) >
	    ring_filled(&ring->memory, ring->read, ring->published))
		return RING_CORRUPT;
	ring->read = read;
	return RING_OK;
}

/* Room for `total` bytes; asks the guest for a signal when there is none. */
static enum ring_result ring_out_reserve(struct ring_out *ring, uint32_t total, bool *signal)
{
	if (total < ring_out_free(ring))
		return RING_OK;
	if (ring_out_look(ring) != RING_OK)
		return RING_CORRUPT;
	if (total < ring_out_free(ring))
		return RING_OK;
	*signal = ring_out_publish(ring);
	ring->waiting = true;
	store(&ring->memory.control->pending_send_size, total);
	fence();
	/* What it read before it saw that, it did not tell. */
	if (ring_out_look(ring) != RING_OK)
		return RING_CORRUPT;
	return total < ring_out_free(ring) ? RING_OK : RING_FULL;
}

enum ring_result ring_out_put(struct ring_out *ring, const struct iovec *parts, unsigned int n,
			      bool *signal)
{
	static const uint8_t zeros[8];
	uint64_t size = 0, trailer = (uint64_t)ring->write << 32;
	uint32_t padding, at;
	enum ring_result result;

	*signal = false;
	for (unsigned int i = 0; i < n; i++) {
		size += parts[i].iov_len;
		if (size >= ring->memory.size)
			return RING_TOO_BIG;
	}
	padding = (uint32_t)(-size & 7);
	if (size + padding + sizeof(trailer) >= ring->memory.size)
		return RING_TOO_BIG;
	result = ring_out_reserve(ring, (uint32_t)size + padding + WIRE_PACKET_TRAILER, signal);
	if (result != RING_OK)
		return result;
	if (ring->waiting) {
		ring->waiting = false;
		store(&ring->memory.control->pending_send_size, 0);
	}

	at = ring->write;
	for (unsigned int i = 0; i < n; i++)
		at = ring_copy_to(&ring->memory, at, parts[i].iov_base, (uint32_t)parts[i].iov_len);
	at = ring_copy_to(&ring->memory, at, zeros, padding);
	ring->write = ring_copy_to(&ring->memory, at, &trailer, sizeof(trailer));
	return RING_OK;
}

bool ring_out_publish(struct ring_out *ring)
{
	struct ring_control *control = ring->memory.control;
	uint32_t before = ring->published;

	if (ring->write == before)
		return false;
	store(&control->write_index, ring->write);
	ring->published = ring->write;
	fence();
	if (load(&control->interrupt_mask) != 0)
		return false;
	/* A reader that had not read all goes on by itself. */
	return load(&control->read_index) == before;
}

bool ring_out_guest_signals(const struct ring_out *ring)
{
	return load(&ring->memory.control->feature_bits) & RING_FEATURE_PENDING_SEND;
}

bool ring_out_is_empty(const struct ring_out *ring)
{
	return ring->read == ring->published;
}
