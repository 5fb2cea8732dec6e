/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread whose guest gives it as much work as it takes: so much eagerly, so much patiently. */
#include <glib.h>

#include "io_pace.h"

#define MS	 UINT64_C(1000000)
#define SECOND	 (1000 * MS)
#define BLOCK	 4096u
#define PER_WAKE 4u /* requests that a patient turn finds */

struct model {
	struct io_pace pace;
	uint64_t now;
	unsigned int eager, patient; /* requests per second */
	uint64_t time[2];	     /* ns in each way, since it was cleared */
	unsigned int changes;
};

static void run(struct model *m, uint64_t span)
{
	uint64_t end = m->now + span;

	while (m->now < end) {
		unsigned int rate = m->pace.patient ? m->patient : m->eager;
		unsigned int n = m->pace.patient ? PER_WAKE : 1;
		uint64_t took = n * SECOND / rate;

		m->time[m->pace.patient] += took;
		m->now += took;
		while (n-- > 0)
			io_pace_work(&m->pace, BLOCK);
		m->changes += io_pace_turn(&m->pace, m->now);
	}
}

static struct model model(unsigned int eager, unsigned int patient)
{
	return (struct model){.now = SECOND, .eager = eager, .patient = patient};
}

static void clear(struct model *m)
{
	m->time[0] = m->time[1] = 0;
	m->changes = 0;
}

/* Percent of the time. */
static unsigned int share_patient(const struct model *m)
{
	uint64_t all = m->time[0] + m->time[1];

	return all ? (unsigned int)(m->time[1] * 100 / all) : 100;
}

static void test_one_by_one(void)
{
	struct model m = model(2000, 1300);

	run(&m, 20 * SECOND);
	clear(&m);
	run(&m, 60 * SECOND);
	g_assert_false(m.pace.patient && !m.pace.trial);
	g_assert_cmpuint(share_patient(&m), <=, 1);
	g_assert_cmpuint(m.changes, >, 2); /* it goes on trying */
}

static void test_bulk(void)
{
	struct model m = model(2000, 10000);

	run(&m, SECOND / 2);
	clear(&m);
	run(&m, 60 * SECOND);
	g_assert_cmpuint(share_patient(&m), >=, 98);
	g_assert_cmpuint(m.changes, >, 2);
}

static void test_no_better(void)
{
	struct model m = model(5000, 5500);

	run(&m, 20 * SECOND);
	clear(&m);
	run(&m, 20 * SECOND);
	g_assert_cmpuint(share_patient(&m), <=, 2);
}

static void test_other_work(void)
{
	struct model m = model(2000, 10000);

	run(&m, 30 * SECOND);
	g_assert_true(m.pace.patient != m.pace.trial);
	m.patient = 1300;
	run(&m, SECOND / 2);
	g_assert_false(m.pace.patient);
	m.patient = 10000;
	m.eager = 500;
	run(&m, SECOND / 2);
	g_assert_true(m.pace.patient);
}

static void test_starved(void)
{
	struct model m = model(20000, 1000);
	uint64_t longest = 0, began = 0;

	/* Others keep the CPU for 4 ms whenever it is patient. */
	while (m.now < 10 * SECOND) {
		bool was = m.pace.patient;

		run(&m, 1);
		if (!was && m.pace.patient)
			began = m.now;
		if (was && !m.pace.patient)
			longest = MAX(longest, m.now - began);
	}
	g_assert_cmpuint(longest, >, 0);
	g_assert_cmpuint(longest, <=, 15 * MS);
}

static void test_pause(void)
{
	struct model m = model(2000, 10000);

	run(&m, 5 * SECOND);
	g_assert_true(m.pace.patient);
	m.now += SECOND;
	io_pace_work(&m.pace, BLOCK);
	g_assert_true(io_pace_turn(&m.pace, m.now));
	g_assert_false(m.pace.patient);
}

static void test_little(void)
{
	struct model m = model(200, 2000);

	run(&m, 20 * SECOND);
	g_assert_cmpuint(m.changes, ==, 0);
}

static void test_nothing(void)
{
	struct io_pace pace = {0};

	for (uint64_t now = 1; now < 10 * SECOND; now += MS)
		g_assert_false(io_pace_turn(&pace, now));
	g_assert_cmpuint(pace.begun, ==, 0);
}

static void test_any_rates(void)
{
	for (unsigned int i = 0; i < 40; i++) {
		unsigned int worse = (unsigned int)g_test_rand_int_range(500, 10000);
		unsigned int better = worse / 2 * 3;
		bool patient = g_test_rand_bit();
		struct model m = patient ? model(worse, better) : model(better, worse);

		run(&m, 20 * SECOND);
		clear(&m);
		run(&m, 10 * SECOND);
		if (patient)
			g_assert_cmpuint(share_patient(&m), >=, 95);
		else
			g_assert_cmpuint(share_patient(&m), <=, 5);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/io/pace/one-by-one", test_one_by_one);
	g_test_add_func("/io/pace/bulk", test_bulk);
	g_test_add_func("/io/pace/no-better", test_no_better);
	g_test_add_func("/io/pace/other-work", test_other_work);
	g_test_add_func("/io/pace/starved", test_starved);
	g_test_add_func("/io/pace/pause", test_pause);
	g_test_add_func("/io/pace/little", test_little);
	g_test_add_func("/io/pace/nothing", test_nothing);
	g_test_add_func("/io/pace/any-rates", test_any_rates);
	return g_test_run();
}
