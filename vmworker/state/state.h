/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saved state: sections of little-endian fields, one after another and within each other. A section
 * is 32 bytes of head (24 of tag, padded with zeroes; 4 of version; 4 of size) and what is in it.
 * Whoever writes a section reads it in the same order. A section's version is raised when its
 * fields change; readers know which ones they understand.
 *
 * What is read may have been made by anybody, as a guest's input: the reader gives zeroes once
 * something was wrong, so that loaders check values as they come and ask state_ok at the end.
 *
 * A writer or reader belongs to one thread at a time.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_TAG_MAX	23u /* characters */
#define STATE_DEPTH_MAX 8u  /* sections within sections */
#define STATE_SIZE_MAX	(64u << 20)

/* ---- writing --------------------------------------------------------------------------------- */

struct state_writer;

struct state_writer *state_writer_new(void);
void state_writer_free(struct state_writer *writer); /* NULL is fine */

/* tag is "vmbus.channel" or such; sections that were begun are ended in reverse order. */
void state_begin(struct state_writer *writer, const char *tag, uint32_t version);
void state_end(struct state_writer *writer);

void state_put_u8(struct state_writer *writer, uint8_t value);
void state_put_u16(struct state_writer *writer, uint16_t value);
void state_put_u32(struct state_writer *writer, uint32_t value);
void state_put_u64(struct state_writer *writer, uint64_t value);
void state_put_bool(struct state_writer *writer, bool value);
void state_put_bytes(struct state_writer *writer, const void *data, size_t size);
/* A u32 of its length, then itself; NULL is written as "". */
void state_put_string(struct state_writer *writer, const char *text);

/* All sections have been ended. Good until the writer is used again; at most STATE_SIZE_MAX bytes,
 * or NULL when it became more. */
const uint8_t *state_writer_data(const struct state_writer *writer, size_t *size);

/* ---- reading --------------------------------------------------------------------------------- */

struct state_reader {
	const uint8_t *at, *end; /* of the innermost section; borrowed */
	const uint8_t *outer[STATE_DEPTH_MAX];
	char tags[STATE_DEPTH_MAX][STATE_TAG_MAX + 1]; /* of the open sections */
	unsigned int depth;
	char fault[160]; /* what was wrong first, "vmbus.channel: ..."; "" while nothing is */
};

/* data is borrowed as long as the reader is used. */
void state_reader_init(struct state_reader *reader, const void *data, size_t size);

/* Enters the next section, which has to have that tag. Returns its version, 1 to `newest`, or 0
 * and a fault. */
uint32_t state_enter(struct state_reader *reader, const char *tag, uint32_t newest);
/* Leaves it; a fault unless all of it was read. */
void state_leave(struct state_reader *reader);
/* Passes over the next section, which has to have that tag, whatever is in it. */
void state_skip(struct state_reader *reader, const char *tag);
/* Whether the next thing is a section with that tag. */
bool state_next_is(const struct state_reader *reader, const char *tag);

uint8_t state_get_u8(struct state_reader *reader);
uint16_t state_get_u16(struct state_reader *reader);
uint32_t state_get_u32(struct state_reader *reader);
uint64_t state_get_u64(struct state_reader *reader);
bool state_get_bool(struct state_reader *reader); /* 0 or 1, else a fault */
void state_get_bytes(struct state_reader *reader, void *data, size_t size);
/* The next `size` bytes where they are, or NULL and a fault. */
const uint8_t *state_get_view(struct state_reader *reader, size_t size);
/* At most max characters without a zero among them; the caller's, by g_free. NULL with a fault. */
char *state_get_string(struct state_reader *reader, size_t max);
/* A u32 that has to be at most max. */
uint32_t state_get_count(struct state_reader *reader, uint32_t max);

/* The value read is none that can be: "a ring outside memory". The first fault is kept. */
void state_fail(struct state_reader *reader, const char *what);
bool state_ok(const struct state_reader *reader);

#endif
