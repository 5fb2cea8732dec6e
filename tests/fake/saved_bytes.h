/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saved state as bytes, for tests. */
#ifndef SAVED_BYTES_H
#define SAVED_BYTES_H

#include <glib.h>

#include "state.h"

typedef struct state_writer state_writer;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(state_writer, state_writer_free)

/* What was written; the caller's. */
static inline GBytes *saved_bytes(const struct state_writer *writer)
{
	size_t size;
	const uint8_t *data = state_writer_data(writer, &size);

	g_assert_nonnull(data);
	return g_bytes_new(data, size);
}

/* Reads them from their beginning; borrowed. */
static inline void saved_bytes_read(struct state_reader *reader, GBytes *bytes)
{
	state_reader_init(reader, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

#endif
