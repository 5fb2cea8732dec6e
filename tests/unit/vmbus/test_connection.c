/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What guests say to the bus: contact, offers, opening and closing, and all that they may not. */
#include <string.h>

#include "echo_vsp.h"
#include "guest_bus.h"
#include "message.h"

static uint64_t malformed(struct guest_bus *g)
{
	struct vmbus_counters c;

	guest_bus_settle(g);
	vmbus_get_counters(g->bus, &c);
	return c.malformed;
}

/* ---- contact -------------------------------------------------------------------------------- */

static void test_versions(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	static const uint32_t known[] = {0x50003, 0x50002, 0x50001, 0x50000,
					 0x40001, 0x40000, 0x30000, 0x20004};
	static const uint32_t unknown[] = {0x60000, 0x50004, 0x50006, 0x40002, 0x30001,
					   0x20005, 0x1,     0xd,     0,       UINT32_MAX};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		g_assert_true(guest_bus_contact(g, known[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++) {
		g_assert_false(guest_bus_contact(g, unknown[i]));
		g_assert_cmpuint(vmbus_version(g->bus), ==, 0);
	}
}

static void test_contact_refused(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	const struct wire_initiate_contact good = {
		.header.type = VMBUS_INITIATE_CONTACT, .version = VMBUS_VERSION_5_3, .v5.sint = 2};
	struct wire_initiate_contact bad[4] = {good, good, good, good};
	struct guest_message m;

	bad[0].v5.sint = 3;
	bad[1].v5.vtl = 1;
	bad[2].target_vp = GUEST_VPS;
	bad[3].target_vp = UINT32_MAX;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		guest_bus_post(g, &bad[i], sizeof(bad[i]));
		guest_bus_take(g, VMBUS_VERSION_RESPONSE, &m);
		g_assert_cmpuint(m.version.supported, ==, 0);
		g_assert_cmpuint(m.vp, ==, 0);
	}
	guest_bus_post(g, &good, sizeof(good));
	guest_bus_take(g, VMBUS_VERSION_RESPONSE, &m);
	g_assert_cmpuint(m.version.supported, ==, 1);
}

/* Nothing is done before contact, and every message may be any size. */
static void test_messages_of_every_size(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_counters c;
	uint64_t sent = 0;

	for (int connected = 0; connected < 2; connected++) {
		for (uint32_t type = 0; type < 64; type++) {
			static uint8_t bytes[300];
			struct message parsed;

			if (type == VMBUS_INITIATE_CONTACT || type == VMBUS_UNLOAD)
				continue;
			memcpy(bytes, &type, sizeof(type));
			for (size_t size = 0; size <= sizeof(bytes); size += 4) {
				if (message_parse(&parsed, bytes, size) == MESSAGE_OK)
					break; /* what is long enough is tested elsewhere */
				while (!guest_bus_post(g, bytes, size))
					guest_bus_settle(g);
				sent++;
			}
			for (size_t size = 241; size <= sizeof(bytes); size++) {
				while (!guest_bus_post(g, bytes, size))
					guest_bus_settle(g);
				sent++;
			}
		}
		do {
			guest_bus_settle(g);
			vmbus_get_counters(g->bus, &c);
		} while (c.undefined + c.malformed < sent);
		guest_bus_expect_none(g);
		if (!connected)
			g_assert_true(guest_bus_contact(g, VMBUS_VERSION_5_3));
	}
	vmbus_get_counters(g->bus, &c);
	g_assert_cmpuint(c.undefined, >, 1000);
	g_assert_cmpuint(c.undefined + c.malformed, ==, sent);
	g_assert_cmpuint(g->lines, ==, 1); /* the rest was kept from the log */
}

static void test_nothing_before_contact(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t bytes[200] = {0};

	for (uint32_t type = 1; type < VMBUS_MESSAGE_TYPES; type++) {
		memcpy(bytes, &type, sizeof(type));
		if (type != VMBUS_INITIATE_CONTACT && type != VMBUS_UNLOAD)
			guest_bus_post(g, bytes, sizeof(bytes));
	}
	guest_bus_expect_none(g);
	g_assert_cmpuint(malformed(g), >=, 9);
}

static void test_unload(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct echo_vsp *echo = echo_vsp_new(g->bus, g->thread, "echo0", 1, 0, NULL);
	struct wire_header unload = {.type = VMBUS_UNLOAD};
	struct guest_channel c;
	struct guest_message m;
	uint32_t relids[16], again[16];

	for (unsigned int round = 0; round < 3; round++) {
		g_assert_cmpuint(guest_bus_connect(g, VMBUS_VERSION_5_3, relids), ==, 1);
		g_assert_cmpuint(guest_channel_open(&c, g, relids[0], 16, 0), ==, 0);
		if (round == 0) { /* as a kexec without a word */
			g_assert_true(guest_bus_contact(g, VMBUS_VERSION_5_2));
		} else if (round == 1) {
			guest_bus_post(g, &unload, sizeof(unload));
			guest_bus_take(g, VMBUS_UNLOAD_RESPONSE, &m);
			g_assert_cmpuint(m.vp, ==, 1);
			g_assert_cmpuint(vmbus_version(g->bus), ==, 0);
		} else {
			vmbus_reset(g->bus);
			guest_bus_expect_none(g);
		}
		g_assert_cmpuint(atomic_load(&echo->open_now), ==, 0);
		g_assert_cmpuint(atomic_load(&echo->opened), ==, round + 1);
		/* The offer is the same one again, and the old GPADL is forgotten. */
		g_assert_cmpuint(guest_bus_connect(g, VMBUS_VERSION_5_3, again), ==, 1);
		g_assert_cmpuint(again[0], ==, relids[0]);
		g_assert_cmpuint(guest_channel_reopen(&c), !=, 0);
	}
	/* Also unasked for: a guest polls for the answer. */
	guest_bus_post(g, &unload, sizeof(unload));
	guest_bus_take(g, VMBUS_UNLOAD_RESPONSE, &m);
	guest_bus_post(g, &unload, sizeof(unload));
	guest_bus_take(g, VMBUS_UNLOAD_RESPONSE, &m);
	echo_vsp_free(echo);
	guest_bus_expect_none(g);
}

/* ---- queues --------------------------------------------------------------------------------- */

struct blocker {
	GMutex lock;
	GCond cond;
	bool go;
};

static void block(void *context)
{
	struct blocker *b = context;

	g_mutex_lock(&b->lock);
	while (!b->go)
		g_cond_wait(&b->cond, &b->lock);
	g_mutex_unlock(&b->lock);
}

static void test_inbox_is_bounded(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct blocker b = {0};
	struct wire_header unload = {.type = VMBUS_UNLOAD};
	struct vmbus_counters c;
	struct guest_message m;
	unsigned int taken = 0;

	io_thread_post(g->control, block, &b);
	while (guest_bus_post(g, &unload, sizeof(unload)))
		taken++;
	g_assert_cmpuint(taken, >=, 256);
	g_assert_cmpuint(taken, <=, 4096);
	vmbus_get_counters(g->bus, &c);
	g_assert_cmpuint(c.refused, ==, 1);
	g_assert_cmpuint(c.messages, ==, taken);
	g_mutex_lock(&b.lock);
	b.go = true;
	g_cond_signal(&b.cond);
	g_mutex_unlock(&b.lock);
	/* An answer may be overtaken by the next UNLOAD, which forgets it; the last one comes. */
	guest_bus_take(g, VMBUS_UNLOAD_RESPONSE, &m);
	vmbus_reset(g->bus);
}

/* A guest that asks and never reads the answers is refused in the end, and served when it reads. */
static void test_guest_does_not_read(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct wire_header request = {.type = VMBUS_REQUESTOFFERS};
	struct guest_message m;
	unsigned int taken = 0, answers = 0;

	guest_bus_connect(g, VMBUS_VERSION_5_3, NULL);
	for (int patience = 0; patience < 50; patience++) {
		while (guest_bus_post(g, &request, sizeof(request)))
			taken++;
		guest_bus_settle(g);
	}
	g_assert_cmpuint(taken, <, 2000);
	while (answers++ < taken)
		guest_bus_take(g, VMBUS_ALLOFFERS_DELIVERED, &m);
	guest_bus_expect_none(g);
	g_assert_true(guest_bus_post(g, &request, sizeof(request)));
	guest_bus_take(g, VMBUS_ALLOFFERS_DELIVERED, &m);
}

static void test_no_slot(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct wire_header unload = {.type = VMBUS_UNLOAD};
	struct vmbus_counters c;

	g->nowhere = true;
	guest_bus_post(g, &unload, sizeof(unload));
	guest_bus_expect_none(g);
	vmbus_get_counters(g->bus, &c);
	g_assert_cmpuint(c.undelivered, ==, 1);
	g->nowhere = false;
	g_assert_true(guest_bus_contact(g, VMBUS_VERSION_5_3));
}

/* ---- offers --------------------------------------------------------------------------------- */

static void test_offers(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct wire_header request = {.type = VMBUS_REQUESTOFFERS};
	struct echo_vsp *echo[3];
	struct guest_message m;
	uint32_t relids[3];

	for (uint8_t i = 0; i < 2; i++)
		echo[i] = echo_vsp_new(g->bus, g->thread, "echo", i, 3, NULL);
	g_assert_true(guest_bus_contact(g, VMBUS_VERSION_5_3));
	guest_bus_expect_none(g); /* not before it asks */
	guest_bus_post(g, &request, sizeof(request));
	for (uint8_t i = 0; i < 2; i++) {
		guest_bus_take(g, VMBUS_OFFERCHANNEL, &m);
		g_assert_cmpuint(m.size, ==, 196);
		g_assert_cmpuint(m.vp, ==, 1);
		g_assert_cmpuint(m.offer.class_id.bytes[1], ==, 2);
		g_assert_cmpuint(m.offer.instance_id.bytes[15], ==, i);
		g_assert_cmpuint(m.offer.flags, ==, 0x1234);
		g_assert_cmpuint(m.offer.mmio_megabytes, ==, 7);
		g_assert_cmpuint(m.offer.user_defined[119], ==, 9);
		g_assert_cmpuint(m.offer.sub_channel_index, ==, 0);
		g_assert_cmpuint(m.offer.is_dedicated_interrupt, ==, 1);
		g_assert_cmpuint(m.offer.monitor_allocated, ==, 0);
		g_assert_cmpuint(m.offer.connection_id, ==, 0x10000 | m.offer.relid);
		relids[i] = m.offer.relid;
	}
	g_assert_cmpuint(relids[0], !=, relids[1]);
	guest_bus_take(g, VMBUS_ALLOFFERS_DELIVERED, &m);

	/* What it knows is not offered again; what comes later is, at once. */
	guest_bus_post(g, &request, sizeof(request));
	guest_bus_take(g, VMBUS_ALLOFFERS_DELIVERED, &m);
	echo[2] = echo_vsp_new(g->bus, g->thread, "echo", 2, 0, NULL);
	guest_bus_take(g, VMBUS_OFFERCHANNEL, &m);
	relids[2] = m.offer.relid;
	for (int i = 2; i >= 0; i--) {
		echo_vsp_free(echo[i]);
		guest_bus_take(g, VMBUS_RESCIND, &m);
		g_assert_cmpuint(m.relid.relid, ==, relids[i]);
	}
}

static void test_bus_is_full(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	struct echo_vsp *large = echo_vsp_new(g->bus, g->thread, "large", 1, 2000, NULL), *small;

	g_assert_nonnull(large);
	g_assert_null(echo_vsp_new(g->bus, g->thread, "another", 2, 60, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
	g_assert_nonnull(strstr(error->message, "another"));
	small = echo_vsp_new(g->bus, g->thread, "small", 3, 45, NULL);
	g_assert_nonnull(small); /* 2001 + 46 = 2047, all there are */
	echo_vsp_free(large);
	echo_vsp_free(small);

	large = echo_vsp_new(g->bus, g->thread, "large", 1, 2046, NULL);
	g_assert_nonnull(large);
	echo_vsp_free(large);
}

/* Once the guest has asked it fails at once; before that, the guest is not offered the device. */
static void test_signals_cannot_be_bound(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	struct wire_header request = {.type = VMBUS_REQUESTOFFERS};
	struct echo_vsp *first = echo_vsp_new(g->bus, g->thread, "first", 1, 0, NULL);
	struct vmbus_counters before, after;
	struct guest_message m;

	vmbus_get_counters(g->bus, &before);
	g->fail_binds = 1;
	g_assert_true(guest_bus_contact(g, VMBUS_VERSION_5_3));
	guest_bus_post(g, &request, sizeof(request));
	guest_bus_take(g, VMBUS_ALLOFFERS_DELIVERED, &m);
	vmbus_get_counters(g->bus, &after);
	g_assert_cmpuint(after.undelivered, ==, before.undelivered + 1);

	g->fail_binds = 1;
	g_assert_null(echo_vsp_new(g->bus, g->thread, "second", 2, 0, &error));
	g_assert_nonnull(strstr(error->message, "second"));
	guest_bus_expect_none(g);
	echo_vsp_free(first);
}

static void test_rescind_while_open(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct echo_vsp *echo = echo_vsp_new(g->bus, g->thread, "echo0", 1, 0, NULL);
	struct guest_channel c;
	struct guest_message m;
	uint32_t relids[16];
	uint64_t before;

	guest_bus_connect(g, VMBUS_VERSION_5_3, relids);
	g_assert_cmpuint(guest_channel_open(&c, g, relids[0], 16, 2), ==, 0);
	before = malformed(g);
	echo_vsp_free(echo); /* checks that the channel was closed */
	guest_bus_take(g, VMBUS_RESCIND, &m);
	/* The guest's own close, then the new device, whose relid is another until the release. */
	guest_channel_close(&c);
	g_assert_cmpuint(malformed(g), ==, before);
	echo = echo_vsp_new(g->bus, g->thread, "echo1", 1, 0, NULL);
	guest_bus_take(g, VMBUS_OFFERCHANNEL, &m);
	g_assert_cmpuint(m.offer.relid, !=, relids[0]);
	g_assert_cmpuint(guest_channel_reopen(&c), !=, 0);
	guest_bus_post_relid(g, VMBUS_RELID_RELEASED, relids[0]);
	guest_bus_settle(g);
	echo_vsp_free(echo);
	guest_bus_take(g, VMBUS_RESCIND, &m);
	echo = echo_vsp_new(g->bus, g->thread, "echo2", 1, 0, NULL);
	guest_bus_take(g, VMBUS_OFFERCHANNEL, &m);
	g_assert_cmpuint(m.offer.relid, ==, relids[0]);
	echo_vsp_free(echo);
	guest_bus_take(g, VMBUS_RESCIND, &m);
}

/* ---- sub-channels --------------------------------------------------------------------------- */

static void ask_for_sub_channels(struct guest_channel *c, uint8_t n, uint8_t expected)
{
	struct guest_packet p = {.type = 6, .size = 8, .payload = {ECHO_SUB_CHANNELS, n}};

	guest_channel_send(c, &p);
	guest_channel_receive(c, &p);
	g_assert_cmpuint(p.payload[0], ==, expected);
}

static void take_sub_offers(struct guest_bus *g, uint32_t *relids, uint16_t first, uint16_t n)
{
	struct guest_message m;

	for (uint16_t i = 0; i < n; i++) {
		guest_bus_take(g, VMBUS_OFFERCHANNEL, &m);
		g_assert_cmpuint(m.offer.sub_channel_index, ==, first + i);
		relids[first + i] = m.offer.relid;
	}
}

static void test_sub_channels(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct echo_vsp *echo = echo_vsp_new(g->bus, g->thread, "echo0", 1, 3, NULL);
	struct guest_channel c, sub;
	struct guest_message m;
	uint32_t relids[16];

	guest_bus_connect(g, VMBUS_VERSION_5_3, relids);
	g_assert_cmpuint(guest_channel_open(&c, g, relids[0], 16, 0), ==, 0);
	sub = c;
	sub.relid++;
	g_assert_cmpuint(guest_channel_reopen(&sub), !=, 0); /* not offered yet */
	ask_for_sub_channels(&c, 1, 1);
	ask_for_sub_channels(&c, 9, 2); /* no more than the device has */
	ask_for_sub_channels(&c, 1, 0);
	take_sub_offers(g, relids, 1, 3);
	g_assert_cmpuint(guest_channel_open(&sub, g, relids[2], 64, 3), ==, 0);
	g_assert_cmpuint(atomic_load(&echo->open_now), ==, 2);

	/* The primary closes: the others go with it, and are taken back. */
	guest_bus_post_relid(g, VMBUS_CLOSECHANNEL, c.relid);
	for (uint32_t i = 3; i > 0; i--) {
		guest_bus_take(g, VMBUS_RESCIND, &m);
		g_assert_cmpuint(m.relid.relid, ==, relids[i]);
	}
	guest_bus_settle(g);
	g_assert_cmpuint(atomic_load(&echo->open_now), ==, 0);
	guest_bus_post_relid(g, VMBUS_CLOSECHANNEL, sub.relid); /* crossed the rescind */
	guest_bus_teardown(g, sub.relid, sub.gpadl);

	/* Opened again, they are offered as soon as the guest has released them. */
	guest_bus_post_relid(g, VMBUS_RELID_RELEASED, relids[1]);
	guest_ring_init(&c.to_host, c.to_host.pages, GUEST_CHANNEL_PAGES / 2);
	guest_ring_init(&c.to_guest, c.to_guest.pages, GUEST_CHANNEL_PAGES / 2);
	g_assert_cmpuint(guest_channel_reopen(&c), ==, 0);
	ask_for_sub_channels(&c, 3, 3);
	take_sub_offers(g, relids, 1, 1);
	guest_bus_expect_none(g);
	guest_bus_post_relid(g, VMBUS_RELID_RELEASED, relids[2]);
	take_sub_offers(g, relids, 2, 1);
	echo_vsp_free(echo);
	for (int i = 0; i < 3; i++) /* 2, 1, 0: the guest has 3 no more, but for its relid */
		guest_bus_take(g, VMBUS_RESCIND, &m);
	g_assert_cmpuint(m.relid.relid, ==, relids[0]);
	guest_bus_expect_none(g);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void test_bad_opens(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct echo_vsp *echo = echo_vsp_new(g->bus, g->thread, "echo0", 1, 0, NULL);
	struct echo_vsp *other = echo_vsp_new(g->bus, g->thread, "echo1", 2, 0, NULL);
	struct guest_channel c, bad;
	struct guest_message m;
	uint32_t relids[16];
	struct wire_open open = {.header.type = VMBUS_OPENCHANNEL};
	static const uint32_t offsets[] = {0, 1, GUEST_CHANNEL_PAGES - 1, GUEST_CHANNEL_PAGES,
					   UINT32_MAX};

	guest_bus_connect(g, VMBUS_VERSION_5_3, relids);
	g_assert_cmpuint(guest_channel_open(&c, g, relids[0], 16, 0), ==, 0);
	g_assert_cmpuint(guest_channel_reopen(&c), !=, 0); /* twice */
	guest_bus_post_relid(g, VMBUS_CLOSECHANNEL, c.relid);

	bad = c;
	bad.vp = GUEST_VPS;
	g_assert_cmpuint(guest_channel_reopen(&bad), !=, 0);
	bad = c;
	bad.gpadl++;
	g_assert_cmpuint(guest_channel_reopen(&bad), !=, 0);
	bad = c;
	bad.relid = relids[1]; /* another device's GPADL */
	g_assert_cmpuint(guest_channel_reopen(&bad), !=, 0);
	for (uint32_t relid = 0; relid < 4000; relid += 333) {
		bad = c;
		bad.relid = relid + 50;
		g_assert_cmpuint(guest_channel_reopen(&bad), !=, 0);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(offsets); i++) {
		open.relid = c.relid;
		open.ring_gpadl = c.gpadl;
		open.to_guest_page = offsets[i];
		guest_bus_post(g, &open, sizeof(open));
		guest_bus_take(g, VMBUS_OPENCHANNEL_RESULT, &m);
		g_assert_cmpuint(m.open_result.status, !=, 0);
	}
	guest_ring_store(&c.to_host, GUEST_RING_READ, 7 * 4096);
	g_assert_cmpuint(guest_channel_reopen(&c), !=, 0);
	guest_ring_store(&c.to_host, GUEST_RING_READ, 0);
	atomic_store(&echo->refuse, true);
	g_assert_cmpuint(guest_channel_reopen(&c), !=, 0);
	atomic_store(&echo->refuse, false);
	g_assert_cmpuint(guest_channel_reopen(&c), ==, 0);
	g_assert_cmpuint(atomic_load(&echo->opened), ==, 2);

	echo_vsp_free(echo);
	echo_vsp_free(other);
	for (int i = 0; i < 2; i++)
		guest_bus_take(g, VMBUS_RESCIND, &m);
}

static void test_senseless_messages(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	static const uint32_t relids[] = {0, 1, 2, 2047, 2048, UINT32_MAX};
	struct echo_vsp *echo = echo_vsp_new(g->bus, g->thread, "echo0", 1, 1, NULL);
	struct guest_message m;
	uint64_t before;

	guest_bus_connect(g, VMBUS_VERSION_5_3, NULL);
	before = malformed(g);
	for (size_t i = 0; i < G_N_ELEMENTS(relids); i++) {
		guest_bus_post_relid(g, VMBUS_CLOSECHANNEL, relids[i]);
		guest_bus_post_relid(g, VMBUS_RELID_RELEASED, relids[i]);
		guest_bus_teardown(g, relids[i], relids[i]); /* answered */
	}
	guest_bus_expect_none(g);
	g_assert_cmpuint(malformed(g), ==, before + 3 * G_N_ELEMENTS(relids));
	echo_vsp_free(echo);
	guest_bus_take(g, VMBUS_RESCIND, &m);
}

/* ---- MODIFYCHANNEL, TL_CONNECT ----------------------------------------------------------------
 */

static void modify(struct guest_bus *g, uint32_t relid, uint32_t vp, bool answered, bool success)
{
	struct wire_modify_channel m = {
		.header.type = VMBUS_MODIFYCHANNEL, .relid = relid, .target_vp = vp};
	struct guest_message answer;

	guest_bus_post(g, &m, sizeof(m));
	if (!answered) {
		guest_bus_expect_none(g);
		return;
	}
	guest_bus_take(g, VMBUS_MODIFYCHANNEL_RESPONSE, &answer);
	g_assert_cmpuint(answer.size, ==, 16);
	g_assert_cmpuint(answer.modified.relid, ==, relid);
	g_assert_true((answer.modified.status == 0) == success);
}

static void test_modify_channel(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct echo_vsp *echo = echo_vsp_new(g->bus, g->thread, "echo0", 1, 0, NULL);

	for (uint32_t version = VMBUS_VERSION_5_2; version <= VMBUS_VERSION_5_3; version++) {
		bool answered = version == VMBUS_VERSION_5_3;
		struct guest_packet p = {.type = 6, .size = 8};
		struct guest_channel c;
		uint32_t relids[16];

		guest_bus_connect(g, version, relids);
		modify(g, relids[0], 1, answered, false); /* not open */
		g_assert_cmpuint(guest_channel_open(&c, g, relids[0], 16, 0), ==, 0);
		guest_channel_send(&c, &p);
		guest_channel_receive(&c, &p);
		modify(g, relids[0], GUEST_VPS, answered, false);
		modify(g, relids[0] + 1, 1, answered, false);
		modify(g, relids[0], 3, answered, true);
		c.vp = 3;
		guest_bus_settle(g);
		memset(g->flags, 0, sizeof(g->flags)); /* what is left of the first packet */
		guest_channel_send(&c, &p);
		guest_bus_settle(g);
		g_assert_true(g->flags[3][c.relid]);
		g_assert_false(g->flags[0][c.relid]);
		guest_channel_receive(&c, &p);
	}
	echo_vsp_free(echo);
	struct guest_message m;
	guest_bus_take(g, VMBUS_RESCIND, &m);
}

static void test_tl_connect(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	struct wire_tl_connect connect = {.header.type = VMBUS_TL_CONNECT_REQUEST,
					  .endpoint_id.bytes = {1},
					  .service_id.bytes = {2}};
	struct guest_message m;

	g_assert_true(guest_bus_contact(g, VMBUS_VERSION_5_3));
	guest_bus_post(g, &connect, sizeof(connect));
	guest_bus_take(g, VMBUS_TL_CONNECT_RESULT, &m);
	g_assert_cmpuint(m.tl_result.status, !=, 0);
	g_assert_cmpuint(m.tl_result.endpoint_id.bytes[0], ==, 1);
	g_assert_cmpuint(g->tl_service.bytes[0], ==, 2);
	g->accept_tl = true;
	guest_bus_post(g, &connect, sizeof(connect));
	guest_bus_expect_none(g);
	/* Refused later, after all; and not to a guest that has let go of the bus. */
	vmbus_tl_refuse(g->bus, &connect.endpoint_id, &connect.service_id);
	guest_bus_take(g, VMBUS_TL_CONNECT_RESULT, &m);
	vmbus_reset(g->bus);
	vmbus_tl_refuse(g->bus, &connect.endpoint_id, &connect.service_id);
	guest_bus_expect_none(g);
}

static void setup(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	guest_bus_init(g);
}

static void teardown(struct guest_bus *g, gconstpointer data G_GNUC_UNUSED)
{
	guest_bus_clear(g);
}

#define ADD(path, test) g_test_add(path, struct guest_bus, NULL, setup, test, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/connection/versions", test_versions);
	ADD("/connection/contact-refused", test_contact_refused);
	ADD("/connection/messages-of-every-size", test_messages_of_every_size);
	ADD("/connection/nothing-before-contact", test_nothing_before_contact);
	ADD("/connection/unload", test_unload);
	ADD("/connection/inbox-is-bounded", test_inbox_is_bounded);
	ADD("/connection/guest-does-not-read", test_guest_does_not_read);
	ADD("/connection/no-slot", test_no_slot);
	ADD("/connection/offers", test_offers);
	ADD("/connection/bus-is-full", test_bus_is_full);
	ADD("/connection/signals-cannot-be-bound", test_signals_cannot_be_bound);
	ADD("/connection/rescind-while-open", test_rescind_while_open);
	ADD("/connection/sub-channels", test_sub_channels);
	ADD("/connection/bad-opens", test_bad_opens);
	ADD("/connection/senseless-messages", test_senseless_messages);
	ADD("/connection/modify-channel", test_modify_channel);
	ADD("/connection/tl-connect", test_tl_connect);
	return g_test_run();
}
