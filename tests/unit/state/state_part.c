/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state_part.h"

GBytes *state_part_save(const struct state_part *part, void *from)
{
	struct state_writer *writer = state_writer_new();
	const uint8_t *data;
	GBytes *saved;
	size_t size;

	part->save(from, writer);
	data = state_writer_data(writer, &size);
	g_assert_nonnull(data);
	saved = g_bytes_new(data, size);
	state_writer_free(writer);
	return saved;
}

char *state_part_restore(const struct state_part *part, void *into, GBytes *saved)
{
	struct state_reader reader;
	size_t size;
	const void *data = g_bytes_get_data(saved, &size);

	state_reader_init(&reader, data, size);
	bool restored = part->restore(into, &reader);
	g_assert_cmpint(restored, ==, state_ok(&reader));
	if (restored)
		g_assert_true(reader.at == reader.end);
	return restored ? NULL : g_strdup(reader.fault);
}

void state_part_mutate(const struct state_part *part, GBytes *saved, void *(*make)(void *context),
		       void (*use)(void *context, void *made),
		       void (*drop)(void *context, void *made), void *context)
{
	static const uint8_t flips[] = {0x00, 0x01, 0x10, 0x80, 0xff}; /* 0: a cut */
	size_t size;
	const uint8_t *data = g_bytes_get_data(saved, &size);

	for (size_t at = 0; at < size; at++) {
		for (size_t i = 0; i < G_N_ELEMENTS(flips); i++) {
			g_autofree uint8_t *copy = g_memdup2(data, size);
			g_autoptr(GBytes) changed = NULL;
			void *made = make(context);

			copy[at] ^= flips[i];
			changed = g_bytes_new(copy, flips[i] ? size : at);
			g_autofree char *fault = state_part_restore(part, made, changed);
			if (flips[i] == 0)
				g_assert_nonnull(fault);
			if (!fault)
				use(context, made);
			drop(context, made);
		}
	}
}
