/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An adapter that is saved with its bus and taken up on another, with rings in the guest's memory:
 * what is in them at that time counts as well. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest_bus.h"
#include "net_backends.h"
#include "netvsp.h"

#define CHANNEL_PAGE  16u /* of the guest's memory */
#define MESSAGE_PAGE  256u
#define RECEIVE_PAGE  512u
#define RECEIVE_PAGES 32u
#define RECEIVE_GPADL 77u
#define SECTION	      1728u
#define SECTIONS      (RECEIVE_PAGES * 4096u / SECTION)

struct fixture {
	struct guest_bus g;
	struct guest_channel channel;
	struct net_backend *backend;
	struct netvsp *netvsp;
	int network;
	uint64_t transaction;
};

/* ---- the host -------------------------------------------------------------------------------- */

static void offer(struct fixture *f)
{
	struct netvsp_config config = {.name = "nic0",
				       .bus = f->g.bus,
				       .thread = f->g.thread,
				       .instance.bytes = {9},
				       .mac = {2, 0, 0, 0, 0, 1},
				       .channels = 1};
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	f->network = pair[0];
	f->backend = net_port_new("nic0", pair[1], NULL);
	config.backend = f->backend;
	f->netvsp = netvsp_new(&config, NULL);
	g_assert_nonnull(f->netvsp);
}

static void withdraw(struct fixture *f)
{
	netvsp_free(f->netvsp);
	net_backend_free(f->backend);
	close(f->network);
}

static void move(struct fixture *f)
{
	g_autoptr(GBytes) bytes = guest_bus_save(&f->g);

	withdraw(f);
	guest_bus_move(&f->g);
	offer(f);
	g_assert_true(guest_bus_restore(&f->g, bytes));
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void send_packet(struct fixture *f, uint16_t type, uint64_t transaction,
			const uint32_t *payload, uint32_t size)
{
	static struct guest_packet p;

	p = (struct guest_packet){
		.type = type,
		.flags = (uint16_t)(type == 11 ? 0 : VMBUS_PACKET_WANTS_COMPLETION),
		.transaction_id = transaction,
		.size = size};
	memcpy(p.payload, payload, size);
	guest_channel_send(&f->channel, &p);
}

/* The answer's words. */
static void ask(struct fixture *f, const uint32_t message[10], uint32_t answer[10])
{
	static struct guest_packet p;

	send_packet(f, 6, ++f->transaction, message, 40);
	guest_channel_receive(&f->channel, &p);
	g_assert_cmpuint(p.type, ==, 11);
	g_assert_cmpuint(p.transaction_id, ==, f->transaction);
	memcpy(answer, p.payload, 40);
}

static void tell(struct fixture *f, const uint32_t message[10])
{
	static struct guest_packet p;

	p = (struct guest_packet){.type = 6, .size = 40};
	memcpy(p.payload, message, 40);
	guest_channel_send(&f->channel, &p);
}

/* The next packet over the receive buffer: where its only range is. */
static const uint8_t *take(struct fixture *f, uint64_t *transaction)
{
	static struct guest_packet p;
	uint32_t words[4], at;

	guest_channel_receive(&f->channel, &p);
	g_assert_cmpuint(p.type, ==, 7);
	memcpy(words, p.extra, sizeof(words));
	g_assert_cmpuint(words[0] & 0xffff, ==, 5); /* the buffer's name */
	g_assert_cmpuint(words[1], ==, 1);
	at = words[3];
	g_assert_cmpuint(at % SECTION, ==, 0);
	*transaction = p.transaction_id;
	return guest_bus_page(&f->g, RECEIVE_PAGE) + at; /* the pages are in order */
}

static void give_back(struct fixture *f, uint64_t transaction)
{
	send_packet(f, 11, transaction, (const uint32_t[]){108, 1}, 8);
}

static void control(struct fixture *f, const uint32_t *message, uint32_t size)
{
	const uint32_t nvsp[10] = {107, 1, UINT32_MAX}, list[4] = {0, 1, size, 0};
	const uint64_t page = MESSAGE_PAGE;
	static struct guest_packet p;
	uint64_t transaction;

	memcpy(guest_bus_page(&f->g, MESSAGE_PAGE), message, size);
	p = (struct guest_packet){.type = 9,
				  .flags = VMBUS_PACKET_WANTS_COMPLETION,
				  .transaction_id = ++f->transaction,
				  .size = sizeof(nvsp),
				  .extra_size = sizeof(list) + sizeof(page)};
	memcpy(p.payload, nvsp, sizeof(nvsp));
	memcpy(p.extra, list, sizeof(list));
	memcpy(p.extra + sizeof(list), &page, sizeof(page));
	guest_channel_send(&f->channel, &p);
	guest_channel_receive(&f->channel, &p);
	g_assert_cmpuint(p.type, ==, 11);
	(void)take(f, &transaction);
	give_back(f, transaction);
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint32_t init[] = {2, 24, 1, 1, 0, 0x4000};
	static const uint32_t filter[] = {5, 32, 2, 0x0001010e, 4, 20, 0, 0x2f};
	uint64_t pages[RECEIVE_PAGES];
	uint32_t relids[16], answer[10];

	guest_bus_init(&f->g);
	offer(f);
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_3, relids), ==, 1);
	g_assert_cmpuint(guest_channel_open(&f->channel, &f->g, relids[0], CHANNEL_PAGE, 1), ==, 0);
	for (uint32_t i = 0; i < RECEIVE_PAGES; i++)
		pages[i] = RECEIVE_PAGE + i;
	g_assert_cmpuint(guest_bus_gpadl(&f->g, relids[0], RECEIVE_GPADL, pages, RECEIVE_PAGES), ==,
			 0);
	ask(f, (const uint32_t[10]){1, 0x60001, 0x60001}, answer);
	g_assert_cmpuint(answer[3], ==, 1);
	tell(f, (const uint32_t[10]){125, 1514});
	ask(f, (const uint32_t[10]){101, RECEIVE_GPADL, 5}, answer);
	g_assert_cmpuint(answer[4], ==, SECTION);
	control(f, init, sizeof(init));
	control(f, filter, sizeof(filter));
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	withdraw(f);
	guest_bus_clear(&f->g);
}

static void network_send(struct fixture *f, uint8_t number)
{
	uint8_t frame[10 + 60] = {[10] = 2, [15] = 1, [69] = number};

	g_assert_cmpint(send(f->network, frame, sizeof(frame), 0), ==, sizeof(frame));
}

static uint64_t expect_frame(struct fixture *f, uint8_t number)
{
	uint64_t transaction;
	const uint8_t *message = take(f, &transaction);
	uint32_t words[4];

	memcpy(words, message, sizeof(words));
	g_assert_cmpuint(words[0], ==, 1);
	g_assert_cmpuint(words[3], ==, 60);
	g_assert_cmpuint(message[8 + words[2] + 59], ==, number);
	return transaction;
}

/* The packets of frames that are with the guest, one each. */
static void fill(struct fixture *f, uint64_t *transactions, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++) {
		network_send(f, i);
		transactions[i] = expect_frame(f, i);
	}
}

/* ---- tests ----------------------------------------------------------------------------------- */

static uint64_t stalls(struct fixture *f)
{
	struct netvsp_state state;

	netvsp_state(f->netvsp, &state);
	g_assert_cmpuint(state.counters.faults, ==, 0);
	g_assert_cmpuint(state.counters.receive_dropped, ==, 0);
	return state.counters.receive_stalls;
}

/* What the guest has, what it has not read, and what it has given back unread. */
static void test_goes_on(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint64_t kept[SECTIONS];

	for (uint8_t round = 0; round < 4; round++) {
		uint64_t late;

		fill(f, kept, 10);
		network_send(f, 200);
		guest_bus_settle(&f->g);
		move(f);
		late = expect_frame(f, 200);
		for (unsigned int i = 0; i < 10; i++)
			give_back(f, kept[i]);
		give_back(f, late);
	}
	guest_bus_settle(&f->g);
	fill(f, kept, SECTIONS);
	g_assert_cmpuint(stalls(f), ==, 0);
	network_send(f, 1);
	guest_bus_settle(&f->g);
	g_assert_cmpuint(stalls(f), ==, 1); /* all are with the guest */
	give_back(f, kept[7]);
	give_back(f, expect_frame(f, 1));
}

/* A guest that tore its buffer down goes on without it. */
static void test_torn(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint32_t answer[10];
	uint64_t kept[3];

	fill(f, kept, 3);
	guest_bus_post_teardown(&f->g, f->channel.relid, RECEIVE_GPADL);
	guest_bus_expect_none(&f->g); /* it is lent until it is revoked */
	move(f);
	guest_bus_take_torndown(&f->g, RECEIVE_GPADL);
	for (unsigned int i = 0; i < 3; i++)
		give_back(f, kept[i]);
	guest_bus_settle(&f->g);
	g_assert_cmpuint(stalls(f), ==, 0);
	ask(f, (const uint32_t[10]){101, RECEIVE_GPADL, 5}, answer);
	g_assert_cmpuint(answer[1], ==, 2); /* that GPADL is none */
}

/* One that revoked it first, as drivers do, is answered at once. */
static void test_revoked(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_packet p = {.type = 6, .size = 40, .payload = {103}};

	guest_channel_send(&f->channel, &p);
	guest_bus_teardown(&f->g, f->channel.relid, RECEIVE_GPADL);
}

/* A bus that is taken up whatever was done to the bytes, or not at all. */
static void test_spoilt(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint64_t kept[5];
	g_autoptr(GBytes) bytes = NULL;

	fill(f, kept, 5);
	bytes = guest_bus_save(&f->g);
	for (unsigned int i = 0; i < 400; i++) {
		g_autoptr(GBytes) spoilt = guest_bus_spoil(bytes);

		withdraw(f);
		guest_bus_move(&f->g);
		offer(f);
		if (guest_bus_restore(&f->g, spoilt))
			network_send(f, 1);
		guest_bus_settle(&f->g);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, test) \
	g_test_add("/netvsp-rings/" name, struct fixture, NULL, set_up, test, tear_down)
	CASE("goes-on", test_goes_on);
	CASE("torn", test_torn);
	CASE("revoked", test_revoked);
	CASE("spoilt", test_spoilt);
	return g_test_run();
}
