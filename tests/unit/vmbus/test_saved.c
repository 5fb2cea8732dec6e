/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus that is saved and taken up again over the same memory: the guest notices nothing. */
#include <string.h>

#include "echo_vsp.h"
#include "guest_bus.h"

struct fixture {
	struct guest_bus g;
	struct echo_vsp *echo;
	uint32_t relid;
	struct guest_channel c;
};

static void offer(struct fixture *f)
{
	f->echo = echo_vsp_new(f->g.bus, f->g.thread, "echo0", 1, 2, NULL);
	g_assert_nonnull(f->echo);
}

static void setup(struct fixture *f, gconstpointer version)
{
	uint32_t relids[16];

	guest_bus_init(&f->g);
	offer(f);
	g_assert_cmpuint(guest_bus_connect(&f->g, GPOINTER_TO_UINT(version), relids), ==, 1);
	f->relid = relids[0];
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->relid, 16, 2), ==, 0);
}

static void setup_5_3(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	setup(f, GUINT_TO_POINTER(VMBUS_VERSION_5_3));
}

static void teardown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	if (f->echo)
		echo_vsp_free(f->echo);
	guest_bus_clear(&f->g);
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* Ends the host's side, and makes a new one without devices. */
static void leave(struct fixture *f)
{
	if (f->echo)
		echo_vsp_free(g_steal_pointer(&f->echo));
	guest_bus_move(&f->g);
}

static void move(struct fixture *f)
{
	g_autoptr(GBytes) bytes = guest_bus_save(&f->g);

	leave(f);
	offer(f);
	g_assert_true(guest_bus_restore(&f->g, bytes));
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void echo_packet(struct guest_channel *c, uint64_t id, uint8_t command, uint8_t argument)
{
	static struct guest_packet p, answer;

	p = (struct guest_packet){
		.type = 6, .transaction_id = id, .payload = {command, argument, 7}, .size = 16};
	guest_channel_send(c, &p);
	guest_channel_receive(c, &answer);
	g_assert_cmpuint(answer.transaction_id, ==, id);
	g_assert_cmpuint(answer.payload[2], ==, 7);
}

static void open_sub_channels(struct fixture *f, struct guest_channel subs[2])
{
	struct guest_message m;

	echo_packet(&f->c, 1000, ECHO_SUB_CHANNELS, 2);
	for (uint32_t i = 1; i <= 2; i++) {
		guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
		g_assert_cmpuint(m.offer.relid, ==, f->relid + i);
	}
	for (uint32_t i = 0; i < 2; i++)
		g_assert_cmpuint(guest_channel_open(&subs[i], &f->g, f->relid + 1 + i,
						    100 + 64 * (uint64_t)i, i),
				 ==, 0);
}

static void test_goes_on(struct fixture *f, gconstpointer version)
{
	struct guest_channel subs[2];

	open_sub_channels(f, subs);
	for (uint64_t i = 0; i < 5; i++) {
		echo_packet(&f->c, i, 0, 0);
		echo_packet(&subs[i % 2], i, 0, 0);
		move(f);
		g_assert_cmpuint(vmbus_version(f->g.bus), ==, GPOINTER_TO_UINT(version));
		g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 3);
	}
	guest_bus_expect_none(&f->g);
	/* All of its sub-channels have been asked for. */
	echo_packet(&f->c, 6, 0, 0);
	g_assert_cmpuint(vmbus_device_offer_sub_channels(f->echo->device, 1), ==, 0);
	for (int i = 0; i < 2; i++)
		guest_channel_close(&subs[i]);
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->relid);
	guest_bus_settle(&f->g);
	g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
}

/* Sends without reading answers, so that both rings run full, and is moved at any time. */
static void test_any_time(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p, answer;
	uint64_t sent = 0, got = 0;

	for (unsigned int step = 0; step < 3000; step++) {
		int what = g_test_rand_int_range(0, 100);
		bool signal;

		if (what < 2) {
			move(f);
		} else if (what < 60) {
			p = (struct guest_packet){.type = 6, .transaction_id = sent};
			p.size = 8 * (uint32_t)g_test_rand_int_range(1, 400);
			if (!guest_ring_send(&f->c.to_host, &p, &signal)) {
				guest_ring_want_room(&f->c.to_host, guest_ring_needs(&p));
				continue;
			}
			sent++;
			if (signal)
				guest_channel_signal(&f->c);
		} else if (got < sent) {
			guest_channel_receive(&f->c, &answer);
			g_assert_cmpuint(answer.transaction_id, ==, got);
			got++;
		}
	}
	for (; got < sent; got++) {
		guest_channel_receive(&f->c, &answer);
		g_assert_cmpuint(answer.transaction_id, ==, got);
	}
	guest_bus_settle(&f->g);
	g_assert_false(guest_ring_receive(&f->c.to_guest, &answer));
}

/* The VSP has taken nothing, has given no room, and has interrupted nobody while it was held. */
static void test_held(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	g_autoptr(GBytes) first = NULL, second = NULL;
	unsigned int received = atomic_load(&f->echo->received), interrupts;

	first = guest_bus_save(&f->g);
	interrupts = f->g.interrupts;
	p = (struct guest_packet){.type = 6, .transaction_id = 1, .size = 16};
	guest_channel_send(&f->c, &p);
	guest_channel_signal(&f->c);
	guest_bus_settle(&f->g);
	g_assert_cmpuint(atomic_load(&f->echo->received), ==, received);
	g_assert_cmpuint(f->g.interrupts, ==, interrupts);
	second = guest_bus_save(&f->g);
	g_assert_true(g_bytes_equal(first, second));
	vmbus_release(f->g.bus);
	vmbus_release(f->g.bus);
	guest_channel_receive(&f->c, &p);
	g_assert_cmpuint(p.transaction_id, ==, 1);
}

/* So that a machine whose other parts are refused has done nothing for its guest. */
static void test_restored_held(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;

	vmbus_hold(f->g.bus);
	p = (struct guest_packet){.type = 6, .transaction_id = 1, .size = 16};
	guest_channel_send(&f->c, &p);
	for (int turn = 0; turn < 2; turn++) {
		g_autoptr(GBytes) again = guest_bus_save(&f->g);

		leave(f);
		offer(f);
		g_assert_true(guest_bus_restore_held(&f->g, again));
		guest_bus_settle(&f->g);
		g_assert_cmpuint(atomic_load(&f->echo->received), ==, 0);
	}
	vmbus_release(f->g.bus);
	guest_channel_receive(&f->c, &p);
	g_assert_cmpuint(p.transaction_id, ==, 1);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* More than the bus takes while the guest reads nothing: some are answered, some were only read,
 * and all answers come in order. */
static void test_messages(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_message m;

	for (uint32_t i = 0; i < 200; i++)
		guest_bus_post_teardown(&f->g, f->relid, i);
	guest_bus_settle(&f->g);
	move(f);
	for (uint32_t i = 0; i < 200; i++) {
		guest_bus_take(&f->g, VMBUS_GPADL_TORNDOWN, &m);
		g_assert_cmpuint(m.torndown.gpadl, ==, i);
		if (i == 20)
			move(f);
	}
	echo_packet(&f->c, 1, 0, 0);
}

static void test_not_connected(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct wire_header unload = {.type = VMBUS_UNLOAD};
	struct guest_message m;

	g_assert_true(guest_bus_post(&f->g, &unload, sizeof(unload)));
	guest_bus_take(&f->g, VMBUS_UNLOAD_RESPONSE, &m);
	move(f);
	g_assert_cmpuint(vmbus_version(f->g.bus), ==, 0);
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_2, &f->relid), ==, 1);
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->relid, 16, 2), ==, 0);
	echo_packet(&f->c, 1, 0, 0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void test_gpadls(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	union {
		struct wire_gpadl_header header;
		struct wire_gpadl_body body;
		uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
	} m = {.header = {.header.type = VMBUS_GPADL_HEADER,
			  .relid = f->relid,
			  .gpadl = 5,
			  .range_bytes = 8 + 8 * 2,
			  .range_count = 1}};
	const uint32_t range[2] = {5000, 0};
	const uint64_t pages[2] = {300, 310};
	struct guest_message answer;
	uint64_t size;

	/* Half a list. */
	memcpy(m.header.ranges, range, 8);
	memcpy(m.header.ranges + 8, pages, 8);
	g_assert_true(guest_bus_post(&f->g, &m, 28 + 8));
	move(f);
	m.body = (struct wire_gpadl_body){.header.type = VMBUS_GPADL_BODY, .gpadl = 5};
	memcpy(m.body.ranges, pages + 1, 8);
	g_assert_true(guest_bus_post(&f->g, &m, 16 + 8));
	guest_bus_take(&f->g, VMBUS_GPADL_CREATED, &answer);
	g_assert_cmpuint(answer.created.status, ==, 0);
	g_assert_cmpuint(answer.created.relid, ==, f->relid);
	/* A whole one. The ring's is to go, though the channel is open. */
	guest_bus_post_teardown(&f->g, f->relid, f->c.gpadl);
	move(f);
	p = (struct guest_packet){.type = 6, .payload = {ECHO_GPADL, [4] = 5}, .size = 16};
	guest_channel_send(&f->c, &p);
	guest_channel_receive(&f->c, &p);
	memcpy(&size, p.payload + 8, sizeof(size));
	g_assert_cmpuint(size, ==, 5000);
	g_assert_cmpuint(guest_bus_page(&f->g, 310)[903], ==, 0x5a);
	guest_bus_post_teardown(&f->g, f->relid, 5);
	guest_bus_expect_none(&f->g);
	/* What the VSP does not come back for is the guest's again. */
	move(f);
	guest_bus_take_torndown(&f->g, 5);
	move(f);
	guest_bus_expect_none(&f->g);
	echo_packet(&f->c, 1, 0, 0);
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->relid);
	guest_bus_take_torndown(&f->g, f->c.gpadl);
	guest_bus_expect_none(&f->g);
}

/* A ring that is none any more closes the channel, and the guest can have another. */
static void test_spoilt_ring(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_counters counters;
	struct guest_channel subs[2];
	struct guest_message m;

	open_sub_channels(f, subs);
	guest_ring_store(&f->c.to_host, GUEST_RING_READ, 3);
	move(f);
	guest_bus_settle(&f->g);
	vmbus_get_counters(f->g.bus, &counters);
	g_assert_cmpuint(counters.faults, ==, 3);
	g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
	move(f); /* also as such */
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->relid);
	for (uint32_t i = 2; i > 0; i--) {
		guest_bus_take(&f->g, VMBUS_RESCIND, &m);
		guest_bus_post_relid(&f->g, VMBUS_RELID_RELEASED, m.relid.relid);
	}
	guest_bus_teardown(&f->g, f->relid, f->c.gpadl);
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->relid, 16, 2), ==, 0);
	echo_packet(&f->c, 1, 0, 0);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void clear_flags(struct fixture *f)
{
	guest_bus_settle(&f->g);
	g_mutex_lock(&f->g.lock);
	memset(f->g.flags, 0, sizeof(f->g.flags));
	g_mutex_unlock(&f->g.lock);
}

/* An event is lost between; the answer is there. */
static void test_lost_event(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;

	p = (struct guest_packet){.type = 6, .transaction_id = 9, .size = 8};
	guest_channel_send(&f->c, &p);
	clear_flags(f);
	move(f);
	guest_bus_wait_event(&f->g, f->c.vp, f->relid);
	guest_channel_receive(&f->c, &p);
	g_assert_cmpuint(p.transaction_id, ==, 9);
	clear_flags(f);
	move(f);
	clear_flags(f);
	/* A guest that waits for room that it has. */
	guest_ring_want_room(&f->c.to_host, 64);
	move(f);
	guest_bus_wait_event(&f->g, f->c.vp, f->relid);
}

/* What a device sends last is in the ring, and the interrupt for it comes when all goes on. */
static void test_farewell(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	unsigned int interrupts;

	echo_packet(&f->c, 1, 0, 0);
	clear_flags(f);
	for (uint64_t i = 100; i < 102; i++) {
		f->echo->farewell = i;
		interrupts = f->g.interrupts;
		vmbus_hold(f->g.bus);
		g_assert_cmpuint(f->g.interrupts, ==, interrupts);
		if (i == 100)
			vmbus_release(f->g.bus);
		else
			move(f);
		guest_bus_wait_event(&f->g, f->c.vp, f->relid);
		guest_channel_receive(&f->c, &p);
		g_assert_cmpuint(p.transaction_id, ==, i);
		guest_bus_settle(&f->g);
	}
}

/* It fails when it is to be held and its watch has not seen it yet: the VSP has let go before
 * anything is saved, and the guest finds the channel as it would have been. */
static void test_fails_when_held(struct fixture *f, gconstpointer data)
{
	static struct guest_packet p;
	g_autoptr(GBytes) bytes = NULL;
	struct guest_channel subs[2];
	struct guest_message m;

	open_sub_channels(f, subs);
	clear_flags(f);
	f->echo->farewell = 100; /* of a sub-channel */
	f->echo->fails = f->echo->primary;
	bytes = guest_bus_save(&f->g);
	g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
	if (data) {
		vmbus_release(f->g.bus);
	} else {
		leave(f);
		offer(f);
		g_assert_true(guest_bus_restore(&f->g, bytes));
	}
	/* What was sent before is still announced. */
	guest_bus_wait_event(&f->g, subs[1].vp, subs[1].relid);
	guest_channel_receive(&subs[1], &p);
	g_assert_cmpuint(p.transaction_id, ==, 100);
	guest_channel_signal(&f->c); /* of no effect */
	guest_bus_expect_none(&f->g);
	g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
	guest_bus_post_relid(&f->g, VMBUS_CLOSECHANNEL, f->relid);
	for (uint32_t i = 2; i > 0; i--) {
		guest_bus_take(&f->g, VMBUS_RESCIND, &m);
		guest_bus_post_relid(&f->g, VMBUS_RELID_RELEASED, m.relid.relid);
	}
	guest_bus_teardown(&f->g, f->relid, f->c.gpadl);
	f->echo->farewell = 0;
	f->echo->fails = NULL;
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->relid, 16, 2), ==, 0);
	echo_packet(&f->c, 1, 0, 0);
}

/* ---- devices that come and go ---------------------------------------------------------------- */

static void test_gone(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_channel subs[2], other;
	struct guest_message m;
	g_autoptr(GBytes) bytes = NULL, again = NULL;
	struct echo_vsp *new;
	uint32_t relid;

	open_sub_channels(f, subs);
	bytes = guest_bus_save(&f->g);
	leave(f);
	new = echo_vsp_new(f->g.bus, f->g.thread, "echo1", 2, 0, NULL);
	g_assert_true(guest_bus_restore(&f->g, bytes));
	for (uint32_t i = 3; i > 0; i--) {
		guest_bus_take(&f->g, VMBUS_RESCIND, &m);
		g_assert_cmpuint(m.relid.relid, ==, f->relid + i - 1);
	}
	guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	relid = m.offer.relid;
	g_assert_cmpuint(relid, >, f->relid + 2);
	g_assert_cmpuint(guest_channel_open(&other, &f->g, relid, 300, 0), ==, 0);
	echo_packet(&other, 1, 0, 0);

	/* The guest still has the old ones' relids when it is moved once more. */
	again = guest_bus_save(&f->g);
	echo_vsp_free(new);
	guest_bus_move(&f->g);
	new = echo_vsp_new(f->g.bus, f->g.thread, "echo1", 2, 0, NULL);
	g_assert_true(guest_bus_restore(&f->g, again));
	echo_packet(&other, 2, 0, 0);
	guest_channel_close(&f->c);
	for (uint32_t i = 0; i < 3; i++)
		guest_bus_post_relid(&f->g, VMBUS_RELID_RELEASED, f->relid + i);
	guest_bus_expect_none(&f->g);
	offer(f);
	guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	g_assert_cmpuint(m.offer.relid, ==, f->relid);
	echo_vsp_free(new);
	guest_bus_take(&f->g, VMBUS_RESCIND, &m);
}

static bool plain_opened(void *context G_GNUC_UNUSED, struct vmbus_channel *channel G_GNUC_UNUSED,
			 uint16_t index G_GNUC_UNUSED, const uint8_t user_data[120] G_GNUC_UNUSED)
{
	return true;
}

static void plain_nothing(void *context G_GNUC_UNUSED, struct vmbus_channel *channel G_GNUC_UNUSED)
{
}

static struct vmbus_device *offer_plain(struct fixture *f)
{
	static const struct vmbus_device_ops ops = {
		.opened = plain_opened, .closed = plain_nothing, .ready = plain_nothing};
	const struct vmbus_device_config config = {.instance_id.bytes = {77},
						   .name = "plain",
						   .max_packet = 64,
						   .thread = f->g.thread,
						   .ops = &ops};

	return vmbus_offer(f->g.bus, &config, NULL);
}

/* A device that cannot be saved is taken from the guest, and comes back when it has let go. */
static void test_cannot_be_saved(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_device *plain = offer_plain(f);
	g_autoptr(GBytes) bytes = NULL;
	struct guest_channel c;
	struct guest_message m;
	uint32_t relid;

	guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	relid = m.offer.relid;
	g_assert_cmpuint(guest_channel_open(&c, &f->g, relid, 300, 0), ==, 0);
	bytes = guest_bus_save(&f->g);
	vmbus_rescind(plain);
	leave(f);
	plain = offer_plain(f); /* in another order */
	offer(f);
	g_assert_true(guest_bus_restore(&f->g, bytes));
	guest_bus_take(&f->g, VMBUS_RESCIND, &m);
	g_assert_cmpuint(m.relid.relid, ==, relid);
	echo_packet(&f->c, 1, 0, 0);
	guest_channel_close(&c);
	guest_bus_expect_none(&f->g);
	guest_bus_post_relid(&f->g, VMBUS_RELID_RELEASED, relid);
	guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	g_assert_cmpuint(m.offer.relid, ==, relid);
	vmbus_rescind(plain);
	guest_bus_take(&f->g, VMBUS_RESCIND, &m);
}

/* One that comes meanwhile is told of when all goes on, and so is one that goes. */
static void test_plugged_while_held(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_device *plain;
	struct guest_message m;

	vmbus_hold(f->g.bus);
	plain = offer_plain(f);
	echo_vsp_free(g_steal_pointer(&f->echo));
	guest_bus_expect_none(&f->g);
	vmbus_release(f->g.bus);
	guest_bus_take(&f->g, VMBUS_OFFERCHANNEL, &m);
	guest_bus_take(&f->g, VMBUS_RESCIND, &m);
	g_assert_cmpuint(m.relid.relid, ==, f->relid);
	vmbus_hold(f->g.bus);
	vmbus_reset(f->g.bus);
	vmbus_release(f->g.bus);
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_3, NULL), ==, 1);
	vmbus_rescind(plain);
	guest_bus_take(&f->g, VMBUS_RESCIND, &m);
}

/* ---- bad input ------------------------------------------------------------------------------- */

/* What is refused leaves a bus as good as new, which the next state is restored on. */
static void test_mutated(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static struct guest_packet p;
	g_autoptr(GBytes) good = NULL;
	struct guest_channel subs[2];
	unsigned int refused = 0;

	open_sub_channels(f, subs);
	p = (struct guest_packet){.type = 6, .transaction_id = 1, .size = 16};
	guest_channel_send(&f->c, &p);
	guest_bus_post_teardown(&f->g, f->relid, f->c.gpadl);
	for (uint32_t i = 0; i < 70; i++)
		guest_bus_post_teardown(&f->g, f->relid, i);
	good = guest_bus_save(&f->g);
	leave(f);
	offer(f);
	f->echo->strangers = true;
	for (int i = 0; i < 3000; i++) {
		g_autoptr(GBytes) bad = guest_bus_spoil(good);

		if (guest_bus_restore(&f->g, bad)) {
			leave(f);
			offer(f);
			f->echo->strangers = true;
			continue;
		}
		refused++;
		g_assert_cmpuint(vmbus_version(f->g.bus), ==, 0);
		g_assert_cmpuint(atomic_load(&f->echo->open_now), ==, 0);
	}
	g_assert_cmpuint(refused, >, 300);
	g_mutex_lock(&f->g.lock);
	f->g.full = f->g.refused = false;
	g_mutex_unlock(&f->g.lock);
	g_assert_cmpuint(guest_bus_connect(&f->g, VMBUS_VERSION_5_3, &f->relid), ==, 1);
	g_assert_cmpuint(guest_channel_open(&f->c, &f->g, f->relid, 16, 2), ==, 0);
	echo_packet(&f->c, 1, 0, 0);
}

#define ADD(path, test, version) \
	g_test_add(path, struct fixture, GUINT_TO_POINTER(version), setup, test, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/vmbus/saved/goes-on/5.3", test_goes_on, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/goes-on/4.0", test_goes_on, VMBUS_VERSION_4_0);
	ADD("/vmbus/saved/goes-on/2.4", test_goes_on, VMBUS_VERSION_2_4);
	ADD("/vmbus/saved/any-time", test_any_time, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/held", test_held, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/restored-held", test_restored_held, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/messages", test_messages, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/not-connected", test_not_connected, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/gpadls", test_gpadls, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/spoilt-ring", test_spoilt_ring, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/lost-event", test_lost_event, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/farewell", test_farewell, VMBUS_VERSION_5_3);
	g_test_add("/vmbus/saved/fails-when-held", struct fixture, NULL, setup_5_3,
		   test_fails_when_held, teardown);
	g_test_add("/vmbus/saved/fails-when-held/released", struct fixture, "", setup_5_3,
		   test_fails_when_held, teardown);
	ADD("/vmbus/saved/gone", test_gone, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/cannot-be-saved", test_cannot_be_saved, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/plugged-while-held", test_plugged_while_held, VMBUS_VERSION_5_3);
	ADD("/vmbus/saved/mutated", test_mutated, VMBUS_VERSION_5_3);
	return g_test_run();
}
