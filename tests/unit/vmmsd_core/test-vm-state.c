/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every pair of state and event, written down a second time as it should be. */
#include <glib.h>

#include "vm_state.h"

/*
 * One line per state, one column per event: the next state, or "." where the event is refused.
 * o off, s starting, r running, P pausing, p paused, v saving, V saved, R restoring, x stopping,
 * c crashed.
 */
static const char letters[] = "osrPpvVRxc";

static const struct {
	char state;
	/* start, started, start-failed, shutdown, stop, pause, paused, resume, resume-failed,
	 * reset, save, saved, save-failed, discard, ended, crashed, edit, delete */
	const char *next;
} expected[] = {
	{'o', "s...............oo"}, {'s', ".ro.x.........oc.."}, {'r', "...rxP...rv...oc.."},
	{'P', "....x.p.r.....oc.."}, {'p', "....x..r.rv...oc.."}, {'v', "....x.p....Vr.oc.."},
	{'V', "R............o...V"}, {'R', ".rV.x.........oc.."}, {'x', "....x......V..oc.."},
	{'c', "s...............cc"},
};

static void test_table(void)
{
	g_assert_cmpuint(G_N_ELEMENTS(expected), ==, VM_STATE_N);
	for (unsigned state = 0; state < VM_STATE_N; state++) {
		g_assert_cmpint(expected[state].state, ==, letters[state]);
		for (unsigned event = 0; event < VM_EVENT_N; event++) {
			enum vm_state next = VM_STATE_N;
			bool allowed = vm_state_next(state, event, &next);
			char got = allowed ? letters[next] : '.';
			if (got != expected[state].next[event])
				g_error("%s + %s: got %c, expected %c", vm_state_name(state),
					vm_event_name(event), got, expected[state].next[event]);
			/* A refused event leaves *next alone. */
			if (!allowed)
				g_assert_cmpuint(next, ==, VM_STATE_N);
		}
		g_assert_cmpuint(strlen(expected[state].next), ==, VM_EVENT_N);
	}
}

static void test_out_of_range(void)
{
	enum vm_state next = VM_STATE_OFF;

	g_assert_false(vm_state_next(VM_STATE_N, VM_EVENT_START, &next));
	g_assert_false(vm_state_next(VM_STATE_OFF, VM_EVENT_N, &next));
	g_assert_false(vm_state_is_active(VM_STATE_N));
	g_assert_cmpstr(vm_state_name(VM_STATE_N), ==, "unknown");
	g_assert_cmpstr(vm_event_name(VM_EVENT_N), ==, "unknown");
}

static void test_active_states_can_be_left(void)
{
	static const enum vm_event always[] = {VM_EVENT_STOP, VM_EVENT_ENDED, VM_EVENT_CRASHED};

	for (unsigned state = 0; state < VM_STATE_N; state++) {
		for (size_t i = 0; i < G_N_ELEMENTS(always); i++) {
			enum vm_state next;
			g_assert_cmpint(vm_state_next(state, always[i], &next), ==,
					vm_state_is_active(state));
		}
	}
}

/* Only a start brings a worker into being; only a worker's end (of a failed start, or after a save)
 * takes it away. */
static void test_worker_comes_and_goes(void)
{
	for (unsigned state = 0; state < VM_STATE_N; state++) {
		for (unsigned event = 0; event < VM_EVENT_N; event++) {
			enum vm_state next;
			if (!vm_state_next(state, event, &next))
				continue;
			if (!vm_state_is_active(state) && vm_state_is_active(next))
				g_assert_cmpuint(event, ==, VM_EVENT_START);
			if (vm_state_is_active(state) && !vm_state_is_active(next))
				g_assert_true(
					event == VM_EVENT_ENDED || event == VM_EVENT_CRASHED ||
					event == VM_EVENT_SAVED || event == VM_EVENT_START_FAILED);
			if (event == VM_EVENT_EDIT || event == VM_EVENT_DELETE)
				g_assert_cmpuint(next, ==, state);
		}
	}
}

/* Whatever happens to a VM, it can be stopped, deleted or started again. */
static void test_no_dead_end(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);
	enum vm_state state = VM_STATE_OFF;
	unsigned visited = 0;

	for (unsigned i = 0; i < 100000; i++) {
		unsigned out = 0;
		enum vm_state next;
		for (unsigned event = 0; event < VM_EVENT_N; event++)
			out += vm_state_next(state, event, &next) && next != state;
		g_assert_cmpuint(out, >, 0);
		if (vm_state_next(state, (unsigned)g_rand_int_range(rand, 0, VM_EVENT_N), &next))
			state = next;
		visited |= 1u << state;
	}
	g_assert_cmpuint(visited, ==, (1u << VM_STATE_N) - 1);
}

static void test_names(void)
{
	for (unsigned state = 0; state < VM_STATE_N; state++) {
		enum vm_state back = VM_STATE_N;
		g_assert_true(vm_state_from_name(vm_state_name(state), &back));
		g_assert_cmpuint(back, ==, state);
		for (unsigned event = 0; event < VM_EVENT_N; event++)
			g_assert_cmpstr(vm_state_remedy(state, event), !=, NULL);
	}
	enum vm_state untouched = VM_STATE_PAUSED;
	g_assert_false(vm_state_from_name("Running", &untouched));
	g_assert_false(vm_state_from_name("", &untouched));
	g_assert_false(vm_state_from_name(NULL, &untouched));
	g_assert_cmpuint(untouched, ==, VM_STATE_PAUSED);
	for (unsigned event = 0; event < VM_EVENT_N; event++)
		for (unsigned other = 0; other < event; other++)
			g_assert_cmpstr(vm_event_name(event), !=, vm_event_name(other));
}

static void test_remedies(void)
{
	static const struct {
		enum vm_state state;
		enum vm_event event;
		const char *remedy;
	} cases[] = {
		{VM_STATE_RUNNING, VM_EVENT_START, "there is nothing to do, or reset it"},
		{VM_STATE_RUNNING, VM_EVENT_DELETE, "stop it first"},
		{VM_STATE_PAUSED, VM_EVENT_DELETE, "stop it first"},
		{VM_STATE_RUNNING, VM_EVENT_EDIT, "stop it first"},
		{VM_STATE_RUNNING, VM_EVENT_RESUME, "only a paused VM can be resumed"},
		{VM_STATE_OFF, VM_EVENT_STOP, "there is nothing to stop"},
		{VM_STATE_CRASHED, VM_EVENT_STOP, "there is nothing to stop"},
		{VM_STATE_OFF, VM_EVENT_PAUSE, "start it first"},
		{VM_STATE_PAUSED, VM_EVENT_PAUSE, "resume it first"},
		{VM_STATE_PAUSED, VM_EVENT_SHUTDOWN, "resume it first"},
		{VM_STATE_STOPPING, VM_EVENT_DELETE, "wait until it is off"},
		{VM_STATE_SAVED, VM_EVENT_STOP, "start it, or discard its saved state"},
		{VM_STATE_SAVED, VM_EVENT_SHUTDOWN, "start it, or discard its saved state"},
		{VM_STATE_SAVED, VM_EVENT_PAUSE, "start it, or discard its saved state"},
		{VM_STATE_SAVED, VM_EVENT_SAVE, "there is nothing to do"},
		{VM_STATE_SAVED, VM_EVENT_EDIT,
		 "discard its saved state, or start it and shut it down first"},
		{VM_STATE_OFF, VM_EVENT_SAVE, "start it first"},
		{VM_STATE_OFF, VM_EVENT_DISCARD, "there is no saved state"},
		{VM_STATE_RUNNING, VM_EVENT_DISCARD, "there is no saved state"},
		{VM_STATE_SAVING, VM_EVENT_DISCARD, "wait until it is saved"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpstr(vm_state_remedy(cases[i].state, cases[i].event), ==,
				cases[i].remedy);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vm-state/table", test_table);
	g_test_add_func("/vm-state/out-of-range", test_out_of_range);
	g_test_add_func("/vm-state/active-states-can-be-left", test_active_states_can_be_left);
	g_test_add_func("/vm-state/worker-comes-and-goes", test_worker_comes_and_goes);
	g_test_add_func("/vm-state/no-dead-end", test_no_dead_end);
	g_test_add_func("/vm-state/names", test_names);
	g_test_add_func("/vm-state/remedies", test_remedies);
	return g_test_run();
}
