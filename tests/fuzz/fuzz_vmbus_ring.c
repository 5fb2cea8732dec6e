/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that writes what it likes into both rings of a channel while the host works on them. */
#include <glib.h>

#include "fuzz_input.h"
#include "ring.h"

#define MAX_PAGES 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	_Alignas(RING_PAGE_SIZE) uint8_t memory[2 * MAX_PAGES][RING_PAGE_SIZE];
	uint8_t *pages[2][MAX_PAGES];
	uint8_t copy[UINT16_MAX * 8];
	struct ring_in in;
	struct ring_out out;
};

static void host_reads(struct world *w)
{
	struct wire_packet head;
	uint32_t size;

	if (ring_in_peek(&w->in, &head, &size) != RING_OK)
		return;
	g_assert(size >= 16 && head.offset8 * 8u <= size && size < w->in.memory.size);
	ring_in_copy(&w->in, 0, w->copy, size);
	ring_in_copy(&w->in, size, w->copy, 0);
	ring_in_pop(&w->in);
}

static void host_writes(struct world *w, struct fuzz_input *in)
{
	uint32_t n = fuzz_u16(in);
	struct iovec parts[] = {{w->copy, n / 3}, {w->copy + n / 3, n - n / 3}};
	bool signal;
	enum ring_result result = ring_out_put(&w->out, parts, 2, &signal);

	g_assert(result == RING_TOO_BIG || n + 8 < w->out.memory.size);
	g_assert(w->out.write % 8 == 0 && w->out.write < w->out.memory.size);
}

static void guest_writes(struct world *w, struct fuzz_input *in, uint32_t n_pages)
{
	uint8_t where = fuzz_u8(in);
	uint8_t *page = w->pages[where & 1][(where >> 1) % n_pages];
	uint32_t at = fuzz_u16(in), n = fuzz_u8(in);

	at = where & 0x80 ? at % 72 : at % RING_PAGE_SIZE;
	fuzz_bytes(in, page + at, MIN(n, RING_PAGE_SIZE - at));
}

static void guest_sets(struct world *w, struct fuzz_input *in)
{
	uint8_t which = fuzz_u8(in);
	uint32_t *word = (uint32_t *)(void *)w->pages[which & 1][0];

	word[(which >> 1) % 4] = fuzz_u16(in) * 8u;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct fuzz_input in = {data, size};
	uint8_t shape = fuzz_u8(&in);
	uint32_t n_pages = 2 + shape % (MAX_PAGES - 1);

	memset(w.memory, 0, sizeof(w.memory));
	for (uint32_t i = 0; i < MAX_PAGES; i++) {
		w.pages[0][i] = w.memory[shape & 0x80 ? 2 * i : i];
		w.pages[1][i] = w.memory[shape & 0x80 ? 2 * i + 1 : MAX_PAGES + i];
	}
	if (shape & 0x40)
		guest_sets(&w, &in);
	if (ring_in_init(&w.in, w.pages[0], n_pages) != RING_OK ||
	    ring_out_init(&w.out, w.pages[1], n_pages) != RING_OK)
		return 0;
	while (in.size > 0) {
		switch (fuzz_u8(&in) % 6) {
		case 0:
			guest_writes(&w, &in, n_pages);
			break;
		case 1:
			guest_sets(&w, &in);
			break;
		case 2:
			host_reads(&w);
			break;
		case 3:
			ring_in_publish(&w.in);
			break;
		case 4:
			host_writes(&w, &in);
			break;
		default:
			ring_out_publish(&w.out);
			break;
		}
	}
	return 0;
}
