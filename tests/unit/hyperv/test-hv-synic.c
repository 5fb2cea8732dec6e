/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages and event flags of the synthetic interrupt controller. */
#include <string.h>

#include "hv_fixture.h"

#define SINT   2u
#define VECTOR 0xf3u
#define QUEUE  64u /* messages that wait per SINT */

static struct hv_message message(uint32_t type)
{
	static const uint8_t payload[HV_MESSAGE_PAYLOAD] = "payload";

	return (struct hv_message){type, 8, 42, payload};
}

static enum hv_post post(struct hv_test *t, uint32_t type)
{
	const struct hv_message m = message(type);

	return hv_message_post(t->hv, 0, SINT, &m);
}

static void setup(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_build(t, hv_features_all, true);
}

static void teardown(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_drop(t);
}

static void test_registers(struct hv_test *t, gconstpointer data)
{
	(void)data;
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_SVERSION), ==, 1);
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_SVERSION, 1));
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_EOM), ==, 0);
	for (uint32_t i = 0; i < HV_SINTS; i++) {
		g_assert_cmphex(hv_test_read(t, 1, HV_MSR_SINT0 + i), ==, HV_SINT_MASKED);
		/* Vectors that are the processor's: masked only. */
		g_assert_false(hv_msr_write(t->hv, 1, HV_MSR_SINT0 + i, 15));
		hv_test_write(t, 1, HV_MSR_SINT0 + i, 15 | HV_SINT_MASKED);
		hv_test_write(t, 1, HV_MSR_SINT0 + i, 16 + i);
		g_assert_cmphex(hv_test_read(t, 1, HV_MSR_SINT0 + i), ==, 16 + i);
		g_assert_cmphex(hv_test_read(t, 0, HV_MSR_SINT0 + i), ==, HV_SINT_MASKED);
	}
	hv_test_reset(t);
	g_assert_cmphex(hv_test_read(t, 1, HV_MSR_SINT0), ==, HV_SINT_MASKED);
}

static void test_deliver(struct hv_test *t, gconstpointer data)
{
	struct fake_msi msi;

	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR);
	g_assert_cmpint(post(t, 7), ==, HV_POST_DELIVERED);
	const struct hv_message_slot *slot = hv_test_slot(t, SINT);
	g_assert_cmpuint(slot->type, ==, 7);
	g_assert_cmpuint(slot->payload_size, ==, 8);
	g_assert_cmpuint(slot->flags, ==, 0);
	g_assert_cmpuint(slot->origin, ==, 42);
	g_assert_cmpstr((const char *)slot->payload, ==, "payload");
	g_assert_cmpuint(hv_test_msis(t, &msi), ==, 1);
	g_assert_cmphex(msi.address, ==, 0xfee00000);
	g_assert_cmphex(msi.data, ==, VECTOR);
	g_assert_cmpuint(hv_test_counter(t, "hv.message.delivered"), ==, 1);
}

/* The interrupt goes to the VP's own APIC. */
static void test_other_vp(struct hv_test *t, gconstpointer data)
{
	const struct hv_message m = message(1);
	struct fake_msi msi;

	(void)data;
	hv_test_write(t, 1, HV_MSR_SIMP, SIM_PAGE | HV_PAGE_ENABLE);
	hv_test_write(t, 1, HV_MSR_SINT0 + SINT, 0x40);
	hv_test_write(t, 1, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	g_assert_cmpint(hv_message_post(t->hv, 1, SINT, &m), ==, HV_POST_DELIVERED);
	g_assert_cmpuint(hv_test_msis(t, &msi), ==, 1);
	g_assert_cmphex(msi.address, ==, 0xfee01000);
	g_assert_cmphex(msi.data, ==, 0x40);
}

/* Order is kept, each message comes once, and the pending flag asks for each EOM. */
static void test_queue(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR);
	g_assert_cmpint(post(t, 1), ==, HV_POST_DELIVERED);
	for (uint32_t i = 2; i <= 5; i++) {
		g_assert_cmpint(post(t, i), ==, HV_POST_QUEUED);
		g_assert_cmpuint(hv_test_slot(t, SINT)->flags, ==, HV_MESSAGE_PENDING);
	}
	for (uint32_t i = 1; i <= 5; i++) {
		g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, i);
		g_assert_cmpuint(hv_test_slot(t, SINT)->flags, ==, i < 5 ? HV_MESSAGE_PENDING : 0);
		g_assert_cmpuint(hv_test_msis(t, NULL), ==, i);
		hv_test_consume(t, SINT);
	}
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, HV_MESSAGE_NONE);
}

/* A guest that freed its slot without EOM gets what comes next anyway, after what waited. */
static void test_no_eom(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR);
	g_assert_cmpint(post(t, 1), ==, HV_POST_DELIVERED);
	g_assert_cmpint(post(t, 2), ==, HV_POST_QUEUED);
	hv_test_slot(t, SINT)->type = HV_MESSAGE_NONE;
	g_assert_cmpint(post(t, 3), ==, HV_POST_QUEUED);
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 2);
	g_assert_cmpuint(hv_test_slot(t, SINT)->flags, ==, HV_MESSAGE_PENDING);
	hv_test_consume(t, SINT);
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 3);
}

/* Whatever the guest enables last, what was posted before is delivered then. */
static void test_early(struct hv_test *t, gconstpointer data)
{
	static const uint32_t orders[][3] = {
		{HV_MSR_SIMP, HV_MSR_SINT0 + SINT, HV_MSR_SCONTROL},
		{HV_MSR_SCONTROL, HV_MSR_SINT0 + SINT, HV_MSR_SIMP},
		{HV_MSR_SINT0 + SINT, HV_MSR_SCONTROL, HV_MSR_SIMP},
	};

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
		hv_test_reset(t);
		g_assert_cmpint(post(t, 9), ==, HV_POST_QUEUED);
		for (size_t j = 0; j < 3; j++) {
			g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, HV_MESSAGE_NONE);
			hv_test_write(t, 0, orders[i][j],
				      orders[i][j] == HV_MSR_SIMP	? SIM_PAGE | HV_PAGE_ENABLE
				      : orders[i][j] == HV_MSR_SCONTROL ? HV_SCONTROL_ENABLE
									: VECTOR);
		}
		g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 9);
		g_assert_cmpuint(hv_test_msis(t, NULL), ==, 1);
	}
}

/* Section 11.7: a masked SINT loses the interrupt, not the message; a polled one has none. */
static void test_masked(struct hv_test *t, gconstpointer data)
{
	static const uint64_t quiet[] = {VECTOR | HV_SINT_MASKED, VECTOR | HV_SINT_POLLING};

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(quiet); i++) {
		hv_test_reset(t);
		hv_test_enable_synic(t, SINT, quiet[i]);
		g_assert_cmpint(post(t, 1), ==, HV_POST_DELIVERED);
		g_assert_true(hv_event_set(t->hv, 0, SINT, 5));
		g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 1);
		g_assert_cmpuint(hv_test_msis(t, NULL), ==, 0);
	}
}

static void on_room(void *context, uint32_t vp)
{
	unsigned int *rooms = context;

	g_assert_cmpuint(vp, ==, 0);
	(*rooms)++;
}

static void test_bounded(struct hv_test *t, gconstpointer data)
{
	unsigned int rooms = 0;

	(void)data;
	hv_message_on_room(t->hv, SINT, on_room, &rooms);
	hv_test_enable_synic(t, SINT, VECTOR);
	g_assert_cmpint(post(t, 1), ==, HV_POST_DELIVERED);
	for (uint32_t i = 0; i < QUEUE; i++)
		g_assert_cmpint(post(t, 2 + i), ==, HV_POST_QUEUED);
	g_assert_cmpint(post(t, 99), ==, HV_POST_REFUSED);
	g_assert_cmpint(post(t, 99), ==, HV_POST_REFUSED);
	g_assert_cmpuint(hv_test_counter(t, "hv.message.refused"), ==, 2);
	g_assert_cmpuint(rooms, ==, 0);
	hv_test_consume(t, SINT);
	g_assert_cmpuint(rooms, ==, 1);
	g_assert_cmpint(post(t, 2 + QUEUE), ==, HV_POST_QUEUED);
	for (uint32_t i = 0; i < QUEUE + 1; i++) {
		g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 2 + i);
		hv_test_consume(t, SINT);
	}
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, HV_MESSAGE_NONE);
	g_assert_cmpuint(rooms, ==, 1);
}

/* While the VPs are stopped their pages are left alone; then everything comes in order. */
static void test_paused(struct hv_test *t, gconstpointer data)
{
	unsigned int rooms = 0;

	(void)data;
	hv_message_on_room(t->hv, SINT, on_room, &rooms);
	hv_test_enable_synic(t, SINT, VECTOR);
	hv_set_paused(t->hv, true);
	for (uint32_t i = 0; i < QUEUE; i++)
		g_assert_cmpint(post(t, 1 + i), ==, HV_POST_QUEUED);
	g_assert_cmpint(post(t, 99), ==, HV_POST_REFUSED);
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, HV_MESSAGE_NONE);
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 0);
	hv_set_paused(t->hv, false);
	g_assert_cmpuint(rooms, ==, 1);
	for (uint32_t i = 0; i < QUEUE; i++) {
		g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 1 + i);
		hv_test_consume(t, SINT);
	}
	/* A reset runs, whatever was before. */
	hv_set_paused(t->hv, true);
	hv_test_reset(t);
	hv_test_enable_synic(t, SINT, VECTOR);
	g_assert_cmpint(post(t, 1), ==, HV_POST_DELIVERED);
}

static void test_event_flags(struct hv_test *t, gconstpointer data)
{
	(void)data;
	g_assert_false(hv_event_set(t->hv, 0, SINT, 3)); /* no page yet */
	hv_test_enable_synic(t, SINT, VECTOR);
	const uint8_t *flags = (const uint8_t *)hv_test_at(t, SIEF_PAGE) + SINT * (size_t)256;

	for (uint32_t flag = 0; flag < HV_EVENT_FLAGS; flag += 89) {
		g_assert_true(hv_event_set(t->hv, 0, SINT, flag));
		g_assert_cmphex(flags[flag / 8] >> flag % 8 & 1, ==, 1);
	}
	size_t n = hv_test_msis(t, NULL);
	g_assert_true(hv_event_set(t->hv, 0, SINT, 89));
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, n); /* it was set */
	hv_test_write(t, 0, HV_MSR_SIEFP, SIEF_PAGE);
	g_assert_false(hv_event_set(t->hv, 0, SINT, 90));
}

/* Pages where no RAM is: nothing comes, nothing is lost, nothing is touched. */
static void test_no_ram(struct hv_test *t, gconstpointer data)
{
	static const uint64_t pages[] = {NOWHERE, MEMORY, 0xfffffffffffff000, 0xfee00000};

	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR);
	for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
		hv_test_write(t, 0, HV_MSR_SIMP, pages[i] | HV_PAGE_ENABLE);
		hv_test_write(t, 0, HV_MSR_SIEFP, pages[i] | HV_PAGE_ENABLE);
		g_assert_cmpint(post(t, 1 + (uint32_t)i), ==, HV_POST_QUEUED);
		g_assert_false(hv_event_set(t->hv, 0, SINT, 1));
	}
	/* The last page of RAM is one. */
	hv_test_write(t, 0, HV_MSR_SIMP, (MEMORY - 4096) | HV_PAGE_ENABLE);
	const struct hv_message_slot *slot =
		(struct hv_message_slot *)hv_test_at(t, MEMORY - 4096) + SINT;
	g_assert_cmpuint(slot->type, ==, 1);
}

/* One page for both, and for both VPs: the guest's loss only. */
static void test_overlap(struct hv_test *t, gconstpointer data)
{
	(void)data;
	for (uint32_t vp = 0; vp < HV_VPS; vp++) {
		hv_test_write(t, vp, HV_MSR_SIMP, SIM_PAGE | HV_PAGE_ENABLE);
		hv_test_write(t, vp, HV_MSR_SIEFP, SIM_PAGE | HV_PAGE_ENABLE);
		hv_test_write(t, vp, HV_MSR_SINT0 + SINT, VECTOR);
		hv_test_write(t, vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	}
	g_assert_true(hv_event_set(t->hv, 0, SINT, 0));
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 1);
	g_assert_cmpint(post(t, 5), ==, HV_POST_QUEUED);
	hv_test_consume(t, SINT);
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 5);
}

/* After a detach nothing is taken, touched or told; handlers stay. */
static void test_detached(struct hv_test *t, gconstpointer data)
{
	unsigned int rooms = 0;

	(void)data;
	hv_message_on_room(t->hv, SINT, on_room, &rooms);
	hv_test_enable_synic(t, SINT, VECTOR);
	g_assert_cmpint(post(t, 1), ==, HV_POST_DELIVERED);
	g_assert_cmpint(post(t, 2), ==, HV_POST_QUEUED);
	hv_detach(t->hv);
	g_assert_cmpint(post(t, 3), ==, HV_POST_REFUSED);
	g_assert_false(hv_event_set(t->hv, 0, SINT, 1));
	g_assert_cmpuint(hv_reference_time(t->hv), ==, 0);
	g_assert_cmpint(hv_attach(t->hv, t->partition, t->vps), ==, 0);
	hv_test_slot(t, SINT)->type = HV_MESSAGE_NONE;
	hv_test_enable_synic(t, SINT, VECTOR);
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, HV_MESSAGE_NONE); /* 2 is forgotten */
	g_assert_cmpuint(rooms, ==, 0);
}

/* Interrupts that the guest leaves to us: ended when it took them, looked for until then. */
static void test_auto_eoi(struct hv_test *t, gconstpointer data)
{
	const uint64_t value = VECTOR | HV_SINT_AUTO_EOI;

	(void)data;
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_SINT0 + SINT, value));
	hv_test_write(t, 0, HV_MSR_SINT0 + SINT, value | HV_SINT_MASKED);
	fake_set_end_interrupts(t->partition, 3);
	hv_test_enable_synic(t, SINT, value);
	hv_before_run(t->hv, 0); /* nothing to do */
	g_assert_cmpuint(fake_ends(t->partition), ==, 0);
	g_assert_true(hv_event_set(t->hv, 0, SINT, 1));
	for (unsigned int i = 0; i < 4; i++) {
		g_assert_cmpuint(t->timers[0].deadline, !=, 0);
		g_assert_cmpuint(fake_ends(t->partition), ==, 0);
		hv_test_advance(t, 1000000);
		g_assert_cmpuint(t->timers[0].deadline, ==, 0);
		hv_before_run(t->hv, 0);
	}
	g_assert_cmpuint(fake_ends(t->partition), ==, 1);
	g_assert_cmpuint(t->timers[0].deadline, ==, 0);
	hv_before_run(t->hv, 0);
	g_assert_cmpuint(fake_ends(t->partition), ==, 1);
}

/* ---- a guest that races ---------------------------------------------------------------------- */

#define RACE_MESSAGES 20000u

struct race {
	struct hv_test *t;
	uint32_t taken;
};

/* Takes messages as a guest does, from another thread than the sender's. */
static gpointer race_consume(gpointer data)
{
	struct race *race = data;
	struct hv_message_slot *slot = hv_test_slot(race->t, SINT);

	while (race->taken < RACE_MESSAGES) {
		uint32_t type = __atomic_load_n(&slot->type, __ATOMIC_ACQUIRE);

		if (type == HV_MESSAGE_NONE) {
			g_thread_yield();
			continue;
		}
		g_assert_cmpuint(type, ==, ++race->taken);
		__atomic_store_n(&slot->type, HV_MESSAGE_NONE, __ATOMIC_SEQ_CST);
		if ((__atomic_load_n(&slot->flags, __ATOMIC_SEQ_CST) & HV_MESSAGE_PENDING) != 0)
			hv_test_write(race->t, 0, HV_MSR_EOM, 0);
	}
	return NULL;
}

static void test_race(struct hv_test *t, gconstpointer data)
{
	struct race race = {.t = t};

	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR);
	GThread *guest = g_thread_new("guest", race_consume, &race);
	for (uint32_t i = 1; i <= RACE_MESSAGES;) {
		if (post(t, i) != HV_POST_REFUSED)
			i++;
		else
			g_thread_yield();
	}
	/* Without any further post: the flag and the EOM alone bring the rest. */
	g_thread_join(guest);
	g_assert_cmpuint(race.taken, ==, RACE_MESSAGES);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) g_test_add("/hv/synic/" name, struct hv_test, NULL, setup, fn, teardown)
	CASE("registers", test_registers);
	CASE("deliver", test_deliver);
	CASE("other-vp", test_other_vp);
	CASE("queue", test_queue);
	CASE("paused", test_paused);
	CASE("no-eom", test_no_eom);
	CASE("early", test_early);
	CASE("masked", test_masked);
	CASE("bounded", test_bounded);
	CASE("event-flags", test_event_flags);
	CASE("no-ram", test_no_ram);
	CASE("auto-eoi", test_auto_eoi);
	CASE("overlap", test_overlap);
	CASE("detached", test_detached);
	CASE("race", test_race);
	return g_test_run();
}
