/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of a machine that can be saved, and what has to be true of every one. */
#ifndef STATE_PART_H
#define STATE_PART_H

#include <glib.h>

#include "state.h"

struct state_part {
	void (*save)(void *part, struct state_writer *writer);
	bool (*restore)(void *part, struct state_reader *reader);
};

/* STATE_PART(uart) makes uart_part of uart_save and uart_restore. */
#define STATE_PART(name)                                                         \
	static void name##_part_save(void *part, struct state_writer *writer)    \
	{                                                                        \
		name##_save(part, writer);                                       \
	}                                                                        \
	static bool name##_part_restore(void *part, struct state_reader *reader) \
	{                                                                        \
		return name##_restore(part, reader);                             \
	}                                                                        \
	static const struct state_part name##_part = {.save = name##_part_save,  \
						      .restore = name##_part_restore}

GBytes *state_part_save(const struct state_part *part, void *from);
/* What the reader says is wrong, g_free; NULL: nothing is, and all was read. */
char *state_part_restore(const struct state_part *part, void *into, GBytes *saved);

/*
 * Each cut of `saved`, and each byte of it changed in several ways, is taken up by a part of make.
 * A cut is refused. What was taken up is used, and all is dropped.
 */
void state_part_mutate(const struct state_part *part, GBytes *saved, void *(*make)(void *context),
		       void (*use)(void *context, void *made),
		       void (*drop)(void *context, void *made), void *context);

#endif
