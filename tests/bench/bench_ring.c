/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a VMBus ring costs: packets and bytes a second through both rings of a channel, with the
 * guest's side in the same thread, so that nothing but the work is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "ring.h"

#define PAGES 65u /* 256 KiB of data */

struct channel {
	uint8_t *pages[PAGES];
	struct ring_control *control;
};

static void channel_init(struct channel *c, bool contiguous)
{
	uint8_t *memory = aligned_alloc(RING_PAGE_SIZE, (size_t)2 * PAGES * RING_PAGE_SIZE);

	if (!memory)
		exit(1);
	memset(memory, 0, (size_t)2 * PAGES * RING_PAGE_SIZE);
	for (uint32_t i = 0; i < PAGES; i++)
		c->pages[i] = memory + (size_t)(contiguous ? i : 2 * i) * RING_PAGE_SIZE;
	c->control = (struct ring_control *)(void *)memory;
	c->control->feature_bits = RING_FEATURE_PENDING_SEND;
}

/* As a guest's driver fills its ring once: n packets of the size, one trailer each. */
static uint32_t guest_fills(struct channel *c, uint32_t size)
{
	struct wire_packet head = {.type = VMBUS_PACKET_DATA_INBAND,
				   .offset8 = 2,
				   .length8 = (uint16_t)(size / 8 + 2)};
	uint32_t each = size + (uint32_t)sizeof(head) + WIRE_PACKET_TRAILER;
	uint32_t n = (PAGES - 2) * RING_PAGE_SIZE / each, at = 0;

	/* Packets are whole 8 bytes, so a page's end splits a descriptor in halves at most. */
	for (uint32_t i = 0; i < n; i++, at += each)
		for (uint32_t b = at; b < at + sizeof(head); b += 8)
			memcpy(c->pages[1 + b / RING_PAGE_SIZE] + b % RING_PAGE_SIZE,
			       (const uint8_t *)&head + (b - at), 8);
	c->control->write_index = at;
	return n;
}

static double host_reads(struct channel *c, uint32_t size, uint32_t rounds)
{
	uint32_t n = guest_fills(c, size), done = 0;
	uint8_t *copy = malloc(size + 64);
	double start = bench_now_ms();

	for (uint32_t round = 0; round < rounds; round++) {
		struct ring_in in;
		struct wire_packet head;
		uint32_t length;

		c->control->read_index = 0;
		if (ring_in_init(&in, c->pages, PAGES) != RING_OK)
			exit(1);
		while (ring_in_peek(&in, &head, &length) == RING_OK) {
			ring_in_copy(&in, 16, copy, length - 16);
			ring_in_pop(&in);
			done++;
		}
	}
	start = bench_now_ms() - start;
	if (done != n * rounds)
		exit(1);
	free(copy);
	return done / start * 1000;
}

static double host_writes(struct channel *c, uint32_t size, uint32_t rounds)
{
	struct wire_packet head = {
		.type = VMBUS_PACKET_COMPLETION, .offset8 = 2, .length8 = (uint16_t)(size / 8 + 2)};
	uint8_t *payload = calloc(1, size + 8);
	struct iovec parts[] = {{&head, sizeof(head)}, {payload, size}};
	struct ring_out out;
	uint32_t done = 0;
	bool signal;
	double start;

	c->control->read_index = c->control->write_index = 0;
	if (ring_out_init(&out, c->pages, PAGES) != RING_OK)
		exit(1);
	start = bench_now_ms();
	for (uint32_t round = 0; round < rounds; round++) {
		while (ring_out_put(&out, parts, 2, &signal) == RING_OK)
			done++;
		c->control->read_index = c->control->write_index; /* the guest took all */
	}
	start = bench_now_ms() - start;
	free(payload);
	return done / start * 1000;
}

static void row(const char *what, uint32_t size, bool contiguous, struct channel *c,
		double (*run)(struct channel *, uint32_t, uint32_t))
{
	struct bench_series series = {.n = 0};
	char name[64], note[64];

	for (int i = 0; i < 9; i++)
		bench_add(&series, run(c, size, 400) / 1e6);
	snprintf(name, sizeof(name), "%s %u B%s", what, size, contiguous ? "" : ", scattered");
	snprintf(note, sizeof(note), "%.2f GB/s", bench_median(&series) * size / 1e3);
	bench_print_row(name, "Mpackets/s", &series, note);
}

int main(void)
{
	static const uint32_t sizes[] = {64, 512, 4096};

	bench_print_header();
	for (int contiguous = 1; contiguous >= 0; contiguous--) {
		struct channel c;

		channel_init(&c, contiguous);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			row("ring, host reads", sizes[i], contiguous, &c, host_reads);
			row("ring, host writes", sizes[i], contiguous, &c, host_writes);
		}
		free(c.pages[0]);
	}
	return 0;
}
