/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every halt, with and without a panic, under every policy. */
#include <glib.h>
#include <string.h>

#include "verdict.h"

#define SECOND 1000000000ull

struct expectation {
	enum engine_halt_what what;
	enum vm_policy on_reboot, on_crash;
	enum result_how how;
	bool panicked, restart, crashed;
};

#define RESTART VM_POLICY_RESTART
#define STOP	VM_POLICY_STOP
#define OFF	ENGINE_HALT_POWER_OFF
#define RESET	ENGINE_HALT_RESET
#define FAULT	ENGINE_HALT_TRIPLE_FAULT
#define BROKEN	ENGINE_HALT_BROKEN

static const struct expectation table[] = {
	/* what, onReboot, onCrash, how it is called, panicked -> restart, crashed */
	{OFF, RESTART, STOP, RESULT_HOW_POWER_OFF, false, false, false},
	{OFF, RESTART, RESTART, RESULT_HOW_POWER_OFF, false, false, false},
	{OFF, RESTART, STOP, RESULT_HOW_PANIC, true, false, true},
	{OFF, STOP, RESTART, RESULT_HOW_PANIC, true, true, true},
	{RESET, RESTART, STOP, RESULT_HOW_RESET, false, true, false},
	{RESET, STOP, RESTART, RESULT_HOW_RESET, false, false, false},
	{RESET, RESTART, STOP, RESULT_HOW_PANIC, true, false, true},
	{RESET, STOP, RESTART, RESULT_HOW_PANIC, true, true, true},
	{FAULT, RESTART, STOP, RESULT_HOW_TRIPLE_FAULT, false, false, true},
	{FAULT, STOP, RESTART, RESULT_HOW_TRIPLE_FAULT, false, true, true},
	{FAULT, RESTART, STOP, RESULT_HOW_PANIC, true, false, true},
	{FAULT, STOP, RESTART, RESULT_HOW_PANIC, true, true, true},
	{BROKEN, RESTART, RESTART, RESULT_HOW_ERROR, false, false, true},
	{BROKEN, RESTART, RESTART, RESULT_HOW_ERROR, true, false, true},
};

static void test_table(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		const struct expectation *e = &table[i];
		const struct vm_definition definition = {.on_reboot = e->on_reboot,
							 .on_crash = e->on_crash};
		const struct engine_halt halt = {.what = e->what, .vp = 3, .detail = "the detail"};
		struct verdict_history history = {0};
		struct verdict verdict;

		verdict_reach(&definition, &history, &halt, e->panicked ? "Kernel panic" : NULL,
			      SECOND, &verdict);
		g_assert_cmpint(verdict.restart, ==, e->restart);
		g_assert_cmpint(verdict.result.crashed, ==, e->crashed);
		g_assert_cmpint(verdict.result.how, ==, e->how);
		g_assert_cmpstr(verdict.event, ==, e->crashed ? "crash" : "reset");
		g_assert_nonnull(strstr(verdict.result.reason,
					verdict.result.how == RESULT_HOW_PANIC ? "Kernel panic"
									       : "the detail"));
		g_free(verdict.result.reason);
	}
}

/* How many of n resets, `apart` after each other, restart the guest. */
static unsigned int restarts(unsigned int n, uint64_t apart, char **last)
{
	const struct vm_definition definition = {.on_reboot = RESTART};
	const struct engine_halt halt = {.what = RESET, .detail = "port"};
	struct verdict_history history = {0};
	unsigned int restarted = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct verdict verdict;
		verdict_reach(&definition, &history, &halt, NULL, 5 * SECOND + i * apart, &verdict);
		restarted += verdict.restart;
		g_free(*last);
		*last = verdict.result.reason;
		if (!verdict.restart) {
			g_assert_true(verdict.result.crashed);
			break;
		}
	}
	return restarted;
}

static void test_storm(void)
{
	g_autofree char *last = NULL;

	g_assert_cmpuint(restarts(100, 0, &last), ==, 10);
	g_assert_nonnull(strstr(last, "resets in a loop"));
	g_assert_nonnull(strstr(last, "port"));
	g_assert_cmpuint(restarts(100, SECOND / 2, &last), ==, 10);
	g_assert_cmpuint(restarts(100, SECOND, &last), ==, 100);
	g_assert_cmpuint(restarts(10, 1, &last), ==, 10);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/verdict/table", test_table);
	g_test_add_func("/worker/verdict/storm", test_storm);
	return g_test_run();
}
