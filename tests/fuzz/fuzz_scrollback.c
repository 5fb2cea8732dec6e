/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A console ring file that somebody made: attach to it, write, read, replay. */
#include <console_ring.h>
#include <glib.h>
#include <string.h>

#include "scrollback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How an input begins; the rest is the file, or the beginning of it. */
struct recipe {
	uint64_t head, claim;
	uint16_t chunk;
	bool raw; /* the file as it is, of its own length, else a good header with these counts */
	bool large;
};

static size_t recipe_make(const struct recipe *recipe, const uint8_t *data, size_t size,
			  uint8_t **memory)
{
	uint64_t ring_size = recipe->large ? 8192 : 4096;
	size_t length = recipe->raw ? size : scrollback_footprint(ring_size);
	struct vmms_console_ring_header *header;
	struct scrollback ring;

	*memory = g_malloc0(MAX(length, 1));
	memcpy(*memory, data, MIN(size, length));
	if (recipe->raw)
		return length;
	scrollback_format(&ring, *memory, ring_size);
	header = (void *)*memory;
	header->head = recipe->head;
	header->claim = recipe->claim;
	return length;
}

static void exercise(struct scrollback *ring, size_t chunk)
{
	uint64_t cursor = 0, dropped, position = 0;
	uint8_t buffer[20000];

	memset(buffer, 'x', sizeof buffer);
	for (int i = 0; i < 4; i++) {
		uint64_t head = scrollback_head(ring), tail = scrollback_tail(ring);

		if (tail > head || head - tail > ring->size)
			g_error("the tail is not in the ring");
		position = scrollback_align(ring, position);
		if (position < tail || position > head)
			g_error("the replay begins outside");
		scrollback_read_from(ring, &cursor, buffer, chunk, &dropped);
		if (cursor < tail || cursor > head)
			g_error("the cursor is outside");
		scrollback_write(ring, buffer, chunk);
		if (scrollback_head(ring) != head + chunk)
			g_error("bytes were not counted");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree uint8_t *memory = NULL;
	struct scrollback ring;
	struct recipe recipe = {};
	uint8_t flags;
	size_t length;

	if (size < 19)
		return 0;
	memcpy(&recipe.head, data, 8);
	memcpy(&recipe.claim, data + 8, 8);
	memcpy(&recipe.chunk, data + 16, 2);
	flags = data[18];
	recipe.raw = flags & 1;
	recipe.large = flags & 2;
	if (flags & 4) /* a likely pair */
		recipe.claim = recipe.head + recipe.claim % 10000;
	length = recipe_make(&recipe, data + 19, size - 19, &memory);
	if (!scrollback_attach(&ring, memory, length))
		return 0;
	exercise(&ring, recipe.chunk % 20000);
	if (!scrollback_attach(&ring, memory, length) &&
	    scrollback_head(&ring) <= VMMS_CONSOLE_RING_HEAD_MAX)
		g_error("what we wrote is no ring");
	return 0;
}
