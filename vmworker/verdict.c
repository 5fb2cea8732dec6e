/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verdict.h"

#include <glib.h>

static char *halt_reason(const struct engine_halt *halt)
{
	switch (halt->what) {
	case ENGINE_HALT_POWER_OFF:
		return g_strdup_printf("the guest powered off (%s)", halt->detail);
	case ENGINE_HALT_RESET:
		return g_strdup_printf("the guest reset itself (%s)", halt->detail);
	case ENGINE_HALT_TRIPLE_FAULT:
		return g_strdup_printf("VP %u triple-faulted (%s)", halt->vp, halt->detail);
	case ENGINE_HALT_BROKEN:
		break;
	}
	return g_strdup_printf("VP %u cannot go on (%s)", halt->vp, halt->detail);
}

static void result_judge(const struct engine_halt *halt, const char *panic_line, struct result *ret)
{
	static const enum result_how hows[] = {
		[ENGINE_HALT_POWER_OFF] = RESULT_HOW_POWER_OFF,
		[ENGINE_HALT_RESET] = RESULT_HOW_RESET,
		[ENGINE_HALT_TRIPLE_FAULT] = RESULT_HOW_TRIPLE_FAULT,
		[ENGINE_HALT_BROKEN] = RESULT_HOW_ERROR,
	};

	/* A guest that panics resets, powers off or triple-faults by its own panic= setting. What
	 * the hypervisor could not run is reported as that, whatever was printed before. */
	if (panic_line && halt->what != ENGINE_HALT_BROKEN) {
		ret->crashed = true;
		ret->how = RESULT_HOW_PANIC;
		ret->reason = g_strdup_printf("the guest panicked: %s", panic_line);
		return;
	}
	ret->crashed = halt->what == ENGINE_HALT_TRIPLE_FAULT || halt->what == ENGINE_HALT_BROKEN;
	ret->how = hows[halt->what];
	ret->reason = halt_reason(halt);
}

/* Notes a restart; true when it is one too many. */
static bool history_is_storm(struct verdict_history *history, uint64_t now_ns)
{
	bool storm = history->count == VERDICT_STORM_RESTARTS &&
		     now_ns - history->restarted_ns[history->next] < VERDICT_STORM_WINDOW_NS;

	history->restarted_ns[history->next] = now_ns;
	history->next = (history->next + 1) % VERDICT_STORM_RESTARTS;
	if (history->count < VERDICT_STORM_RESTARTS)
		history->count++;
	return storm;
}

void verdict_reach(const struct vm_definition *definition, struct verdict_history *history,
		   const struct engine_halt *halt, const char *panic_line, uint64_t now_ns,
		   struct verdict *ret)
{
	*ret = (struct verdict){0};
	result_judge(halt, panic_line, &ret->result);
	ret->event = ret->result.crashed ? "crash" : "reset";
	if (halt->what == ENGINE_HALT_BROKEN ||
	    (halt->what == ENGINE_HALT_POWER_OFF && !ret->result.crashed))
		return;

	enum vm_policy policy = ret->result.crashed ? definition->on_crash : definition->on_reboot;
	if (policy == VM_POLICY_STOP)
		return;
	if (!history_is_storm(history, now_ns)) {
		ret->restart = true;
		return;
	}
	char *last = ret->result.reason;
	ret->result.reason =
		g_strdup_printf("the guest resets in a loop, more than %u times in %u s; last: %s",
				VERDICT_STORM_RESTARTS,
				(unsigned int)(VERDICT_STORM_WINDOW_NS / 1000000000u), last);
	ret->result.crashed = true;
	g_free(last);
}
