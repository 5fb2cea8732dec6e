/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's ring against the guest's. Properties, over random sizes, page orders and schedules:
 * every packet arrives once, in order and unchanged; who sleeps was told when there is something to
 * do; and nobody is told who did not need it.
 */
#include <pthread.h>
#include <string.h>

#include "guest_ring.h"
#include "ring.h"

#define MAX_PAGES 9

struct rings {
	uint8_t *memory;
	uint8_t *pages[MAX_PAGES];
	uint32_t n_pages;
	struct guest_ring guest;
};

/* n pages, in order of address or shuffled. */
static void rings_init(struct rings *r, uint32_t n_pages, bool shuffled)
{
	r->memory = g_aligned_alloc0(n_pages, RING_PAGE_SIZE, RING_PAGE_SIZE);
	r->n_pages = n_pages;
	for (uint32_t i = 0; i < n_pages; i++)
		r->pages[i] = r->memory + (size_t)i * RING_PAGE_SIZE;
	for (uint32_t i = n_pages; shuffled && i-- > 1;) {
		uint32_t other = (uint32_t)g_test_rand_int_range(0, (gint32)i + 1);
		uint8_t *page = r->pages[i];

		r->pages[i] = r->pages[other];
		r->pages[other] = page;
	}
	guest_ring_init(&r->guest, r->pages, n_pages);
}

static void rings_clear(struct rings *r)
{
	g_aligned_free(r->memory);
}

static uint8_t pattern(uint64_t id, uint32_t i)
{
	return (uint8_t)(id * 31 + (uint64_t)i * 7 + (i >> 8));
}

/* ---- guest to host -------------------------------------------------------------------------- */

static void packet_fill(struct guest_packet *p, uint64_t id, uint32_t extra, uint32_t size)
{
	p->type = 6;
	p->flags = (uint16_t)(id & 1);
	p->transaction_id = id;
	p->extra_size = extra;
	p->size = size;
	for (uint32_t i = 0; i < extra; i++)
		p->extra[i] = pattern(id + 1, i);
	for (uint32_t i = 0; i < size; i++)
		p->payload[i] = pattern(id, i);
}

static void in_check_packet(struct ring_in *in, const struct wire_packet *head, uint32_t size,
			    uint64_t id, uint32_t payload)
{
	static uint8_t copy[20000];
	uint32_t before = head->offset8 * 8u;

	g_assert_cmpuint(head->type, ==, 6);
	g_assert_cmpuint(head->transaction_id, ==, id);
	g_assert_cmpuint(size - before, ==, (payload + 7) & ~7u);
	ring_in_copy(in, 0, copy, size);
	for (uint32_t i = 0; i < before - 16; i++)
		g_assert_cmpuint(copy[16 + i], ==, pattern(id + 1, i));
	for (uint32_t i = 0; i < payload; i++)
		g_assert_cmpuint(copy[before + i], ==, pattern(id, i));
}

struct in_model {
	struct rings r;
	struct ring_in in;
	uint64_t sent, received;
	uint32_t sizes[4096];
	bool host_asleep;  /* the last look found nothing */
	bool host_called;  /* the guest signalled since */
	uint32_t waits;	   /* bytes that the guest's writer waits for */
	bool guest_called; /* and it was told */
	bool late;	   /* what it is told next may be old */
};

static void in_guest_sends(struct in_model *m)
{
	static struct guest_packet p;
	uint32_t size = (uint32_t)g_test_rand_int_range(0, g_test_rand_bit() ? 64 : 3500);
	bool signal;

	packet_fill(&p, m->sent, 8u * (uint32_t)g_test_rand_int_range(0, 5), size);
	if (!guest_ring_send(&m->r.guest, &p, &signal)) {
		m->waits = guest_ring_needs(&p);
		m->guest_called = false;
		guest_ring_want_room(&m->r.guest, m->waits);
		/* A driver looks once more. */
		if (guest_ring_room(&m->r.guest) > m->waits)
			m->guest_called = true;
		return;
	}
	if (m->waits)
		guest_ring_want_room(&m->r.guest, 0);
	m->waits = 0;
	m->sizes[m->sent++ % G_N_ELEMENTS(m->sizes)] = size;
	g_assert_false(signal && !m->host_asleep); /* needless */
	m->host_called |= signal;
}

static void in_host_reads(struct in_model *m)
{
	struct wire_packet head;
	uint32_t size;
	enum ring_result result = ring_in_peek(&m->in, &head, &size);

	g_assert_cmpint(result, ==, m->received < m->sent ? RING_OK : RING_EMPTY);
	m->host_asleep = result == RING_EMPTY;
	m->host_called = false;
	if (result == RING_OK) {
		in_check_packet(&m->in, &head, size, m->received,
				m->sizes[m->received % G_N_ELEMENTS(m->sizes)]);
		ring_in_pop(&m->in);
		m->received++;
	}
	/* Between the look that found nothing and this, the guest may well send. */
	m->late |= result == RING_EMPTY;
	if (g_test_rand_int_range(0, 3) == 0) {
		bool signal = ring_in_publish(&m->in);

		g_assert_false(signal && !m->late && (m->waits == 0 || m->guest_called));
		/* A late one may have been meant for a packet before this one. */
		m->guest_called |= signal && guest_ring_room(&m->r.guest) > m->waits;
		m->late = false;
		g_assert_cmpuint(ring_in_unpublished(&m->in), ==, 0);
		if (m->waits && guest_ring_room(&m->r.guest) > m->waits)
			g_assert_true(m->guest_called); /* lost otherwise */
	}
}

static void test_in_random(void)
{
	for (int round = 0; round < 60; round++) {
		struct in_model *m = g_new0(struct in_model, 1);
		int bias;

		m->host_asleep = true;
		rings_init(&m->r, (uint32_t)g_test_rand_int_range(2, MAX_PAGES + 1),
			   g_test_rand_bit());
		g_assert_cmpint(ring_in_init(&m->in, m->r.pages, m->r.n_pages), ==, RING_OK);
		g_assert_cmpuint(guest_ring_load(&m->r.guest, GUEST_RING_FEATURES) & 1, ==, 1);
		for (int step = 0; step < 1500; step++) {
			bias = step / 100 % 2 ? 3 : 7; /* now rather full, now rather empty */
			if (g_test_rand_int_range(0, 10) < bias)
				in_guest_sends(m);
			else
				in_host_reads(m);
			if (m->host_asleep && m->sent > m->received)
				g_assert_true(m->host_called); /* a lost wake-up */
		}
		g_assert_cmpuint(m->received, >, 100);
		rings_clear(&m->r);
		g_free(m);
	}
}

/* ---- host to guest -------------------------------------------------------------------------- */

struct out_model {
	struct rings r;
	struct ring_out out;
	uint64_t sent, shown, received;
	uint32_t sizes[4096];
	bool guest_asleep, guest_called;
	bool host_waits, host_called;
	uint32_t host_needs;
};

static void out_guest_told(struct out_model *m, bool signal)
{
	g_assert_false(signal && (!m->guest_asleep || m->guest_called)); /* needless */
	m->guest_called |= signal;
	m->shown = m->sent;
}

static void out_host_sends(struct out_model *m)
{
	static uint8_t payload[3600];
	uint32_t size = (uint32_t)g_test_rand_int_range(0, g_test_rand_bit() ? 64 : 3500);
	struct wire_packet head = {.type = 6, .transaction_id = m->sent};
	uint32_t first = size / 3;
	struct iovec parts[] = {
		{&head, sizeof(head)}, {payload, first}, {payload + first, size - first}};
	enum ring_result result;
	bool signal;

	head.offset8 = 2;
	head.length8 = (uint16_t)((sizeof(head) + size + 7) / 8);
	for (uint32_t i = 0; i < size; i++)
		payload[i] = pattern(m->sent, i);
	result = ring_out_put(&m->out, parts, 3, &signal);
	if (result == RING_FULL || signal)
		out_guest_told(m, signal);
	if (result == RING_FULL) {
		m->host_waits = true;
		m->host_called = false;
		m->host_needs = head.length8 * 8u + 8;
		g_assert_cmpuint(guest_ring_load(&m->r.guest, GUEST_RING_PENDING), ==,
				 m->host_needs);
		return;
	}
	g_assert_cmpint(result, ==, RING_OK);
	g_assert_cmpuint(guest_ring_load(&m->r.guest, GUEST_RING_PENDING), ==, 0);
	m->host_waits = false;
	m->sizes[m->sent++ % G_N_ELEMENTS(m->sizes)] = size;
}

static void out_guest_reads(struct out_model *m)
{
	static struct guest_packet p;
	bool signal, again = true;

	m->guest_asleep = false;
	m->guest_called = false;
	guest_ring_begin(&m->r.guest);
	while (again) {
		while (guest_ring_receive(&m->r.guest, &p)) {
			uint32_t size = m->sizes[m->received % G_N_ELEMENTS(m->sizes)];

			g_assert_cmpuint(p.transaction_id, ==, m->received);
			g_assert_cmpuint(p.size, ==, (size + 7) & ~7u);
			for (uint32_t i = 0; i < p.size; i++)
				g_assert_cmpuint(p.payload[i], ==,
						 i < size ? pattern(m->received, i) : 0);
			m->received++;
			if (g_test_rand_int_range(0, 4) == 0)
				break;
		}
		again = guest_ring_end(&m->r.guest, &signal);
		m->host_called |= signal;
		if (again && g_test_rand_bit()) { /* it stops half-way for now, awake */
			guest_ring_begin(&m->r.guest);
			return;
		}
		if (again)
			guest_ring_begin(&m->r.guest);
	}
	m->guest_asleep = true;
	g_assert_cmpuint(m->received, ==, m->shown);
}

static void test_out_random(void)
{
	for (int round = 0; round < 60; round++) {
		struct out_model *m = g_new0(struct out_model, 1);

		rings_init(&m->r, (uint32_t)g_test_rand_int_range(2, MAX_PAGES + 1),
			   g_test_rand_bit());
		m->guest_asleep = true;
		g_assert_cmpint(ring_out_init(&m->out, m->r.pages, m->r.n_pages), ==, RING_OK);
		g_assert_true(ring_out_guest_signals(&m->out));
		for (int step = 0; step < 1500; step++) {
			int dice = g_test_rand_int_range(0, 10);

			if (dice < (step / 100 % 2 ? 3 : 6))
				out_host_sends(m);
			else if (dice < 8)
				out_guest_told(m, ring_out_publish(&m->out));
			else
				out_guest_reads(m);
			if (m->guest_asleep && m->received < m->shown)
				g_assert_true(m->guest_called); /* a lost wake-up */
			if (m->host_waits && guest_ring_room(&m->r.guest) > m->host_needs)
				g_assert_true(m->host_called); /* likewise */
		}
		g_assert_cmpuint(m->received, >, 100);
		rings_clear(&m->r);
		g_free(m);
	}
}

static void test_out_too_big(void)
{
	static uint8_t large[2 * RING_PAGE_SIZE];
	struct rings r;
	struct ring_out out;
	struct iovec part = {large, RING_PAGE_SIZE - 16};
	bool signal;

	rings_init(&r, 2, false);
	g_assert_cmpint(ring_out_init(&out, r.pages, 2), ==, RING_OK);
	g_assert_cmpint(ring_out_put(&out, &part, 1, &signal), ==, RING_OK); /* 8 bytes stay free */
	rings_clear(&r);

	for (size_t size = RING_PAGE_SIZE - 15; size < sizeof(large); size += 997) {
		rings_init(&r, 2, false);
		g_assert_cmpint(ring_out_init(&out, r.pages, 2), ==, RING_OK);
		part.iov_len = size;
		g_assert_cmpint(ring_out_put(&out, &part, 1, &signal), ==, RING_TOO_BIG);
		rings_clear(&r);
	}
}

/* ---- both at once --------------------------------------------------------------------------- */

#define STRESS_PACKETS 60000u

struct bell { /* an eventfd of the test */
	GMutex lock;
	GCond cond;
	bool rung;
};

static void bell_ring(struct bell *bell)
{
	g_mutex_lock(&bell->lock);
	bell->rung = true;
	g_cond_signal(&bell->cond);
	g_mutex_unlock(&bell->lock);
}

static void bell_wait(struct bell *bell)
{
	gint64 end = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;

	g_mutex_lock(&bell->lock);
	while (!bell->rung)
		g_assert_true(g_cond_wait_until(&bell->cond, &bell->lock, end)); /* lost */
	bell->rung = false;
	g_mutex_unlock(&bell->lock);
}

struct stress {
	struct rings to_host, to_guest;
	struct bell host, guest;
};

/* Sends numbered packets as fast as there is room, and expects each of them back. */
static void *stress_guest(void *context)
{
	struct stress *s = context;
	struct guest_packet *p = g_new0(struct guest_packet, 1);
	uint64_t sent = 0, received = 0;

	while (received < STRESS_PACKETS) {
		bool signal, again;

		while (sent < STRESS_PACKETS) {
			packet_fill(p, sent, 0, (uint32_t)(sent * 37 % 300));
			if (!guest_ring_send(&s->to_host.guest, p, &signal)) {
				guest_ring_want_room(&s->to_host.guest, guest_ring_needs(p));
				if (guest_ring_room(&s->to_host.guest) <= guest_ring_needs(p))
					break;
				continue;
			}
			guest_ring_want_room(&s->to_host.guest, 0);
			sent++;
			if (signal)
				bell_ring(&s->host);
		}
		do {
			guest_ring_begin(&s->to_guest.guest);
			while (guest_ring_receive(&s->to_guest.guest, p))
				g_assert_cmpuint(p->transaction_id, ==, received++);
			again = guest_ring_end(&s->to_guest.guest, &signal);
			if (signal)
				bell_ring(&s->host);
		} while (again);
		if (received < STRESS_PACKETS)
			bell_wait(&s->guest);
	}
	g_free(p);
	return NULL;
}

static void stress_host(struct stress *s)
{
	struct ring_in in;
	struct ring_out out;
	uint64_t answered = 0;
	bool held = false;
	struct wire_packet head = {0};

	g_assert_cmpint(ring_in_init(&in, s->to_host.pages, s->to_host.n_pages), ==, RING_OK);
	g_assert_cmpint(ring_out_init(&out, s->to_guest.pages, s->to_guest.n_pages), ==, RING_OK);
	while (answered < STRESS_PACKETS) {
		uint32_t size;
		bool signal, interrupt = false, full = false;

		while (!full && (held || ring_in_peek(&in, &head, &size) == RING_OK)) {
			struct iovec part = {&head, sizeof(head)};

			if (!held)
				ring_in_pop(&in);
			g_assert_cmpuint(head.transaction_id, ==, answered);
			head.offset8 = head.length8 = 2;
			held = full = ring_out_put(&out, &part, 1, &signal) == RING_FULL;
			interrupt |= signal;
			answered += !held;
		}
		interrupt |= ring_in_publish(&in);
		interrupt |= ring_out_publish(&out);
		if (interrupt)
			bell_ring(&s->guest);
		if (answered < STRESS_PACKETS)
			bell_wait(&s->host);
	}
}

static void test_both_at_once(void)
{
	for (uint32_t pages = 2; pages <= 6; pages += 2) {
		struct stress s = {0};
		pthread_t guest;

		rings_init(&s.to_host, pages, true);
		rings_init(&s.to_guest, 8 - pages, true);
		bell_ring(&s.host);
		g_assert_cmpint(pthread_create(&guest, NULL, stress_guest, &s), ==, 0);
		stress_host(&s);
		pthread_join(guest, NULL);
		rings_clear(&s.to_host);
		rings_clear(&s.to_guest);
	}
}

/* ---- a hostile guest ------------------------------------------------------------------------ */

static const uint32_t bad_indices[] = {
	1,	    4, 7, 2 * RING_PAGE_SIZE, 2 * RING_PAGE_SIZE + 8, UINT32_MAX, UINT32_MAX - 7,
	0x80000000u};

static void test_bad_indices(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad_indices); i++) {
		struct rings r;
		struct ring_in in;
		struct ring_out out;
		struct wire_packet head = {.offset8 = 2, .length8 = 2};
		struct iovec part = {&head, sizeof(head)};
		uint32_t size;
		bool signal;

		rings_init(&r, 3, false);
		g_assert_cmpint(ring_in_init(&in, r.pages, 3), ==, RING_OK);
		guest_ring_store(&r.guest, GUEST_RING_WRITE, bad_indices[i]);
		g_assert_cmpint(ring_in_peek(&in, &head, &size), ==, RING_CORRUPT);
		g_assert_false(ring_in_publish(&in));
		g_assert_cmpint(ring_in_init(&in, r.pages, 3), ==, RING_CORRUPT);
		g_assert_cmpint(ring_out_init(&out, r.pages, 3), ==, RING_CORRUPT);
		guest_ring_store(&r.guest, GUEST_RING_WRITE, 0);
		guest_ring_store(&r.guest, GUEST_RING_READ, bad_indices[i]);
		g_assert_cmpint(ring_in_init(&in, r.pages, 3), ==, RING_CORRUPT);
		g_assert_cmpint(ring_out_init(&out, r.pages, 3), ==, RING_CORRUPT);

		guest_ring_store(&r.guest, GUEST_RING_READ, 0);
		g_assert_cmpint(ring_out_init(&out, r.pages, 3), ==, RING_OK);
		head.length8 = 2;
		head.offset8 = 2;
		guest_ring_store(&r.guest, GUEST_RING_READ, bad_indices[i]);
		for (uint32_t n = 0; n < 2 * RING_PAGE_SIZE / 24; n++) {
			enum ring_result result = ring_out_put(&out, &part, 1, &signal);

			g_assert_cmpint(result, ==, n < 341 ? RING_OK : RING_CORRUPT);
		}
		rings_clear(&r);
	}
}

/* A reader that claims to have read what was not written yet would make room out of nothing. */
static void test_reader_ahead(void)
{
	static uint8_t bytes[4096];
	struct rings r;
	struct ring_out out;
	struct iovec part = {bytes, 4000};
	bool signal;

	rings_init(&r, 3, false);
	g_assert_cmpint(ring_out_init(&out, r.pages, 3), ==, RING_OK);
	g_assert_cmpint(ring_out_put(&out, &part, 1, &signal), ==, RING_OK);
	ring_out_publish(&out);
	g_assert_cmpint(ring_out_put(&out, &part, 1, &signal), ==, RING_OK);
	guest_ring_store(&r.guest, GUEST_RING_READ, 4008 + 8);
	g_assert_cmpint(ring_out_put(&out, &part, 1, &signal), ==, RING_CORRUPT);
	rings_clear(&r);
}

static void test_bad_packets(void)
{
	static const struct {
		uint16_t offset8, length8;
		uint32_t filled;
		enum ring_result result;
	} cases[] = {
		{2, 2, 24, RING_OK},	       {2, 2, 16, RING_CORRUPT},
		{2, 2, 8, RING_CORRUPT},       {2, 3, 24, RING_CORRUPT},
		{2, 3, 32, RING_OK},	       {3, 2, 64, RING_CORRUPT},
		{0, 4, 64, RING_CORRUPT},      {1, 4, 64, RING_CORRUPT},
		{2, 0xffff, 64, RING_CORRUPT}, {0xffff, 0xffff, 64, RING_CORRUPT},
		{2, 1, 64, RING_CORRUPT},      {2, 0, 64, RING_CORRUPT},
		{0, 0, 64, RING_CORRUPT},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct wire_packet head = {.offset8 = cases[i].offset8,
					   .length8 = cases[i].length8};
		struct rings r;
		struct ring_in in;
		uint32_t size;

		rings_init(&r, 2, false);
		g_assert_cmpint(ring_in_init(&in, r.pages, 2), ==, RING_OK);
		memcpy(r.pages[1], &head, sizeof(head));
		guest_ring_store(&r.guest, GUEST_RING_WRITE, cases[i].filled);
		g_assert_cmpint(ring_in_peek(&in, &head, &size), ==, cases[i].result);
		rings_clear(&r);
	}
}

/* Scribbles over everything while the host reads and writes: any answer, but no harm. */
static void test_scribbles(void)
{
	static uint8_t copy[UINT16_MAX * 8];

	for (int round = 0; round < 2000; round++) {
		uint32_t n_pages = (uint32_t)g_test_rand_int_range(2, MAX_PAGES + 1), size;
		struct wire_packet head = {.offset8 = 2, .length8 = 2};
		struct iovec part = {&head, sizeof(head)};
		struct rings r;
		struct ring_in in;
		struct ring_out out;
		bool signal;

		rings_init(&r, n_pages, g_test_rand_bit());
		g_assert_cmpint(ring_in_init(&in, r.pages, n_pages), ==, RING_OK);
		g_assert_cmpint(ring_out_init(&out, r.pages, n_pages), ==, RING_OK);
		for (int step = 0; step < 50; step++) {
			uint32_t *word =
				(uint32_t *)(void *)
					r.pages[g_test_rand_int_range(0, (gint32)n_pages)] +
				g_test_rand_int_range(0, 20);

			*word = g_test_rand_bit()
					? (uint32_t)g_test_rand_int()
					: (uint32_t)g_test_rand_int_range(
						  0, (gint32)(n_pages * RING_PAGE_SIZE / 8)) *
						  8;
			if (ring_in_peek(&in, &head, &size) == RING_OK) {
				ring_in_copy(&in, 0, copy, size);
				ring_in_pop(&in);
			}
			ring_in_publish(&in);
			ring_out_put(&out, &part, 1, &signal);
			ring_out_publish(&out);
		}
		rings_clear(&r);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ring/in-random", test_in_random);
	g_test_add_func("/ring/out-random", test_out_random);
	g_test_add_func("/ring/out-too-big", test_out_too_big);
	g_test_add_func("/ring/both-at-once", test_both_at_once);
	g_test_add_func("/ring/bad-indices", test_bad_indices);
	g_test_add_func("/ring/reader-ahead", test_reader_ahead);
	g_test_add_func("/ring/bad-packets", test_bad_packets);
	g_test_add_func("/ring/scribbles", test_scribbles);
	return g_test_run();
}
