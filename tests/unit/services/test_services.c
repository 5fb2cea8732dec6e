/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The services as the main thread has them: what it asks for, and what comes through its loop. */
#include "services.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "guest_kvp.h"

struct fixture {
	struct guest_kvp guest;
	sd_event *event;
	struct services *services;
	unsigned int results, progresses, availables, facts, heartbeats;
	GArray *changes; /* enum ic_vss_change */
	unsigned int n_pairs;
	uint64_t copied;
	int last;
	bool available, frozen;
	enum ic_heartbeat_state heartbeat;
	char *name;
};

static void on_available(void *context, bool is)
{
	struct fixture *f = context;

	f->availables++;
	f->available = is;
}

static void on_heartbeat(void *context, enum ic_heartbeat_state state)
{
	struct fixture *f = context;

	f->heartbeats++;
	f->heartbeat = state;
}

static void on_facts(void *context, const struct kvp_facts *facts)
{
	struct fixture *f = context;

	f->facts++;
	f->n_pairs = facts->pairs->len;
	g_free(f->name);
	f->name = g_strdup(kvp_facts_find(facts, KVP_POOL_AUTO, "OSName"));
}

static void on_done(void *context, int result)
{
	struct fixture *f = context;

	f->results++;
	f->last = result;
}

static void on_progress(void *context, uint64_t copied, uint64_t size)
{
	struct fixture *f = context;

	g_assert_cmpuint(copied, <=, size);
	g_assert_cmpuint(copied, >, f->copied);
	g_assert_cmpuint(f->results, ==, 0);
	f->copied = copied;
	f->progresses++;
}

static void on_file_systems(void *context, enum ic_vss_change change)
{
	struct fixture *f = context;

	f->frozen = change == IC_VSS_FROZEN;
	g_array_append_val(f->changes, change);
}

/* data: what is offered */
static void set_up(struct fixture *f, gconstpointer data)
{
	guest_kvp_init(&f->guest);
	f->changes = g_array_new(FALSE, FALSE, sizeof(enum ic_vss_change));
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->services = services_new(
		&(struct services_config){
			.bus = f->guest.ic.bus,
			.thread = f->guest.ic.thread,
			.event = f->event,
			.clock = &f->guest.ic.clock,
			.offered = GPOINTER_TO_UINT(data),
			.events = {on_available, on_heartbeat, on_facts, on_file_systems, f},
		},
		NULL);
	g_assert_nonnull(f->services);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	services_free(f->services);
	sd_event_unref(f->event);
	guest_kvp_clear(&f->guest);
	g_array_unref(f->changes);
	g_free(f->name);
}

static void settle(struct fixture *f)
{
	do
		fake_io_settle(f->guest.ic.thread);
	while (sd_event_run(f->event, 0) > 0);
}

static void expect(struct fixture *f, int result)
{
	settle(f);
	g_assert_cmpuint(f->results, ==, 1);
	g_assert_cmpint(f->last, ==, result);
	f->results = 0;
}

static void test_shutdown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	services_shutdown(f->services, IC_SHUTDOWN_REBOOT, true, "bye", IC_SECOND, on_done, f);
	expect(f, IC_SHUTDOWN_ABSENT);
	guest_ic_start(&f->guest.ic, 3u << 16 | 2);
	g_assert_cmpuint(f->availables, ==, 0); /* not before the loop runs */
	settle(f);
	g_assert_true(f->available);
	services_shutdown(f->services, IC_SHUTDOWN_REBOOT, true, "bye", IC_SECOND, on_done, f);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	g_assert_cmphex(guest_ic_u32(&f->guest.ic, 8), ==, 3);
	guest_ic_answer(&f->guest.ic, 0);
	g_assert_cmpuint(f->results, ==, 0);
	expect(f, IC_SHUTDOWN_ACCEPTED);
	/* the others are not offered */
	services_set_pair(f->services, "a", "b", on_done, f);
	expect(f, IC_KVP_ABSENT);
	services_freeze(f->services, 1, 1, on_done, f);
	expect(f, IC_VSS_ABSENT);
	services_thaw(f->services, on_done, f);
	expect(f, IC_VSS_ABSENT);
	services_copy(f->services, open("/dev/null", O_RDONLY | O_CLOEXEC), "/x", 0, NULL, on_done,
		      f);
	expect(f, IC_FCOPY_ABSENT);
	services_cancel_copy(f->services);
	services_set_paused(f->services, true);
	services_sync_time(f->services);
	services_set_adapters(f->services, NULL, 0);
	settle(f);
}

static void test_heartbeat(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest.ic, 3u << 16);
	settle(f);
	g_assert_cmpint(f->heartbeat, ==, IC_HEARTBEAT_OK);
	services_set_paused(f->services, true);
	settle(f);
	fake_io_advance(f->guest.ic.thread, 100 * IC_SECOND);
	settle(f);
	g_assert_cmpint(f->heartbeat, ==, IC_HEARTBEAT_OK);
	services_set_paused(f->services, false);
	settle(f);
	fake_io_advance(f->guest.ic.thread, 100 * IC_SECOND);
	settle(f);
	g_assert_cmpint(f->heartbeat, ==, IC_HEARTBEAT_LOST);
}

static void test_timesync(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest.ic, 4u << 16);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	guest_ic_answer(&f->guest.ic, 0);
	services_set_paused(f->services, true);
	g_assert_false(guest_ic_receive(&f->guest.ic));
	services_set_paused(f->services, false);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	g_assert_cmpuint(guest_ic_body(&f->guest.ic)[16], ==, 1);
	guest_ic_answer(&f->guest.ic, 0);
	services_sync_time(f->services);
	g_assert_true(guest_ic_receive(&f->guest.ic));
}

static void test_kvp(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t macs[1][6] = {{0, 0x15, 0x5d, 1, 2, 0xab}};

	services_set_adapters(f->services, macs, 1);
	guest_ic_start(&f->guest.ic, 4u << 16);
	guest_kvp_serve(&f->guest);
	settle(f);
	g_assert_cmpuint(f->facts, ==, 1);
	g_assert_cmpstr(f->name, ==, "Debian GNU/Linux");
	services_set_pair(f->services, "k", "v", on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_DONE);
	g_assert_cmpstr(guest_kvp_get(&f->guest, 0, "k"), ==, "v");
	services_set_pair(f->services, "k", NULL, on_done, f);
	guest_kvp_serve(&f->guest);
	expect(f, IC_KVP_DONE);
	g_assert_null(guest_kvp_get(&f->guest, 0, "k"));
}

static void test_vss(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest.ic, 5u << 16);
	services_freeze(f->services, IC_SECOND, IC_SECOND, on_done, f);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	guest_ic_answer(&f->guest.ic, 0);
	expect(f, IC_VSS_DONE);
	g_assert_true(f->frozen);
	services_thaw(f->services, on_done, f);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	guest_ic_answer(&f->guest.ic, 0);
	expect(f, IC_VSS_DONE);
	g_assert_false(f->frozen);
}

static void test_copy(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *source = NULL;
	int fd = g_file_open_tmp("services-XXXXXX", &source, NULL);

	g_assert_cmpint(ftruncate(fd, 6144000), ==, 0);
	guest_ic_start(&f->guest.ic, 1u << 16 | 1);
	services_copy(f->services, fd, "/x", 0, on_progress, on_done, f);
	while (guest_ic_receive(&f->guest.ic)) {
		guest_ic_answer(&f->guest.ic, 0);
		while (sd_event_run(f->event, 0) > 0)
			;
	}
	expect(f, IC_FCOPY_DONE);
	g_assert_cmpuint(f->progresses, >=, 100);
	g_assert_cmpuint(f->progresses, <=, 101); /* not one a fragment */
	/* and the last only while nobody hears of it, before the end */
	fd = open(source, O_RDONLY | O_CLOEXEC);
	f->progresses = 0;
	f->copied = 0;
	services_copy(f->services, fd, "/x", 0, on_progress, on_done, f);
	while (guest_ic_receive(&f->guest.ic))
		guest_ic_answer(&f->guest.ic, 0);
	expect(f, IC_FCOPY_DONE);
	g_assert_cmpuint(f->progresses, ==, 1);
	g_assert_cmpuint(f->copied, ==, 6144000);
	fd = open(source, O_RDONLY | O_CLOEXEC);
	services_copy(f->services, fd, "/x", 0, NULL, on_done, f);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	services_cancel_copy(f->services);
	settle(f);
	do
		guest_ic_answer(&f->guest.ic, 0);
	while (guest_ic_receive(&f->guest.ic));
	expect(f, IC_FCOPY_CANCELLED);
	g_unlink(source);
}

/* ---- a guest in a loop, and a main thread that does not run its own -------------------------- */

#define LOOPS 10000u

static void run_kvp(struct fixture *f)
{
	fake_io_advance(f->guest.ic.thread, IC_KVP_PERIOD_NS);
	guest_ic_start(&f->guest.ic, 4u << 16);
	g_assert_cmpuint(guest_kvp_serve(&f->guest), >=, 12);
}

static void test_kvp_in_a_loop(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (unsigned int i = 0; i < LOOPS; i++) {
		run_kvp(f);
		guest_ic_close(&f->guest.ic);
	}
	guest_kvp_put(&f->guest, 1, "tool", "the last");
	run_kvp(f);
	g_assert_cmpuint(f->facts, ==, 0);
	settle(f);
	g_assert_cmpuint(f->facts, ==, 1);
	g_assert_cmpuint(f->n_pairs, ==, 11);
	g_assert_cmpstr(f->name, ==, "Debian GNU/Linux");
	/* and what comes when it hears again is told each time */
	guest_ic_close(&f->guest.ic);
	settle(f);
	g_assert_cmpuint(f->facts, ==, 2);
	g_assert_null(f->name);
	run_kvp(f);
	settle(f);
	g_assert_cmpuint(f->facts, ==, 3);
	g_assert_cmpuint(f->n_pairs, ==, 11);
	/* what nobody heard is freed */
	guest_ic_close(&f->guest.ic);
	run_kvp(f);
}

static void test_shutdown_in_a_loop(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (unsigned int i = 0; i < LOOPS; i++) {
		guest_ic_start(&f->guest.ic, 3u << 16 | 2);
		guest_ic_close(&f->guest.ic);
	}
	f->available = true;
	settle(f);
	g_assert_cmpuint(f->availables, ==, 1);
	g_assert_false(f->available);
	guest_ic_start(&f->guest.ic, 3u << 16 | 2);
	guest_ic_close(&f->guest.ic);
	guest_ic_start(&f->guest.ic, 3u << 16 | 2);
	settle(f);
	g_assert_cmpuint(f->availables, ==, 2);
	g_assert_true(f->available);
}

static void test_heartbeat_in_a_loop(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	for (unsigned int i = 0; i < LOOPS; i++) {
		guest_ic_start(&f->guest.ic, 3u << 16);
		guest_ic_close(&f->guest.ic);
	}
	guest_ic_start(&f->guest.ic, 3u << 16);
	settle(f);
	g_assert_cmpuint(f->heartbeats, ==, 1);
	g_assert_cmpint(f->heartbeat, ==, IC_HEARTBEAT_OK);
}

static void freeze(struct fixture *f)
{
	services_freeze(f->services, IC_SECOND, IC_SECOND, on_done, f);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	guest_ic_answer(&f->guest.ic, 0);
}

static void thaw_late(struct fixture *f)
{
	fake_io_advance(f->guest.ic.thread, IC_SECOND);
	g_assert_true(guest_ic_receive(&f->guest.ic));
	guest_ic_answer(&f->guest.ic, 0);
}

static void expect_changes(struct fixture *f, const enum ic_vss_change *changes, unsigned int n)
{
	settle(f);
	g_assert_cmpuint(f->changes->len, ==, n);
	for (unsigned int i = 0; i < n; i++)
		g_assert_cmpint(g_array_index(f->changes, enum ic_vss_change, i), ==, changes[i]);
	g_array_set_size(f->changes, 0);
}

/* File systems that were thawed too soon are told of, whatever came after. */
static void test_overdue(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest.ic, 5u << 16);
	freeze(f);
	expect_changes(f, (enum ic_vss_change[]){IC_VSS_FROZEN}, 1);
	thaw_late(f);
	expect_changes(f, (enum ic_vss_change[]){IC_VSS_OVERDUE}, 1);
	services_thaw(f->services, on_done, f);
	settle(f);
	g_assert_cmpint(f->last, ==, IC_VSS_EXPIRED);
	for (int i = 0; i < 10; i++) {
		freeze(f);
		thaw_late(f);
		services_thaw(f->services, on_done, f);
		freeze(f);
		services_thaw(f->services, on_done, f);
		g_assert_true(guest_ic_receive(&f->guest.ic));
		guest_ic_answer(&f->guest.ic, 0);
	}
	freeze(f);
	expect_changes(f, (enum ic_vss_change[]){IC_VSS_OVERDUE, IC_VSS_FROZEN}, 2);
	g_assert_cmpuint(f->results, ==, 43);
	thaw_late(f);
	expect_changes(f, (enum ic_vss_change[]){IC_VSS_OVERDUE}, 1);
}

/* Freed with a request at every stage: each is answered, once. */
static void test_free(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest.ic, 3u << 16 | 2);
	for (int i = 0; i < 3; i++)
		services_shutdown(f->services, IC_SHUTDOWN_POWER_OFF, false, NULL, IC_SECOND,
				  on_done, f);
	fake_io_settle(f->guest.ic.thread); /* one is under way, two were refused as BUSY */
	services_shutdown(f->services, IC_SHUTDOWN_POWER_OFF, false, NULL, IC_SECOND, on_done, f);
	services_free(f->services);
	f->services = NULL;
	g_assert_cmpuint(f->results, ==, 4);
}

static void test_offer_refused(void)
{
	struct guest_kvp guest;
	sd_event *event;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	guest_kvp_init(&guest);
	for (unsigned int bit = 1; bit < SERVICES_ALL; bit <<= 1) {
		g_autoptr(GError) error = NULL;

		fake_vmbus_fail_offers(guest.ic.bus, 1);
		g_assert_null(services_new(&(struct services_config){.bus = guest.ic.bus,
								     .thread = guest.ic.thread,
								     .event = event,
								     .clock = &guest.ic.clock,
								     .offered = bit},
					   &error));
		g_assert_nonnull(error);
	}
	guest_kvp_clear(&guest);
	sd_event_unref(event);
}

static void test_all(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const names[] = {"shutdown", "heartbeat", "timesync",
					    "kvp",	"vss",	     "fcopy"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_assert_nonnull(fake_vmbus_find(f->guest.ic.bus, names[i]));
	g_assert_null(fake_vmbus_nth(f->guest.ic.bus, 6));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, offered, function)                                                               \
	g_test_add("/services/" name, struct fixture, GUINT_TO_POINTER(offered), set_up, function, \
		   tear_down)
	ADD("shutdown", SERVICES_SHUTDOWN, test_shutdown);
	ADD("heartbeat", SERVICES_HEARTBEAT, test_heartbeat);
	ADD("timesync", SERVICES_TIMESYNC, test_timesync);
	ADD("kvp", SERVICES_KVP, test_kvp);
	ADD("vss", SERVICES_VSS, test_vss);
	ADD("copy", SERVICES_FCOPY, test_copy);
	ADD("kvp-in-a-loop", SERVICES_KVP, test_kvp_in_a_loop);
	ADD("shutdown-in-a-loop", SERVICES_SHUTDOWN, test_shutdown_in_a_loop);
	ADD("heartbeat-in-a-loop", SERVICES_HEARTBEAT, test_heartbeat_in_a_loop);
	ADD("overdue", SERVICES_VSS, test_overdue);
	ADD("free", SERVICES_SHUTDOWN, test_free);
	ADD("all", SERVICES_ALL, test_all);
	g_test_add_func("/services/offer-refused", test_offer_refused);
	return g_test_run();
}
