/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The services over the real bus: offers, rings and threads as in a worker; the guest's half is the
 * tests' own. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest_bus.h"
#include "ic_wire.h"
#include "kvp_wire.h"
#include "services.h"

#define SECONDS_MAX 30u
#define HEADERS	    28u

struct fixture {
	struct guest_bus guest;
	struct guest_channel channel;
	struct guest_packet packet;
	sd_event *event;
	struct services *services;
	struct ic_clock clock;
	uint32_t relids[16];
	unsigned int results;
	int last;
	/* What was told last. */
	bool available, frozen;
	enum ic_heartbeat_state heartbeat;
	struct kvp_facts *facts;
};

static uint64_t real_clock(void *context G_GNUC_UNUSED)
{
	return (uint64_t)g_get_monotonic_time() * 1000;
}

static void on_done(void *context, int result)
{
	struct fixture *f = context;

	f->results++;
	f->last = result;
}

static void on_available(void *context, bool is)
{
	((struct fixture *)context)->available = is;
}

static void on_file_systems(void *context, enum ic_vss_change change)
{
	((struct fixture *)context)->frozen = change == IC_VSS_FROZEN;
}

static void on_heartbeat(void *context, enum ic_heartbeat_state state)
{
	((struct fixture *)context)->heartbeat = state;
}

static void on_facts(void *context, const struct kvp_facts *facts)
{
	struct fixture *f = context;

	kvp_facts_free(f->facts);
	f->facts = kvp_facts_copy(facts);
}

static void offer(struct fixture *f)
{
	f->services = services_new(
		&(struct services_config){.bus = f->guest.bus,
					  .thread = f->guest.thread,
					  .event = f->event,
					  .clock = &f->clock,
					  .offered = SERVICES_ALL,
					  .events = {.shutdown_available = on_available,
						     .heartbeat = on_heartbeat,
						     .facts = on_facts,
						     .file_systems = on_file_systems,
						     .context = f}},
		NULL);
	g_assert_nonnull(f->services);
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_bus_init(&f->guest);
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->clock = (struct ic_clock){real_clock, real_clock, real_clock, NULL};
	offer(f);
	g_assert_cmpuint(guest_bus_connect(&f->guest, VMBUS_VERSION_5_3, f->relids), ==, 6);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_message message;

	services_free(f->services);
	for (int i = 0; i < 6; i++)
		guest_bus_take(&f->guest, VMBUS_RESCIND, &message);
	sd_event_unref(f->event);
	kvp_facts_free(f->facts);
	guest_bus_clear(&f->guest);
}

static void answer(struct fixture *f)
{
	f->packet.payload[25] = 0x05;
	guest_channel_send(&f->channel, &f->packet);
}

static void open_channel(struct fixture *f, unsigned int n)
{
	g_assert_cmpuint(guest_channel_open(&f->channel, &f->guest, f->relids[n], 16, 0), ==, 0);
	guest_channel_receive(&f->channel, &f->packet);
}

static void agree(struct fixture *f, uint8_t major, uint8_t minor)
{
	const uint8_t chosen[] = {1, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, major, 0, minor, 0};

	g_assert_cmpuint(f->packet.type, ==, VMBUS_PACKET_DATA_INBAND);
	g_assert_cmpuint(f->packet.payload[12], ==, 0);
	memcpy(f->packet.payload + HEADERS, chosen, sizeof(chosen));
	f->packet.payload[18] = sizeof(chosen);
	f->packet.payload[19] = 0;
	answer(f);
	guest_bus_settle(&f->guest);
}

/* Opens the n-th offer and agrees on a version. */
static void start(struct fixture *f, unsigned int n, uint8_t major, uint8_t minor)
{
	open_channel(f, n);
	agree(f, major, minor);
}

static void answer_with(struct fixture *f, uint32_t status)
{
	memcpy(f->packet.payload + 20, &status, sizeof(status));
	answer(f);
}

static void expect(struct fixture *f, int result)
{
	gint64 end = g_get_monotonic_time() + (gint64)SECONDS_MAX * G_USEC_PER_SEC;

	while (f->results == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
	}
	g_assert_cmpuint(f->results, ==, 1);
	g_assert_cmpint(f->last, ==, result);
	f->results = 0;
}

static void test_shutdown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 0, 3, 2);
	services_shutdown(f->services, IC_SHUTDOWN_REBOOT, true, NULL, 20 * IC_SECOND, on_done, f);
	guest_channel_receive(&f->channel, &f->packet);
	g_assert_cmpuint(f->packet.payload[12], ==, 3);
	g_assert_cmpuint(f->packet.payload[HEADERS + 8], ==, 3);
	answer(f);
	expect(f, IC_SHUTDOWN_ACCEPTED);
	guest_channel_close(&f->channel);
	services_shutdown(f->services, IC_SHUTDOWN_REBOOT, true, NULL, IC_SECOND, on_done, f);
	expect(f, IC_SHUTDOWN_ABSENT);
}

/* The largest messages there are, around the ring several times. */
static void test_kvp(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 3, 4, 0);
	guest_channel_receive(&f->channel, &f->packet); /* the poll: there is no daemon */
	answer_with(f, IC_STATUS_FAIL);
	for (int i = 0; i < 20; i++) {
		services_set_pair(f->services, "key", "value", on_done, f);
		guest_channel_receive(&f->channel, &f->packet);
		g_assert_cmpuint(f->packet.payload[HEADERS], ==, 1);
		answer(f);
		expect(f, IC_KVP_DONE);
	}
}

static void test_timesync(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 2, 4, 0);
	guest_channel_receive(&f->channel, &f->packet);
	g_assert_cmpuint(f->packet.payload[12], ==, 4);
	g_assert_cmpuint(f->packet.payload[HEADERS + 16], ==, 1);
	answer(f);
}

static void test_malformed(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 4, 5, 0);
	services_freeze(f->services, 20 * IC_SECOND, IC_SECOND, on_done, f);
	guest_channel_receive(&f->channel, &f->packet);
	f->packet.payload[18] = 0xff; /* longer than it is */
	answer(f);
	expect(f, IC_VSS_GONE);
}

/* ---- saved states ---------------------------------------------------------------------------- */

static void move(struct fixture *f)
{
	g_autoptr(GBytes) bytes = guest_bus_save(&f->guest);

	services_free(f->services);
	guest_bus_move(&f->guest);
	offer(f);
	g_assert_true(guest_bus_restore(&f->guest, bytes));
	guest_bus_settle(&f->guest); /* before its `ready` a service takes no requests */
}

/* The next request, and which one it is by the first byte of its body. */
static void request(struct fixture *f, uint8_t operation)
{
	guest_channel_receive(&f->channel, &f->packet);
	g_assert_cmpuint(f->packet.payload[HEADERS], ==, operation);
}

#define run_until(f, condition)                                                              \
	do {                                                                                 \
		gint64 end_ = g_get_monotonic_time() + (gint64)SECONDS_MAX * G_USEC_PER_SEC; \
		while (!(condition)) {                                                       \
			g_assert_cmpint(g_get_monotonic_time(), <, end_);                    \
			g_assert_cmpint(sd_event_run((f)->event, 1000), >=, 0);              \
		}                                                                            \
	} while (0)

static void test_saved_shutdown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	open_channel(f, 0);
	move(f); /* before it has agreed */
	agree(f, 3, 2);
	run_until(f, f->available);
	services_shutdown(f->services, IC_SHUTDOWN_REBOOT, true, NULL, 20 * IC_SECOND, on_done, f);
	guest_channel_receive(&f->channel, &f->packet);
	f->available = false;
	move(f);
	expect(f, IC_SHUTDOWN_GONE);
	run_until(f, f->available);
	answer(f); /* late */
	services_shutdown(f->services, IC_SHUTDOWN_REBOOT, true, NULL, 20 * IC_SECOND, on_done, f);
	guest_channel_receive(&f->channel, &f->packet);
	answer(f);
	expect(f, IC_SHUTDOWN_ACCEPTED);
}

static void test_saved_heartbeat(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 1, 3, 0);
	run_until(f, f->heartbeat == IC_HEARTBEAT_OK);
	guest_channel_receive(&f->channel, &f->packet);
	f->heartbeat = IC_HEARTBEAT_LOST;
	move(f);
	run_until(f, f->heartbeat == IC_HEARTBEAT_OK);
	f->packet.payload[HEADERS]++;
	answer(f); /* to the one of before */
	guest_channel_receive(&f->channel, &f->packet);
	f->packet.payload[HEADERS]++;
	answer(f);
	guest_bus_settle(&f->guest);
	g_assert_cmpuint(f->guest.lines, ==, 0);
}

/* The guest's clock is set at once. */
static void test_saved_timesync(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 2, 4, 0);
	guest_channel_receive(&f->channel, &f->packet);
	answer(f);
	move(f);
	guest_channel_receive(&f->channel, &f->packet);
	g_assert_cmpuint(f->packet.payload[HEADERS + 16], ==, 1);
}

static void give_facts(struct fixture *f)
{
	const struct kvp_wire_value value = {
		.type = KVP_TYPE_STRING, .key_size = 4, .value_size = 4, .key = "K", .value = "V"};

	request(f, KVP_ENUMERATE);
	memcpy(f->packet.payload + HEADERS + 8, &value, sizeof(value));
	answer(f);
	for (int i = 0; i < 2; i++) { /* no more of either pool */
		request(f, KVP_ENUMERATE);
		answer_with(f, IC_STATUS_NO_MORE);
	}
	run_until(f, f->facts);
}

static void test_saved_kvp(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 3, 4, 0);
	give_facts(f);
	services_set_pair(f->services, "key", "value", on_done, f);
	services_set_pair(f->services, "key", "value", on_done, f);
	request(f, KVP_SET);
	g_clear_pointer(&f->facts, kvp_facts_free);
	move(f);
	run_until(f, f->results == 2);
	g_assert_cmpint(f->last, ==, IC_KVP_GONE);
	f->results = 0;
	run_until(f, f->facts);
	g_assert_cmpstr(kvp_facts_find(f->facts, KVP_POOL_AUTO, "K"), ==, "V");
	answer(f);
	request(f, KVP_ENUMERATE);
	answer_with(f, IC_STATUS_FAIL);
	services_set_pair(f->services, "key", "value", on_done, f);
	request(f, KVP_SET);
	answer(f);
	expect(f, IC_KVP_DONE);
}

static void freeze(struct fixture *f, uint64_t hold_ns)
{
	services_freeze(f->services, 20 * IC_SECOND, hold_ns, on_done, f);
	request(f, 5);
}

static void test_saved_freeze(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 4, 5, 0);
	freeze(f, 20 * IC_SECOND);
	g_assert_false(services_is_frozen(f->services));
	answer(f);
	expect(f, IC_VSS_DONE);
	g_assert_true(services_is_frozen(f->services));
	services_thaw(f->services, on_done, f);
	request(f, 6);
	f->frozen = false;
	move(f);
	expect(f, IC_VSS_GONE);
	run_until(f, f->frozen); /* still */
	answer(f);
	run_until(f, !f->frozen);
	/* One that is under way is undone. */
	freeze(f, 20 * IC_SECOND);
	move(f);
	expect(f, IC_VSS_GONE);
	answer(f);
	request(f, 6);
	answer(f);
	guest_bus_settle(&f->guest);
	/* A save that is not gone through with does not make it last. */
	freeze(f, IC_SECOND / 10);
	answer(f);
	expect(f, IC_VSS_DONE);
	vmbus_hold(f->guest.bus);
	vmbus_release(f->guest.bus);
	request(f, 6);
}

static void copy(struct fixture *f)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	g_assert_cmpint(ftruncate(fd, 100000), ==, 0);
	services_copy(f->services, fd, "/tmp/file", 0, NULL, on_done, f);
	request(f, 0);
	answer(f);
	request(f, 1);
}

static void test_saved_copy(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	start(f, 5, 1, 1);
	copy(f);
	move(f);
	expect(f, IC_FCOPY_GONE);
	answer(f);
	request(f, 3); /* what it has of the file is to be removed */
	answer(f);
	copy(f);
	services_cancel_copy(f->services);
	guest_bus_settle(&f->guest);
	answer(f);
	request(f, 3);
	answer(f);
	expect(f, IC_FCOPY_CANCELLED);
}

static void test_saved_mutated(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GBytes) good = NULL;
	unsigned int refused = 0;

	start(f, 3, 4, 0);
	give_facts(f);
	good = guest_bus_save(&f->guest);
	for (int i = 0; i < 500; i++) {
		g_autoptr(GBytes) bad = guest_bus_spoil(good);

		services_free(f->services);
		guest_bus_move(&f->guest);
		offer(f);
		refused += !guest_bus_restore(&f->guest, bad);
	}
	g_assert_cmpuint(refused, >, 50);
	services_free(f->services);
	guest_bus_move(&f->guest);
	offer(f);
	g_assert_true(guest_bus_restore(&f->guest, good));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/services_bus/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("shutdown", test_shutdown);
	ADD("kvp", test_kvp);
	ADD("timesync", test_timesync);
	ADD("malformed", test_malformed);
	ADD("saved/shutdown", test_saved_shutdown);
	ADD("saved/heartbeat", test_saved_heartbeat);
	ADD("saved/timesync", test_saved_timesync);
	ADD("saved/kvp", test_saved_kvp);
	ADD("saved/freeze", test_saved_freeze);
	ADD("saved/copy", test_saved_copy);
	ADD("saved/mutated", test_saved_mutated);
	return g_test_run();
}
