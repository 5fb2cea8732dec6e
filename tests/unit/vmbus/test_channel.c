/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets through a channel, as drivers send them and as they should not. */
#include <string.h>

#include "echo_vsp.h"
#include "guest_bus.h"

struct fixture {
	struct guest_bus g;
	struct echo_vsp *echo;
	struct guest_channel c;
};

static void setup(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint32_t relids[16];

	guest_bus_init(&f->g);
	f->echo = echo_vsp_new(f->g.bus, f->g.thread, "echo0", 1, 2, NULL);
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_3, relids), ==, 1);
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, relids[0], 16, 2), ==, 0);
}

static void teardown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_message m;

	echo_vsp_free(f->echo);
	guest_bus_take(&f->g, VMBUS_RESCIND, &m);
	guest_bus_clear(&f->g);
}

static uint64_t faults(struct fixture *f)
{
	struct vmbus_counters c;

	guest_bus_settle(&f->g);
	vmbus_get_counters(f->g.bus, &c);
	return c.faults;
}

/* The channel is dead for the VSP; the guest closes it, sets it up anew and it works. */
static void expect_fault(struct fixture *f)
{
	static struct guest_packet p;

	g_assert_cmpuint(faults(f), ==, 1);
	g_assert_cmpuint(atomic_load(&f->echo->closed), ==, 1);
	guest_channel_signal(&f->c); /* of no effect */
	g_assert_cmpuint(faults(f), ==, 1);
	guest_channel_close(&f->c);
	guest_bus_expect_none(&f->g);
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->c.relid, 16, 2), ==, 0);
	p = (struct guest_packet){.type = 6, .size = 8};
	guest_channel_send(&f->c, &p);
	guest_channel_receive(&f->c, &p);
	g_assert_cmpuint(faults(f), ==, 1);
}

/* ---- traffic -------------------------------------------------------------------------------- */

static void test_echo(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p, answer;

	for (uint64_t i = 0; i < 2000; i++) {
		p.type = 6;
		p.transaction_id = i << 32;
		p.flags = VMBUS_PACKET_WANTS_COMPLETION;
		p.size = (uint32_t)(i * 61 % 4000);
		for (uint32_t b = 1; b < p.size; b++)
			p.payload[b] = (uint8_t)(i + (uint64_t)b * 3);
		guest_channel_send(&f->c, &p);
		guest_channel_receive(&f->c, &answer);
		g_assert_cmpuint(answer.type, ==, VMBUS_PACKET_COMPLETION);
		g_assert_cmpuint(answer.flags, ==, 0);
		g_assert_cmpuint(answer.transaction_id, ==, i << 32);
		g_assert_cmpuint(answer.size, ==, (p.size + 7) & ~7u);
		g_assert_cmpint(memcmp(answer.payload, p.payload, p.size), ==, 0);
	}
}

static void gpa_range(struct guest_packet *p, uint32_t bytes, uint32_t offset,
		      const uint64_t *pages, uint32_t n_pages)
{
	uint32_t head[2] = {bytes, offset}, count;

	if (p->extra_size == 0)
		p->extra_size = 8;
	memcpy(&count, p->extra + 4, 4);
	count++;
	memcpy(p->extra + 4, &count, 4);
	memcpy(p->extra + p->extra_size, head, 8);
	memcpy(p->extra + p->extra_size + 8, pages, (size_t)8 * n_pages);
	p->extra_size += 8 + 8 * n_pages;
}

static void test_gpa_direct(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	const uint64_t first[] = {200, 201, 199}, second[] = {150};

	p = (struct guest_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT, .size = 8};
	gpa_range(&p, 100 + 4096 + 8, 3996, first, 3); /* 100 + 4096 + 8 bytes */
	gpa_range(&p, 16, 4080, second, 1);
	guest_channel_send(&f->c, &p);
	guest_channel_receive(&f->c, &p);
	g_assert_cmpuint(guest_bus_page(&f->g, 200)[3995], ==, 0);
	for (uint32_t i = 3996; i < 4096; i++)
		g_assert_cmpuint(guest_bus_page(&f->g, 200)[i], ==, 0xa5);
	for (uint32_t i = 0; i < 4096; i++)
		g_assert_cmpuint(guest_bus_page(&f->g, 201)[i], ==, 0xa5);
	g_assert_cmpuint(guest_bus_page(&f->g, 199)[7], ==, 0xa5);
	g_assert_cmpuint(guest_bus_page(&f->g, 199)[8], ==, 0);
	g_assert_cmpuint(guest_bus_page(&f->g, 150)[4079], ==, 0);
	g_assert_cmpuint(guest_bus_page(&f->g, 150)[4080], ==, 0xa5);

	p = (struct guest_packet){
		.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT, .size = 8, .extra_size = 8};
	guest_channel_send(&f->c, &p); /* no range at all */
	guest_channel_receive(&f->c, &p);
	g_assert_cmpuint(faults(f), ==, 0);
}

static void test_xfer_pages(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	uint16_t set;
	uint32_t words[6];

	p = (struct guest_packet){.type = 6, .size = 24, .payload = {ECHO_XFER}};
	guest_channel_send(&f->c, &p);
	guest_channel_receive(&f->c, &p);
	g_assert_cmpuint(p.type, ==, VMBUS_PACKET_DATA_USING_XFER_PAGES);
	g_assert_cmpuint(p.flags, ==, VMBUS_PACKET_WANTS_COMPLETION);
	g_assert_cmpuint(p.extra_size, ==, 24);
	memcpy(&set, p.extra, 2);
	memcpy(words, p.extra, 24);
	g_assert_cmpuint(set, ==, 0xcafe);
	g_assert_cmpuint(words[1], ==, 2);
	g_assert_cmpuint(words[2], ==, 100);
	g_assert_cmpuint(words[3], ==, 0);
	g_assert_cmpuint(words[4], ==, 200);
	g_assert_cmpuint(words[5], ==, 4096);
	g_assert_cmpuint(p.size, ==, 24);
}

static void tell_of_gpadl(struct fixture *f, uint8_t command, uint32_t id, struct guest_packet *p)
{
	*p = (struct guest_packet){.type = 6, .size = 16, .payload = {command}};
	memcpy(p->payload + 4, &id, sizeof(id));
	guest_channel_send(&f->c, p);
	guest_channel_receive(&f->c, p);
}

static void test_gpadl_of_the_vsp(struct fixture *f, gconstpointer data)
{
	static struct guest_packet p;
	uint64_t pages[600], size;
	const uint32_t id = 42;

	for (uint32_t i = 0; i < G_N_ELEMENTS(pages); i++)
		pages[i] = 1000 + (i * 7) % 600;
	g_assert_cmpuint(guest_bus_gpadl(&f->g, f->c.relid, id, pages, 600), ==, 0);
	for (int i = 0; i < 3; i++) {
		tell_of_gpadl(f, ECHO_GPADL, id, &p);
		memcpy(&size, p.payload + 8, sizeof(size));
		g_assert_cmpuint(size, ==, i < 2 ? 600 * 4096 : 0);
		if (i == 1) {
			guest_bus_post_teardown(&f->g, f->c.relid, id);
			guest_bus_expect_none(&f->g);
		}
	}
	for (uint32_t i = 0; i < 600; i++)
		g_assert_cmpuint(guest_bus_page(&f->g, 1000 + i)[i], ==, 0x5a);
	/* The VSP may still write there. */
	guest_bus_expect_none(&f->g);
	if (data)
		guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->c.relid);
	else
		tell_of_gpadl(f, ECHO_RELEASE, id, &p);
	guest_bus_take_torndown(&f->g, id);
	guest_bus_expect_none(&f->g);
	g_assert_cmpuint(guest_bus_gpadl(&f->g, f->c.relid, id, pages, 600), ==, 0);
}

/* One that failed has let go, too; the channel itself keeps its rings until it is closed. */
static void test_gpadls_of_a_failed_channel(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	const uint64_t page = 1000;

	g_assert_cmpuint(guest_bus_gpadl(&f->g, f->c.relid, 42, &page, 1), ==, 0);
	tell_of_gpadl(f, ECHO_GPADL, 42, &p);
	guest_bus_post_teardown(&f->g, f->c.relid, 42);
	guest_bus_post_teardown(&f->g, f->c.relid, f->c.gpadl);
	guest_bus_expect_none(&f->g);
	p = (struct guest_packet){.type = 99, .size = 8};
	guest_channel_send(&f->c, &p);
	guest_bus_take_torndown(&f->g, 42);
	guest_bus_expect_none(&f->g);
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->c.relid);
	guest_bus_take_torndown(&f->g, f->c.gpadl);
}

/* The pages of rings are the guest's again when the channel is closed, not before. */
static void test_gpadl_of_the_rings(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	struct vmbus_counters before, after;
	const uint64_t page = 1000;

	vmbus_get_counters(f->g.bus, &before);
	guest_bus_post_teardown(&f->g, f->c.relid, f->c.gpadl);
	guest_bus_post_teardown(&f->g, f->c.relid, f->c.gpadl); /* once more does not help */
	guest_bus_expect_none(&f->g);
	vmbus_get_counters(f->g.bus, &after);
	g_assert_cmpuint(after.malformed, ==, before.malformed + 1);
	/* Nor is the number free, and all goes on. */
	g_assert_cmpuint(guest_bus_gpadl(&f->g, f->c.relid, f->c.gpadl, &page, 1), !=, 0);
	p = (struct guest_packet){.type = 6, .size = 8};
	guest_channel_send(&f->c, &p);
	guest_channel_receive(&f->c, &p);
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->c.relid);
	guest_bus_take_torndown(&f->g, f->c.gpadl);
	guest_bus_expect_none(&f->g);
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->c.relid, 16, 2), ==, 0);
	/* One who starts over hears nothing of what was. */
	guest_bus_post_teardown(&f->g, f->c.relid, f->c.gpadl);
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_3, NULL), ==, 1);
	guest_bus_expect_none(&f->g);
}

/* ---- room ----------------------------------------------------------------------------------- */

static void test_guest_ring_full(struct fixture *f, gconstpointer data)
{
	static struct guest_packet p;
	const bool old_guest = data != NULL;
	unsigned int sent = 0;
	bool signal, again;

	if (old_guest) /* one that does not signal room */
		guest_ring_store(&f->c.to_guest, GUEST_RING_FEATURES, 0);
	for (int round = 0; round < 20; round++) {
		unsigned int in_round = 0, got = 0;

		p = (struct guest_packet){.type = 6, .size = 1000};
		while (guest_ring_send(&f->c.to_host, &p, &signal)) {
			sent++;
			in_round++;
			if (signal)
				guest_channel_signal(&f->c);
			if (in_round == 60)
				break; /* twice what either ring holds */
			guest_bus_settle(&f->g);
		}
		g_assert_cmpuint(in_round, >, 40);
		g_assert_cmpuint(guest_ring_load(&f->c.to_guest, GUEST_RING_PENDING), >, 0);
		while (got < in_round) {
			guest_ring_begin(&f->c.to_guest);
			while (guest_ring_receive(&f->c.to_guest, &p))
				got++;
			again = guest_ring_end(&f->c.to_guest, &signal);
			g_assert_false(signal && old_guest);
			if (signal)
				guest_channel_signal(&f->c);
			if (!again && got < in_round)
				guest_bus_wait_event(&f->g, f->c.vp, f->c.relid);
		}
		g_assert_cmpuint(got, ==, in_round);
	}
	g_assert_cmpuint(atomic_load(&f->echo->received), ==, sent);
}

/* A guest's writer that waits for room is woken although the VSP answers nothing. */
static void test_host_ring_full(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	bool signal;

	for (int round = 0; round < 50; round++) {
		p = (struct guest_packet){.type = 6, .size = 3000, .payload = {ECHO_MUTE}};
		while (guest_ring_send(&f->c.to_host, &p, &signal))
			;
		guest_ring_want_room(&f->c.to_host, guest_ring_needs(&p));
		guest_channel_signal(&f->c);
		guest_bus_wait_event(&f->g, f->c.vp, f->c.relid);
		guest_ring_want_room(&f->c.to_host, 0);
		g_assert_true(guest_ring_send(&f->c.to_host, &p, &signal));
		guest_channel_signal(&f->c);
		guest_bus_settle(&f->g);
		f->g.flags[f->c.vp][f->c.relid] = false;
	}
	/* And one that does not wait is left in peace. */
	unsigned int before = f->g.interrupts;
	p.size = 100;
	for (int i = 0; i < 500; i++) {
		if (guest_ring_send(&f->c.to_host, &p, &signal) && signal)
			guest_channel_signal(&f->c);
		guest_bus_settle(&f->g);
	}
	g_assert_cmpuint(f->g.interrupts, ==, before);
}

/* A guest that masks interrupts gets none. */
static void test_mask(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	unsigned int before = f->g.interrupts;

	guest_ring_begin(&f->c.to_guest);
	for (int i = 0; i < 10; i++) {
		p = (struct guest_packet){.type = 6, .size = 8};
		guest_channel_send(&f->c, &p);
		guest_bus_settle(&f->g);
	}
	g_assert_cmpuint(f->g.interrupts, ==, before);
	for (int i = 0; i < 10; i++)
		g_assert_true(guest_ring_receive(&f->c.to_guest, &p));
}

/* ---- hostile -------------------------------------------------------------------------------- */

static void test_indices(struct fixture *f, gconstpointer data)
{
	guest_ring_store(&f->c.to_host, GUEST_RING_WRITE, GPOINTER_TO_UINT(data));
	guest_channel_signal(&f->c);
	expect_fault(f);
}

static void test_reader_index(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	bool signal;

	guest_ring_store(&f->c.to_guest, GUEST_RING_READ, 3);
	/* The host only looks when it needs the room. */
	p = (struct guest_packet){.type = 6, .size = 4000};
	for (int i = 0; i < 20 && atomic_load(&f->echo->closed) == 0; i++) {
		if (guest_ring_send(&f->c.to_host, &p, &signal))
			guest_channel_signal(&f->c);
		guest_bus_settle(&f->g);
	}
	expect_fault(f);
}

static void test_bad_type(struct fixture *f, gconstpointer data)
{
	static struct guest_packet p;

	p = (struct guest_packet){.type = (uint16_t)GPOINTER_TO_UINT(data), .size = 8};
	guest_channel_send(&f->c, &p);
	expect_fault(f);
}

static void test_too_large(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;

	p = (struct guest_packet){.type = 6, .size = 4097};
	guest_channel_send(&f->c, &p);
	expect_fault(f);
}

struct bad_list {
	const char *name;
	uint32_t ranges, bytes, offset, n_pages;
	uint64_t page;
};

static const struct bad_list bad_lists[] = {
	{"unmapped", 1, 4096, 0, 1, GUEST_MEMORY / 4096},
	{"far", 1, 4096, 0, 1, 1ull << 40},
	{"overflow", 1, 4096, 0, 1, UINT64_MAX},
	{"overflow-by-one", 1, 4096, 0, 1, 1ull << 52},
	{"offset", 1, 1, 4096, 1, 5},
	{"large-offset", 1, 4096, UINT32_MAX, 1, 5},
	{"empty", 1, 0, 0, 1, 5},
	{"pages-missing", 1, 4097, 0, 1, 5},
	{"large", 1, UINT32_MAX, 4095, 1, 5},
	{"ranges-missing", 2, 4096, 0, 1, 5},
	{"many-ranges", UINT32_MAX, 4096, 0, 1, 5},
};

static void test_bad_list(struct fixture *f, gconstpointer data)
{
	static struct guest_packet p;
	const struct bad_list *bad = data;
	uint64_t pages[4] = {bad->page, bad->page, bad->page, bad->page};

	p = (struct guest_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT, .size = 8};
	gpa_range(&p, bad->bytes, bad->offset, pages, bad->n_pages);
	memcpy(p.extra + 4, &bad->ranges, 4);
	guest_channel_send(&f->c, &p);
	expect_fault(f);
}

static void test_list_missing(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;

	p = (struct guest_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT, .size = 8};
	guest_channel_send(&f->c, &p);
	expect_fault(f);
}

static void test_vsp_declares_fault(struct fixture *f, gconstpointer data)
{
	static struct guest_packet p;

	p = (struct guest_packet){
		.type = 6, .size = 8, .payload = {(uint8_t)GPOINTER_TO_UINT(data)}};
	guest_channel_send(&f->c, &p);
	expect_fault(f);
}

/* The primary's fault takes the sub-channels along. */
static void test_fault_with_sub_channels(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	struct guest_channel subs[2];
	struct guest_message m;

	p = (struct guest_packet){.type = 6, .size = 8, .payload = {ECHO_SUB_CHANNELS, 2}};
	guest_channel_send(&f->c, &p);
	for (uint32_t i = 0; i < 2; i++)
		guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	for (uint32_t i = 0; i < 2; i++)
		g_assert_cmpuint(
			guest_channel_open(&subs[i], &f->g, f->c.relid + 1 + i, 64 + 48 * i, 1), ==,
			0);
	p = (struct guest_packet){.type = 99, .size = 8};
	guest_channel_send(&subs[0], &p);
	g_assert_cmpuint(faults(f), ==, 1);
	g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 2);
	guest_channel_send(&f->c, &p);
	g_assert_cmpuint(faults(f), ==, 2);
	g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
	guest_channel_close(&subs[0]);
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->c.relid);
	for (int i = 0; i < 2; i++)
		guest_bus_take(&f->g, VMBUS_RESCIND, &m);
	guest_bus_expect_none(&f->g);
}

/* Nor may they be opened when it has failed, which the guest does not know yet. */
static void test_sub_channel_of_a_failed_one(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	struct guest_channel sub;
	struct guest_message m;

	p = (struct guest_packet){.type = 6, .size = 8, .payload = {ECHO_SUB_CHANNELS, 1}};
	guest_channel_send(&f->c, &p);
	guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	p = (struct guest_packet){.type = 99, .size = 8};
	guest_channel_send(&f->c, &p);
	g_assert_cmpuint(faults(f), ==, 1);
	g_assert_cmpuint(guest_channel_open(&sub, &f->g, f->c.relid + 1, 64, 1), !=, 0);
	g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
	g_assert_cmpuint(atomic_load(&f->echo->opened), ==, 1);
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->c.relid);
	guest_bus_take(&f->g, VMBUS_RESCIND, &m);
}

/* Closes with packets in both rings and the host busy with them. */
static void test_close_during_traffic(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	bool signal;

	for (int round = 0; round < 200; round++) {
		p = (struct guest_packet){.type = 6, .size = 200};
		while (guest_ring_send(&f->c.to_host, &p, &signal))
			;
		guest_channel_signal(&f->c);
		guest_channel_close(&f->c);
		g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
		g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->c.relid, 16, 2), ==, 0);
	}
	g_assert_cmpuint(faults(f), ==, 0);
}

static void test_random_bytes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 200; i++) {
			uint8_t *page = f->c.pages[g_test_rand_int_range(0, GUEST_CHANNEL_PAGES)];

			page[g_test_rand_int_range(0, g_test_rand_bit() ? 20 : 4096)] =
				(uint8_t)g_test_rand_int();
		}
		guest_channel_signal(&f->c);
		guest_bus_settle(&f->g);
		guest_channel_close(&f->c);
		g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->c.relid, 16, 2), ==, 0);
	}
}

#define ADD(path, test) g_test_add(path, struct fixture, NULL, setup, test, teardown)
#define ADD_WITH(path, test, n) \
	g_test_add(path, struct fixture, GUINT_TO_POINTER(n), setup, test, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/channel/echo", test_echo);
	ADD("/channel/gpa-direct", test_gpa_direct);
	ADD("/channel/xfer-pages", test_xfer_pages);
	ADD("/channel/gpadl-of-the-vsp/released", test_gpadl_of_the_vsp);
	ADD_WITH("/channel/gpadl-of-the-vsp/closed", test_gpadl_of_the_vsp, 1);
	ADD("/channel/gpadl-of-the-rings", test_gpadl_of_the_rings);
	ADD("/channel/gpadls-of-a-failed-channel", test_gpadls_of_a_failed_channel);
	ADD("/channel/guest-ring-full", test_guest_ring_full);
	ADD_WITH("/channel/guest-ring-full/old-guest", test_guest_ring_full, 1);
	ADD("/channel/host-ring-full", test_host_ring_full);
	ADD("/channel/mask", test_mask);
	ADD_WITH("/channel/index/odd", test_indices, 4);
	ADD_WITH("/channel/index/at-the-end", test_indices, 7 * 4096);
	ADD_WITH("/channel/index/huge", test_indices, 0xfffffff8u);
	ADD_WITH("/channel/index/too-little", test_indices, 16);
	ADD("/channel/index/reader", test_reader_index);
	ADD_WITH("/channel/type/0", test_bad_type, 0);
	ADD_WITH("/channel/type/xfer-pages", test_bad_type, 7);
	ADD_WITH("/channel/type/65535", test_bad_type, 65535);
	ADD("/channel/too-large", test_too_large);
	for (size_t i = 0; i < G_N_ELEMENTS(bad_lists); i++) {
		g_autofree char *path = g_strdup_printf("/channel/list/%s", bad_lists[i].name);

		g_test_add(path, struct fixture, &bad_lists[i], setup, test_bad_list, teardown);
	}
	ADD("/channel/list/missing", test_list_missing);
	ADD_WITH("/channel/fault/in-ready", test_vsp_declares_fault, ECHO_FAULT);
	ADD_WITH("/channel/fault/later", test_vsp_declares_fault, ECHO_LATER);
	ADD("/channel/fault/with-sub-channels", test_fault_with_sub_channels);
	ADD("/channel/fault/sub-channel-afterwards", test_sub_channel_of_a_failed_one);
	ADD("/channel/close-during-traffic", test_close_during_traffic);
	ADD("/channel/random-bytes", test_random_bytes);
	return g_test_run();
}
