/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interface saved, and restored into another one: what a guest notices of it is nothing. */
#include <string.h>

#include "hv_reftime.h"
#include "hv_saved.h"

#define SINT	  3u
#define VECTOR	  0xf3u
#define TSC_PAGE  0x35000ull
#define MS_UNITS  10000ull
#define MS_NS	  1000000ull
#define CONFIG(n) (HV_MSR_STIMER0_CONFIG + 2 * (n))
#define COUNT(n)  (CONFIG(n) + 1)

static void setup(struct hv_test *t, gconstpointer data)
{
	hv_saved_build(t, data == NULL);
}

static void teardown(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_drop(t);
}

static uint64_t now(struct hv_test *t)
{
	return hv_test_read(t, 0, HV_MSR_TIME_REF_COUNT);
}

static void post(struct hv_test *t, uint32_t type, enum hv_post wanted)
{
	const struct hv_message message = {
		.type = type, .size = 4, .origin = 7, .payload = (const uint8_t *)"abcd"};

	g_assert_cmpint(hv_message_post(t->hv, 0, SINT, &message), ==, wanted);
}

/* ---- what goes on ---------------------------------------------------------------------------- */

static void test_registers(struct hv_test *t, gconstpointer data)
{
	static const struct {
		uint32_t vp, index;
		uint64_t value;
	} registers[] = {
		{0, HV_MSR_GUEST_OS_ID, 1ull << 48},
		{0, HV_MSR_HYPERCALL, CALL_PAGE | HV_PAGE_ENABLE},
		{0, HV_MSR_REFERENCE_TSC, NOWHERE | HV_PAGE_ENABLE},
		{0, HV_MSR_CRASH_P0, 1},
		{0, HV_MSR_CRASH_P0 + 4, 5},
		{0, HV_MSR_VP_ASSIST_PAGE, INPUT | HV_PAGE_ENABLE},
		{1, HV_MSR_SIMP, SIM_PAGE | HV_PAGE_ENABLE},
		{1, HV_MSR_SIEFP, NOWHERE | HV_PAGE_ENABLE}, /* the guest's to choose */
		{1, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE},
		{1, HV_MSR_SINT0 + 15, 0x41 | HV_SINT_AUTO_EOI},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(registers); i++)
		hv_test_write(t, registers[i].vp, registers[i].index, registers[i].value);
	g_autoptr(GBytes) bytes = hv_saved_move(t, data == NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(registers); i++)
		g_assert_cmphex(hv_test_read(t, registers[i].vp, registers[i].index), ==,
				registers[i].value);
	g_assert_cmphex(hv_test_read(t, 1, HV_MSR_SINT0), ==, HV_SINT_MASKED);
	/* The hypervisor below knows, too, and calls are served. */
	g_assert_cmphex(fake_guest_os_id(t->partition), ==, 1ull << 48);
	g_assert_cmphex(fake_assist_page(t->partition), ==, INPUT | HV_PAGE_ENABLE);
	g_assert_cmphex(hv_test_call(t, HV_CALL_NOTIFY_LONG_SPIN_WAIT, INPUT, 0), ==, 0);
}

static void test_runtime(struct hv_test *t, gconstpointer data)
{
	const uint64_t used = hv_test_read(t, 0, HV_MSR_VP_RUNTIME);
	uint64_t before = used;

	(void)data;
	for (unsigned int i = 0; i < 5; i++) {
		g_autoptr(GBytes) bytes = hv_saved_move(t, true);
		uint64_t after = hv_test_read(t, 0, HV_MSR_VP_RUNTIME);

		/* What this thread had used before counts again each time, as another's would not.
		 */
		g_assert_cmpuint(after, >=, before + used);
		before = after;
	}
}

static void test_timers(struct hv_test *t, gconstpointer data)
{
	const uint64_t by_sint = (uint64_t)SINT << 16;
	uint64_t start = now(t);
	struct hv_timer_message message;

	hv_test_enable_synic(t, SINT, VECTOR);
	hv_test_write(t, 0, COUNT(0), start + 10 * MS_UNITS); /* one-shot */
	hv_test_write(t, 0, CONFIG(0), by_sint | HV_STIMER_ENABLE);
	hv_test_write(t, 1, COUNT(1), 4 * MS_UNITS); /* periodic, direct */
	hv_test_write(t, 1, CONFIG(1),
		      HV_STIMER_DIRECT | 0x60 << 4 | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	hv_test_advance(t, 7 * MS_NS);
	g_autoptr(GBytes) bytes = hv_saved_move(t, data == NULL);
	g_assert_cmpuint(now(t) - start, ==, 7 * MS_UNITS);
	hv_test_advance(t, 1000 * MS_NS); /* paused still */
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 0);
	hv_test_reset(t);
	struct state_reader reader;
	g_assert_true(hv_saved_restore(t, bytes, &reader));
	hv_set_paused(t->hv, false);
	hv_test_advance(t, MS_NS + MS_NS / 2);
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 1); /* the 8th ms */
	hv_test_advance(t, 2 * MS_NS);
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 2); /* the 10th */
	memcpy(&message, hv_test_slot(t, SINT)->payload, sizeof(message));
	g_assert_cmpuint(message.expiration, ==, start + 10 * MS_UNITS);
	hv_test_advance(t, 8 * MS_NS);
	g_assert_cmpuint(hv_test_msis(t, NULL), ==, 4); /* the 12th, the 16th */
}

static unsigned int n_rooms;

static void on_room(void *context, uint32_t vp)
{
	(void)context;
	(void)vp;
	n_rooms++;
}

static void test_messages(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR);
	post(t, 1, HV_POST_DELIVERED);
	for (uint32_t type = 2; type < 2 + 64; type++)
		post(t, type, HV_POST_QUEUED);
	post(t, 99, HV_POST_REFUSED);
	g_autoptr(GBytes) bytes = hv_saved_move(t, true);
	n_rooms = 0;
	hv_message_on_room(t->hv, SINT, on_room, NULL);
	hv_set_paused(t->hv, false);
	for (uint32_t type = 1; type < 2 + 64; type++) {
		const struct hv_message_slot *slot = hv_test_slot(t, SINT);

		g_assert_cmpuint(slot->type, ==, type);
		g_assert_cmpuint(slot->payload_size, ==, 4);
		g_assert_cmpint(memcmp(slot->payload, "abcd", 4), ==, 0);
		g_assert_cmpuint(slot->origin, ==, 7);
		hv_test_consume(t, SINT);
	}
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, HV_MESSAGE_NONE);
	g_assert_cmpuint(n_rooms, ==, 1);
}

/* A message that comes between restoring and going on waits; so does a timer's. */
static void test_paused(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR);
	g_autoptr(GBytes) bytes = hv_saved_move(t, true);
	post(t, 1, HV_POST_QUEUED);
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, HV_MESSAGE_NONE);
	g_assert_true(hv_event_set(t->hv, 0, SINT, 1)); /* but events are set */
	hv_set_paused(t->hv, false);
	g_assert_cmpuint(hv_test_slot(t, SINT)->type, ==, 1);
}

static void test_auto_eoi(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_enable_synic(t, SINT, VECTOR | HV_SINT_AUTO_EOI);
	post(t, 1, HV_POST_DELIVERED);
	g_autoptr(GBytes) bytes = hv_saved_move(t, true);
	hv_set_paused(t->hv, false);
	hv_before_run(t->hv, 0);
	g_assert_cmpuint(fake_ends(t->partition), ==, 0);
	hv_before_run(t->hv, 0);
	hv_before_run(t->hv, 0); /* the third time it is in service */
	g_assert_cmpuint(fake_ends(t->partition), ==, 1);
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t page_time(struct hv_test *t)
{
	const struct hv_tsc_page *page = hv_test_at(t, TSC_PAGE);

	return hv_reftime_by_tsc(page->scale, page->offset, partition_guest_tsc(t->partition));
}

static void test_page_stays(struct hv_test *t, gconstpointer data)
{
	struct hv_tsc_page *page;

	(void)data;
	hv_test_write(t, 0, HV_MSR_REFERENCE_TSC, TSC_PAGE | HV_PAGE_ENABLE);
	hv_test_advance(t, 100000 * MS_NS);
	g_autoptr(GBytes) bytes = hv_saved_move(t, true);
	page = hv_test_at(t, TSC_PAGE);
	g_assert_cmpuint(page->sequence, ==, 1);
	g_assert_cmpuint(page_time(t), ==, now(t));
	g_assert_cmpuint(now(t), ==, 100000 * MS_UNITS);
}

/* The TSC is where it was long before. */
static void test_page_anew(struct hv_test *t, gconstpointer data)
{
	struct hv_tsc_page *page;

	(void)data;
	hv_test_write(t, 0, HV_MSR_REFERENCE_TSC, TSC_PAGE | HV_PAGE_ENABLE);
	hv_test_advance(t, 100000 * MS_NS);
	g_autoptr(GBytes) bytes = hv_saved_move(t, false);
	page = hv_test_at(t, TSC_PAGE);
	g_assert_cmpuint(page->sequence, ==, 2);
	g_assert_cmpuint(page_time(t), ==, now(t));
	g_assert_cmpuint(now(t), ==, 100000 * MS_UNITS);
	hv_test_advance(t, MS_NS);
	g_assert_cmpuint(now(t), ==, 100001 * MS_UNITS);
}

/* Reference time by the host's clock, which is another one there. */
static void test_clock(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_write(t, 0, HV_MSR_REFERENCE_TSC, TSC_PAGE | HV_PAGE_ENABLE);
	hv_test_advance(t, 100000 * MS_NS);
	g_autoptr(GBytes) bytes = hv_saved_move(t, false);
	g_assert_cmpuint(now(t), ==, 100000 * MS_UNITS);
	hv_test_advance(t, MS_NS);
	g_assert_cmpuint(now(t), ==, 100001 * MS_UNITS);
	g_assert_cmpuint(((struct hv_tsc_page *)hv_test_at(t, TSC_PAGE))->sequence, ==,
			 HV_TSC_SEQUENCE_INVALID);
}

static void test_frequency(struct hv_test *t, gconstpointer data)
{
	static const struct {
		uint64_t hz;
		bool fits;
	} cases[] = {
		{TSC_HZ + TSC_HZ / 4000, true},
		{TSC_HZ - TSC_HZ / 4010, true},
		{TSC_HZ + TSC_HZ / 3900, false},
		{TSC_HZ - TSC_HZ / 3900, false},
		{0, false},
	};
	g_autoptr(GBytes) bytes = NULL;
	struct state_reader reader;

	(void)data;
	hv_test_write(t, 0, HV_MSR_REFERENCE_TSC, TSC_PAGE | HV_PAGE_ENABLE);
	hv_test_advance(t, 100 * MS_NS);
	bytes = hv_saved_take(t);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		fake_set_tsc(cases[i].hz, 1ull << 40, true);
		hv_test_reset(t);
		g_assert_cmpint(hv_saved_restore(t, bytes, &reader), ==, cases[i].fits);
		if (!cases[i].fits)
			continue;
		/* The page tells the time by the TSC that there is. */
		g_assert_cmpuint(page_time(t), ==, now(t));
		g_assert_cmpuint(now(t), ==, 100 * MS_UNITS);
	}
}

/* ---- all at random --------------------------------------------------------------------------- */

static void test_again(struct hv_test *t, gconstpointer data)
{
	(void)data;
	for (unsigned int i = 0; i < 50; i++) {
		hv_saved_random(t);
		g_autoptr(GBytes) bytes = hv_saved_move(t, true);
		g_autoptr(GBytes) again = hv_saved_take(t);
		g_assert_true(g_bytes_equal(bytes, again));
		hv_set_paused(t->hv, false);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define BY_TSC(name, fn) \
	g_test_add("/hv/state/tsc/" name, struct hv_test, NULL, setup, fn, teardown)
#define BY_CLOCK(name, fn) \
	g_test_add("/hv/state/clock/" name, struct hv_test, (gpointer)1, setup, fn, teardown)
	BY_TSC("registers", test_registers);
	BY_CLOCK("registers", test_registers);
	BY_TSC("runtime", test_runtime);
	BY_TSC("timers", test_timers);
	BY_CLOCK("timers", test_timers);
	BY_TSC("messages", test_messages);
	BY_TSC("paused", test_paused);
	BY_TSC("auto-eoi", test_auto_eoi);
	BY_TSC("page-stays", test_page_stays);
	BY_TSC("page-anew", test_page_anew);
	BY_CLOCK("clock", test_clock);
	BY_TSC("frequency", test_frequency);
	BY_TSC("again", test_again);
	BY_CLOCK("again", test_again);
	return g_test_run();
}
