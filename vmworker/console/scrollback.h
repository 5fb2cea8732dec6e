/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring of docs/console-ring.md over a piece of memory: pure, one writer, no lock. Positions are
 * counts of bytes since the ring was formatted and never wrap. The header is written for readers of
 * the file; what the ring itself relies upon is kept apart from it, so nobody else who has the file
 * mapped can lead it astray.
 */
#ifndef SCROLLBACK_H
#define SCROLLBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmms_console_ring_header;

struct scrollback {
	struct vmms_console_ring_header *header;
	uint8_t *data;
	uint64_t size, head, claim;
};

/* Whether `size` is one that a ring can have. */
bool scrollback_size_valid(uint64_t size);

/* How much memory a ring of `size` needs. */
size_t scrollback_footprint(uint64_t size);

/* Makes an empty ring in the memory, scrollback_footprint(size) bytes, borrowed. */
void scrollback_format(struct scrollback *scrollback, void *memory, uint64_t size);

/* Takes up the ring in the memory of `length` bytes, borrowed; false if it holds none that is
 * valid. */
bool scrollback_attach(struct scrollback *scrollback, void *memory, size_t length);

void scrollback_write(struct scrollback *scrollback, const uint8_t *data, size_t n);

/* The oldest byte that is still there, and the end. */
uint64_t scrollback_tail(const struct scrollback *scrollback);
uint64_t scrollback_head(const struct scrollback *scrollback);

/*
 * Copies up to n bytes from position *cursor and moves it behind them; returns how many. If bytes
 * at the cursor were overwritten it first moves to the tail, and *dropped is how far (else 0).
 */
size_t scrollback_read_from(const struct scrollback *scrollback, uint64_t *cursor, uint8_t *data,
			    size_t n, uint64_t *dropped);

/*
 * Where reading begins decently at or after `from`, which lies somewhere in the stream: behind the
 * first newline within SCROLLBACK_ALIGN bytes (a quarter of a small ring), else at a byte that
 * begins a UTF-8 character.
 */
#define SCROLLBACK_ALIGN 4096u
uint64_t scrollback_align(const struct scrollback *scrollback, uint64_t from);

#endif
