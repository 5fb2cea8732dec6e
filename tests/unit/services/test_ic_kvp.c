/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_kvp.h"

#include "guest_ic.h"
#include "guest_kvp.h"
#include "ic_wire.h"

struct fixture {
	struct guest_kvp guest; /* first: the driver and its daemon */
	struct ic_kvp *kvp;
	unsigned int changes, comings, goings;
	char *name, *ipv4, *tool, *addresses; /* of the last facts */
	unsigned int n_pairs, n_adapters;
	unsigned int results;
	enum ic_kvp_result last;
};

static void replace(char **at, const char *text)
{
	g_free(*at);
	*at = g_strdup(text);
}

static void on_changed(void *context, const struct kvp_facts *facts)
{
	struct fixture *f = context;
	const struct kvp_adapter *adapter =
		facts->adapters->len > 0 ? facts->adapters->pdata[0] : NULL;

	f->changes++;
	f->n_pairs = facts->pairs->len;
	f->n_adapters = facts->adapters->len;
	replace(&f->name, kvp_facts_find(facts, KVP_POOL_AUTO, "OSName"));
	replace(&f->ipv4, kvp_facts_find(facts, KVP_POOL_AUTO, "NetworkAddressIPv4"));
	replace(&f->tool, kvp_facts_find(facts, KVP_POOL_GUEST, "tool"));
	replace(&f->addresses, adapter ? adapter->addresses : NULL);
}

static void on_available(void *context, bool is)
{
	struct fixture *f = context;

	f->comings += is;
	f->goings += !is;
}

static void on_done(void *context, enum ic_kvp_result result)
{
	struct fixture *f = context;

	f->results++;
	f->last = result;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_kvp_init(&f->guest);
	f->kvp = ic_kvp_new(&f->guest.ic.env, &(struct ic_kvp_events){on_changed, on_available, f},
			    NULL);
	g_assert_nonnull(f->kvp);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_kvp_free(f->kvp);
	guest_kvp_clear(&f->guest);
	g_free(f->name);
	g_free(f->ipv4);
	g_free(f->tool);
	g_free(f->addresses);
}

static void start(struct fixture *f, uint32_t version)
{
	guest_ic_start(&f->guest.ic, version);
	guest_kvp_serve(&f->guest);
}

static void expect(struct fixture *f, enum ic_kvp_result result)
{
	g_assert_cmpuint(f->results, ==, 1);
	g_assert_cmpint(f->last, ==, result);
	f->results = 0;
}

static void test_facts(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 4u << 16);
	g_assert_cmpuint(f->comings, ==, 1);
	g_assert_cmpuint(f->changes, ==, 1);
	g_assert_cmpuint(f->n_pairs, ==, 10);
	g_assert_cmpstr(f->name, ==, "Debian GNU/Linux");
	g_assert_cmpstr(f->ipv4, ==, "10.0.0.5;127.0.0.1");
	g_assert_null(f->tool);
	/* the next time nothing changed */
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 12); /* and an end of each pool */
	g_assert_cmpuint(f->changes, ==, 1);
	/* then a program in the guest said something */
	guest_kvp_put(&f->guest, KVP_POOL_GUEST, "tool", "ready \xe2\x82\xac");
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	guest_kvp_serve(&f->guest);
	g_assert_cmpuint(f->changes, ==, 2);
	g_assert_cmpstr(f->tool, ==, "ready \xe2\x82\xac");
	guest_ic_close(&f->guest.ic);
	g_assert_cmpuint(f->changes, ==, 3);
	g_assert_cmpuint(f->n_pairs, ==, 0);
	g_assert_cmpuint(f->goings, ==, 1);
}

/* How often a guest is asked is not for it to say. */
static void test_reopened(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t macs[1][6] = {{0, 0x15, 0x5d, 1, 2, 0xab}};

	start(f, 4u << 16);
	g_assert_cmpuint(f->n_pairs, ==, 10);
	for (int i = 0; i < 100; i++) {
		guest_ic_close(&f->guest.ic);
		guest_ic_start(&f->guest.ic, 4u << 16);
		g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 0);
	}
	g_assert_cmpuint(f->n_pairs, ==, 0);
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS - 1);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 0);
	fake_io_advance(f->guest.ic.thread, 1);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 12);
	g_assert_cmpuint(f->n_pairs, ==, 10);
	/* nor one that goes in the middle of a poll */
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	g_assert_true(guest_kvp_serve_one(&f->guest));
	for (int i = 0; i < 100; i++) {
		guest_ic_close(&f->guest.ic);
		guest_ic_start(&f->guest.ic, 4u << 16);
		g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 0);
	}
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 12);
	/* one that comes when the time has passed is asked at once */
	guest_ic_close(&f->guest.ic);
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	guest_ic_start(&f->guest.ic, 4u << 16);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 12);
	/* and what the host wants to know meanwhile does not wait */
	guest_ic_close(&f->guest.ic);
	ic_kvp_set_adapters(f->kvp, macs, 1);
	guest_ic_start(&f->guest.ic, 4u << 16);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 13);
}

static void hold_and_release(struct fixture *f)
{
	struct vmbus_device *device = fake_vmbus_nth(f->guest.ic.bus, 0);

	fake_device_hold(device);
	fake_device_release(device);
	fake_io_settle(f->guest.ic.thread);
}

/* A pause of the host's making is not the guest's: a poll that it stopped begins anew. */
static void test_held(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 4u << 16);
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	g_assert_true(guest_kvp_serve_one(&f->guest));
	hold_and_release(f);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), >=, 12);
	hold_and_release(f);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 0);
}

static void test_adapters(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t macs[2][6] = {{0, 0x15, 0x5d, 1, 2, 0xab}, {0, 0x15, 0x5d, 9, 9, 9}};

	ic_kvp_set_adapters(f->kvp, macs, 2);
	start(f, 4u << 16);
	g_assert_cmpuint(f->n_adapters, ==, 1); /* the guest has no other */
	g_assert_cmpstr(f->addresses, ==, "10.0.0.5;fe80::1");
	ic_kvp_set_adapters(f->kvp, macs + 1, 1);
	guest_kvp_serve(&f->guest);
	g_assert_cmpuint(f->n_adapters, ==, 0);
	g_assert_cmpuint(f->changes, ==, 2);
	/* the list becomes shorter while it is gone through */
	ic_kvp_set_adapters(f->kvp, macs, 2);
	f->guest.last_operation = KVP_GET;
	while (f->guest.last_operation != KVP_GET_IP_INFO)
		g_assert_true(guest_kvp_serve_one(&f->guest));
	ic_kvp_set_adapters(f->kvp, macs, 0);
	guest_kvp_serve(&f->guest);
	g_assert_cmpuint(fake_channel_faults(f->guest.ic.channel), ==, 0);
}

static void test_old_driver(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t macs[1][6] = {{0, 0x15, 0x5d, 1, 2, 0xab}};

	ic_kvp_set_adapters(f->kvp, macs, 1);
	start(f, 3u << 16);
	g_assert_cmpuint(f->n_pairs, ==, 10);
	g_assert_cmpuint(f->n_adapters, ==, 0);
}

static void test_no_daemon(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->guest.daemon = false;
	start(f, 4u << 16);
	g_assert_cmpuint(f->changes, ==, 0);
	ic_kvp_set(f->kvp, "a", "b", on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_REFUSED);
	fake_io_advance(f->guest.ic.thread, IC_KVP_RETRY_NS);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 1);
	f->guest.daemon = true; /* systemd started it */
	fake_io_advance(f->guest.ic.thread, IC_KVP_RETRY_NS);
	guest_kvp_serve(&f->guest);
	g_assert_cmpuint(f->n_pairs, ==, 10);
	/* it dies: what it said stays, as long as the driver does */
	f->guest.daemon = false;
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	guest_kvp_serve(&f->guest);
	g_assert_cmpuint(f->changes, ==, 1);
}

static void test_set(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_kvp_set(f->kvp, "colour", "blue", on_done, f);
	expect(f, IC_KVP_ABSENT);
	start(f, 4u << 16);
	ic_kvp_set(f->kvp, "colour", "bl\xc3\xa4u 😀", on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_DONE);
	g_assert_cmpstr(guest_kvp_get(&f->guest, KVP_POOL_EXTERNAL, "colour"), ==, "bl\xc3\xa4u 😀");
	ic_kvp_set(f->kvp, "colour", "", on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_DONE);
	g_assert_cmpstr(guest_kvp_get(&f->guest, KVP_POOL_EXTERNAL, "colour"), ==, "");
	ic_kvp_delete(f->kvp, "colour", on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_DONE);
	g_assert_null(guest_kvp_get(&f->guest, KVP_POOL_EXTERNAL, "colour"));
	ic_kvp_delete(f->kvp, "colour", on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_REFUSED);
}

static void test_lengths(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *key = g_strnfill(256, 'k'), *value = g_strnfill(1024, 'v');
	GString *wide = g_string_new(NULL);

	start(f, 4u << 16);
	ic_kvp_set(f->kvp, key, "v", on_done, f);
	expect(f, IC_KVP_TOO_LONG);
	ic_kvp_delete(f->kvp, key, on_done, f);
	expect(f, IC_KVP_TOO_LONG);
	ic_kvp_set(f->kvp, "k", value, on_done, f);
	expect(f, IC_KVP_TOO_LONG);
	ic_kvp_set(f->kvp, "", "v", on_done, f);
	expect(f, IC_KVP_TOO_LONG);
	ic_kvp_set(f->kvp, "k", "\xff", on_done, f);
	expect(f, IC_KVP_TOO_LONG);
	/* 700 units, but 2,100 bytes of UTF-8, which Linux would cut */
	for (int i = 0; i < 700; i++)
		g_string_append(wide, "\xe2\x82\xac");
	ic_kvp_set(f->kvp, "k", wide->str, on_done, f);
	expect(f, IC_KVP_TOO_LONG);
	g_string_free(wide, TRUE);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 0);
	/* the longest */
	key[255] = value[1023] = '\0';
	ic_kvp_set(f->kvp, key, value, on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_DONE);
	g_assert_cmpstr(guest_kvp_get(&f->guest, KVP_POOL_EXTERNAL, key), ==, value);
}

static void test_queue(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 4u << 16);
	for (unsigned int i = 0; i < IC_KVP_REQUESTS_MAX; i++) {
		g_autofree char *key = g_strdup_printf("key%u", i);

		ic_kvp_set(f->kvp, key, "v", on_done, f);
	}
	g_assert_cmpuint(f->results, ==, 0);
	ic_kvp_set(f->kvp, "one more", "v", on_done, f);
	expect(f, IC_KVP_BUSY);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, IC_KVP_REQUESTS_MAX);
	g_assert_cmpuint(f->results, ==, IC_KVP_REQUESTS_MAX);
	g_assert_cmpstr(guest_kvp_get(&f->guest, KVP_POOL_EXTERNAL, "key63"), ==, "v");
	/* what has no answer when the driver goes */
	f->results = 0;
	ic_kvp_set(f->kvp, "a", "v", on_done, f);
	ic_kvp_set(f->kvp, "b", "v", on_done, f);
	guest_ic_close(&f->guest.ic);
	g_assert_cmpuint(f->results, ==, 2);
	g_assert_cmpint(f->last, ==, IC_KVP_GONE);
}

static void test_unanswered(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 4u << 16);
	ic_kvp_set(f->kvp, "a", "v", on_done, f);
	fake_io_advance(f->guest.ic.thread, IC_KVP_ANSWER_NS);
	expect(f, IC_KVP_UNANSWERED);
	g_assert_cmpuint(f->changes, ==, 1);
	/* a guest that hangs for a day is asked four things, and answers them when it wakes */
	fake_io_advance(f->guest.ic.thread, 86400 * IC_SECOND);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), <=, 4);
	g_assert_cmpuint(fake_channel_faults(f->guest.ic.channel), ==, 0);
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), ==, 12);
}

/* A guest whose pools have no end. */
static void test_endless(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->guest.endless = true;
	start(f, 4u << 16);
	g_assert_cmpuint(f->n_pairs, ==, 128);
}

static void test_hostile_strings(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->guest.raw_value = "\x1b\0[\0002\0J\0\x3d\xd8"; /* an escape, then half a character */
	f->guest.raw_size = 10;
	start(f, 4u << 16);
	g_assert_cmpstr(f->name, ==, "\xef\xbf\xbd[2J\xef\xbf\xbd");
}

/* What the headers of a pair may claim: key_size, value_size, type. */
static void test_lying_sizes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		uint32_t type, key_size, value_size;
		bool sound;
	} cases[] = {
		{1, 512, 2048, true},	    {1, 0, 0, true},
		{1, 513, 10, false},	    {1, 10, 2049, false},
		{1, UINT32_MAX, 10, false}, {1, 10, UINT32_MAX, false},
		{0, 10, 10, false},	    {2, 10, 10, false},
		{4, 10, 4, true},	    {8, 10, 8, true},
		{4, 10, 2049, false},	    {1, 7, 9, true},
		{UINT32_MAX, 2, 2, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t *body = guest_ic_body(&f->guest.ic);

		fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
		guest_ic_start(&f->guest.ic, 4u << 16);
		g_assert_true(guest_ic_receive(&f->guest.ic));
		memset(body + 8, 0xff, 2572);
		memcpy(body + 8, &cases[i], 12);
		guest_ic_answer(&f->guest.ic, 0);
		g_assert_cmpuint(fake_channel_faults(f->guest.ic.channel), ==, !cases[i].sound);
		guest_ic_close(&f->guest.ic);
	}
}

static void test_every_size(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t macs[1][6] = {{0, 0x15, 0x5d, 1, 2, 0xab}};

	ic_kvp_set_adapters(f->kvp, macs, 1);
	for (unsigned int size = 0; size <= 7430; size += size < 40 || size > 7420 ? 1 : 61) {
		fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
		guest_ic_start(&f->guest.ic, 4u << 16);
		g_assert_true(guest_ic_receive(&f->guest.ic));
		guest_ic_body(&f->guest.ic)[8] = 1; /* a string */
		f->guest.ic.message[18] = (uint8_t)size;
		f->guest.ic.message[19] = (uint8_t)(size >> 8);
		guest_ic_answer(&f->guest.ic, 0);
		g_assert_cmpuint(fake_channel_faults(f->guest.ic.channel), ==, size < 2580);
		if (size >= 2580) {
			f->guest.last_operation = KVP_GET;
			while (f->guest.last_operation != KVP_ENUMERATE)
				g_assert_true(guest_kvp_serve_one(&f->guest));
			while (guest_ic_receive(&f->guest.ic)) {
				bool ip = guest_ic_body(&f->guest.ic)[0] == KVP_GET_IP_INFO;

				f->guest.ic.message[18] = (uint8_t)size;
				f->guest.ic.message[19] = (uint8_t)(size >> 8);
				guest_ic_answer(&f->guest.ic, ip ? 0 : IC_STATUS_NO_MORE);
			}
			g_assert_cmpuint(fake_channel_faults(f->guest.ic.channel), ==, size < 7428);
		}
		guest_ic_close(&f->guest.ic);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/ic_kvp/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("facts", test_facts);
	ADD("reopened", test_reopened);
	ADD("held", test_held);
	ADD("adapters", test_adapters);
	ADD("old-driver", test_old_driver);
	ADD("no-daemon", test_no_daemon);
	ADD("set", test_set);
	ADD("lengths", test_lengths);
	ADD("queue", test_queue);
	ADD("unanswered", test_unanswered);
	ADD("endless", test_endless);
	ADD("hostile-strings", test_hostile_strings);
	ADD("lying-sizes", test_lying_sizes);
	ADD("every-size", test_every_size);
	return g_test_run();
}
