/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "state_private.h"

struct state_writer {
	GByteArray *bytes;
	guint heads[STATE_DEPTH_MAX]; /* where the open sections begin */
	unsigned int depth;
};

struct state_writer *state_writer_new(void)
{
	struct state_writer *writer = g_new0(struct state_writer, 1);

	writer->bytes = g_byte_array_new();
	return writer;
}

void state_writer_free(struct state_writer *writer)
{
	if (!writer)
		return;
	g_byte_array_unref(writer->bytes);
	g_free(writer);
}

void state_begin(struct state_writer *writer, const char *tag, uint32_t version)
{
	struct state_head head = {.version = GUINT32_TO_LE(version)};

	g_assert(writer->depth < STATE_DEPTH_MAX && strlen(tag) <= STATE_TAG_MAX && version > 0);
	memcpy(head.tag, tag, strlen(tag));
	writer->heads[writer->depth++] = writer->bytes->len;
	state_put_bytes(writer, &head, sizeof(head));
}

void state_end(struct state_writer *writer)
{
	guint head, size;

	g_assert(writer->depth > 0);
	head = writer->heads[--writer->depth];
	if (writer->bytes->len > STATE_SIZE_MAX)
		return;
	size = GUINT32_TO_LE(writer->bytes->len - head - (guint)sizeof(struct state_head));
	memcpy(writer->bytes->data + head + offsetof(struct state_head, size), &size, sizeof(size));
}

/* What is too much is not kept, but counted: state_writer_data says so. */
void state_put_bytes(struct state_writer *writer, const void *data, size_t size)
{
	if (size > STATE_SIZE_MAX + 1u - MIN(writer->bytes->len, STATE_SIZE_MAX + 1u))
		g_byte_array_set_size(writer->bytes, STATE_SIZE_MAX + 1u);
	else if (size > 0)
		g_byte_array_append(writer->bytes, data, (guint)size);
}

void state_put_u8(struct state_writer *writer, uint8_t value)
{
	state_put_bytes(writer, &value, sizeof(value));
}

void state_put_u16(struct state_writer *writer, uint16_t value)
{
	value = GUINT16_TO_LE(value);
	state_put_bytes(writer, &value, sizeof(value));
}

void state_put_u32(struct state_writer *writer, uint32_t value)
{
	value = GUINT32_TO_LE(value);
	state_put_bytes(writer, &value, sizeof(value));
}

void state_put_u64(struct state_writer *writer, uint64_t value)
{
	value = GUINT64_TO_LE(value);
	state_put_bytes(writer, &value, sizeof(value));
}

void state_put_bool(struct state_writer *writer, bool value)
{
	state_put_u8(writer, value);
}

void state_put_string(struct state_writer *writer, const char *text)
{
	size_t size = text ? strlen(text) : 0;

	state_put_u32(writer, (uint32_t)MIN(size, STATE_SIZE_MAX));
	state_put_bytes(writer, text, size);
}

const uint8_t *state_writer_data(const struct state_writer *writer, size_t *size)
{
	g_assert(writer->depth == 0);
	*size = writer->bytes->len;
	return writer->bytes->len <= STATE_SIZE_MAX ? writer->bytes->data : NULL;
}
