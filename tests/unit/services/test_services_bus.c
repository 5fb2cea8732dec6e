/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The services over the real bus: offers, rings and threads as in a worker; the guest's half is the
 * tests' own. */
#include <string.h>

#include "guest_bus.h"
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

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_bus_init(&f->guest);
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->clock = (struct ic_clock){real_clock, real_clock, real_clock, NULL};
	f->services = services_new(&(struct services_config){.bus = f->guest.bus,
							     .thread = f->guest.thread,
							     .event = f->event,
							     .clock = &f->clock,
							     .offered = SERVICES_ALL},
				   NULL);
	g_assert_nonnull(f->services);
	g_assert_cmpuint(guest_bus_connect(&f->guest, VMBUS_VERSION_5_3, f->relids), ==, 6);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_message message;

	services_free(f->services);
	for (int i = 0; i < 6; i++)
		guest_bus_take(&f->guest, VMBUS_RESCIND, &message);
	sd_event_unref(f->event);
	guest_bus_clear(&f->guest);
}

static void answer(struct fixture *f)
{
	f->packet.payload[25] = 0x05;
	guest_channel_send(&f->channel, &f->packet);
}

/* Opens the n-th offer and agrees on a version. */
static void start(struct fixture *f, unsigned int n, uint8_t major, uint8_t minor)
{
	const uint8_t chosen[] = {1, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, major, 0, minor, 0};

	g_assert_cmpuint(guest_channel_open(&f->channel, &f->guest, f->relids[n], 16, 0), ==, 0);
	guest_channel_receive(&f->channel, &f->packet);
	g_assert_cmpuint(f->packet.type, ==, VMBUS_PACKET_DATA_INBAND);
	g_assert_cmpuint(f->packet.payload[12], ==, 0);
	memcpy(f->packet.payload + HEADERS, chosen, sizeof(chosen));
	f->packet.payload[18] = sizeof(chosen);
	f->packet.payload[19] = 0;
	answer(f);
	guest_bus_settle(&f->guest);
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
	memcpy(f->packet.payload + 20, "\x05\x40\x00\x80", 4);
	answer(f);
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

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/services_bus/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("shutdown", test_shutdown);
	ADD("kvp", test_kvp);
	ADD("timesync", test_timesync);
	ADD("malformed", test_malformed);
	return g_test_run();
}
