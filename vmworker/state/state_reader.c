/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "state_private.h"

void state_reader_init(struct state_reader *reader, const void *data, size_t size)
{
	*reader = (struct state_reader){.at = data, .end = (const uint8_t *)data + size};
}

bool state_ok(const struct state_reader *reader)
{
	return reader->fault[0] == '\0';
}

void state_fail(struct state_reader *reader, const char *what)
{
	const char *where = reader->depth > 0 ? reader->tags[reader->depth - 1] : "saved state";

	if (state_ok(reader))
		snprintf(reader->fault, sizeof(reader->fault), "%s: %s", where, what);
}

const uint8_t *state_get_view(struct state_reader *reader, size_t size)
{
	const uint8_t *at = reader->at;

	if (!state_ok(reader))
		return NULL;
	if (size > (size_t)(reader->end - at)) {
		state_fail(reader, "it ends too early");
		return NULL;
	}
	reader->at += size;
	return at;
}

void state_get_bytes(struct state_reader *reader, void *data, size_t size)
{
	const uint8_t *at = state_get_view(reader, size);

	if (at && size > 0)
		memcpy(data, at, size);
	else
		memset(data, 0, size);
}

uint8_t state_get_u8(struct state_reader *reader)
{
	uint8_t value;

	state_get_bytes(reader, &value, sizeof(value));
	return value;
}

uint16_t state_get_u16(struct state_reader *reader)
{
	uint16_t value;

	state_get_bytes(reader, &value, sizeof(value));
	return GUINT16_FROM_LE(value);
}

uint32_t state_get_u32(struct state_reader *reader)
{
	uint32_t value;

	state_get_bytes(reader, &value, sizeof(value));
	return GUINT32_FROM_LE(value);
}

uint64_t state_get_u64(struct state_reader *reader)
{
	uint64_t value;

	state_get_bytes(reader, &value, sizeof(value));
	return GUINT64_FROM_LE(value);
}

bool state_get_bool(struct state_reader *reader)
{
	uint8_t value = state_get_u8(reader);

	if (value > 1)
		state_fail(reader, "a yes or no that is neither");
	return value == 1;
}

uint32_t state_get_count(struct state_reader *reader, uint32_t max)
{
	uint32_t value = state_get_u32(reader);

	if (value <= max)
		return value;
	state_fail(reader, "a number that is too large");
	return 0;
}

char *state_get_string(struct state_reader *reader, size_t max)
{
	uint32_t size = state_get_count(reader, (uint32_t)MIN(max, STATE_SIZE_MAX));
	const uint8_t *text = state_get_view(reader, size);

	if (!text)
		return NULL;
	if (memchr(text, '\0', size)) {
		state_fail(reader, "a text with a zero in it");
		return NULL;
	}
	return g_strndup((const char *)text, size);
}

/* ---- sections -------------------------------------------------------------------------------- */

static bool head_is(const struct state_head *head, const char *tag)
{
	return strncmp(head->tag, tag, sizeof(head->tag)) == 0;
}

bool state_next_is(const struct state_reader *reader, const char *tag)
{
	struct state_head head;

	if (!state_ok(reader) || (size_t)(reader->end - reader->at) < sizeof(head))
		return false;
	memcpy(&head, reader->at, sizeof(head));
	return head_is(&head, tag);
}

static uint32_t enter_failed(struct state_reader *reader, const char *tag, const char *what)
{
	char text[96];

	snprintf(text, sizeof(text), "the section %s %s", tag, what);
	state_fail(reader, text);
	return 0;
}

uint32_t state_enter(struct state_reader *reader, const char *tag, uint32_t newest)
{
	const uint8_t *at = state_get_view(reader, sizeof(struct state_head));
	struct state_head head;
	uint32_t version, size;

	if (!at)
		return 0;
	memcpy(&head, at, sizeof(head));
	version = GUINT32_FROM_LE(head.version);
	size = GUINT32_FROM_LE(head.size);
	if (!head_is(&head, tag))
		return enter_failed(reader, tag, "is not where it has to be");
	if (version == 0 || version > newest)
		return enter_failed(reader, tag, "is of a version that is not known here");
	if (size > (size_t)(reader->end - reader->at))
		return enter_failed(reader, tag, "is cut off");
	g_assert(reader->depth < STATE_DEPTH_MAX); /* what is nested is up to the loaders */
	g_strlcpy(reader->tags[reader->depth], tag, sizeof(reader->tags[0]));
	reader->outer[reader->depth++] = reader->end;
	reader->end = reader->at + size;
	return version;
}

void state_leave(struct state_reader *reader)
{
	/* One that was not entered is not left. */
	if (!state_ok(reader))
		return;
	if (reader->at != reader->end) {
		state_fail(reader, "there is more in it than is known here");
		return;
	}
	reader->end = reader->outer[--reader->depth];
}

void state_skip(struct state_reader *reader, const char *tag)
{
	if (state_enter(reader, tag, UINT32_MAX) == 0)
		return;
	reader->at = reader->end;
	state_leave(reader);
}
