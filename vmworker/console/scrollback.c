/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrollback.h"

#include <console_ring.h>
#include <string.h>

bool scrollback_size_valid(uint64_t size)
{
	return size >= VMMS_CONSOLE_RING_SIZE_MIN && size <= VMMS_CONSOLE_RING_SIZE_MAX &&
	       (size & (size - 1)) == 0;
}

size_t scrollback_footprint(uint64_t size)
{
	return sizeof(struct vmms_console_ring_header) + size;
}

void scrollback_format(struct scrollback *scrollback, void *memory, uint64_t size)
{
	struct vmms_console_ring_header *header = memory;

	*scrollback = (struct scrollback){
		.header = header,
		.data = (uint8_t *)memory + sizeof *header,
		.size = size,
	};
	/* The magic goes in last: a file that was not finished is no ring. */
	*header = (struct vmms_console_ring_header){
		.version = VMMS_CONSOLE_RING_VERSION,
		.header_size = sizeof *header,
		.size = size,
	};
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(header->magic, VMMS_CONSOLE_RING_MAGIC, sizeof header->magic);
}

static bool scrollback_header_valid(const struct vmms_console_ring_header *header, size_t length)
{
	static const uint8_t zero[sizeof header->reserved];

	return memcmp(header->magic, VMMS_CONSOLE_RING_MAGIC, sizeof header->magic) == 0 &&
	       header->version == VMMS_CONSOLE_RING_VERSION &&
	       header->header_size == sizeof *header && scrollback_size_valid(header->size) &&
	       scrollback_footprint(header->size) == length &&
	       header->head <= VMMS_CONSOLE_RING_HEAD_MAX && header->claim >= header->head &&
	       header->claim - header->head <= header->size &&
	       memcmp(header->reserved, zero, sizeof zero) == 0;
}

bool scrollback_attach(struct scrollback *scrollback, void *memory, size_t length)
{
	struct vmms_console_ring_header header;

	if (length < sizeof header)
		return false;
	memcpy(&header, memory, sizeof header);
	if (!scrollback_header_valid(&header, length))
		return false;
	*scrollback = (struct scrollback){
		.header = memory,
		.data = (uint8_t *)memory + sizeof header,
		.size = header.size,
		.head = header.head,
		.claim = header.claim,
	};
	return true;
}

/* The two pieces of [position, position + n) in the ring; n <= size. */
static size_t scrollback_first_piece(const struct scrollback *scrollback, uint64_t position,
				     size_t n)
{
	uint64_t to_end = scrollback->size - (position & (scrollback->size - 1));

	return n < to_end ? n : (size_t)to_end;
}

void scrollback_write(struct scrollback *scrollback, const uint8_t *data, size_t n)
{
	uint64_t head = scrollback->head + n;
	size_t first;

	if (n > scrollback->size) {
		data += n - scrollback->size;
		n = (size_t)scrollback->size;
	}
	if (head > scrollback->claim) {
		scrollback->claim = head;
		__atomic_store_n(&scrollback->header->claim, head, __ATOMIC_RELAXED);
		/* what the copy overwrites is disclaimed before it begins */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	first = scrollback_first_piece(scrollback, head - n, n);
	memcpy(scrollback->data + ((head - n) & (scrollback->size - 1)), data, first);
	memcpy(scrollback->data, data + first, n - first);
	scrollback->head = head;
	__atomic_store_n(&scrollback->header->head, head, __ATOMIC_RELEASE);
}

uint64_t scrollback_tail(const struct scrollback *scrollback)
{
	uint64_t tail =
		scrollback->claim > scrollback->size ? scrollback->claim - scrollback->size : 0;

	return tail < scrollback->head ? tail : scrollback->head;
}

uint64_t scrollback_head(const struct scrollback *scrollback)
{
	return scrollback->head;
}

size_t scrollback_read_from(const struct scrollback *scrollback, uint64_t *cursor, uint8_t *data,
			    size_t n, uint64_t *dropped)
{
	uint64_t tail = scrollback_tail(scrollback);
	size_t first;

	*dropped = 0;
	if (*cursor < tail) {
		*dropped = tail - *cursor;
		*cursor = tail;
	}
	if (*cursor >= scrollback->head)
		return 0;
	if (n > scrollback->head - *cursor)
		n = (size_t)(scrollback->head - *cursor);
	first = scrollback_first_piece(scrollback, *cursor, n);
	memcpy(data, scrollback->data + (*cursor & (scrollback->size - 1)), first);
	memcpy(data + first, scrollback->data, n - first);
	*cursor += n;
	return n;
}

uint64_t scrollback_align(const struct scrollback *scrollback, uint64_t from)
{
	uint64_t mask = scrollback->size - 1, tail = scrollback_tail(scrollback);
	uint64_t window = scrollback->size / 4, head = scrollback->head, at;

	if (window > SCROLLBACK_ALIGN)
		window = SCROLLBACK_ALIGN;
	if (from < tail)
		from = tail;
	for (at = from; at < head && at - from < window; at++)
		if (scrollback->data[at & mask] == '\n')
			return at + 1;
	for (at = from; at < head && at - from < 3; at++)
		if ((scrollback->data[at & mask] & 0xc0) != 0x80)
			break;
	return at < head ? at : head;
}
