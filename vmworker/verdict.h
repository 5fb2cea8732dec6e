/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a VM whose guest stopped by itself: the policies of its definition applied to
 * what the engine saw. Pure, but for the history that guards against a guest that resets for ever.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "definition_read.h"
#include "engine.h"
#include "result.h"

/* More restarts than this within the window are a storm. */
#define VERDICT_STORM_RESTARTS	10u
#define VERDICT_STORM_WINDOW_NS 10000000000ull

/* Zeroed at birth. */
struct verdict_history {
	uint64_t restarted_ns[VERDICT_STORM_RESTARTS]; /* a ring, the oldest at `next` */
	uint32_t next;
	uint32_t count;
};

struct verdict {
	bool restart;
	const char *event;    /* GuestEvent on restart: "reset" or "crash"; static */
	struct result result; /* the reason is also the event's detail; g_free(result.reason) */
};

/* panic_line is the last panic message seen on the console since the guest (re)started, or NULL. */
void verdict_reach(const struct vm_definition *definition, struct verdict_history *history,
		   const struct engine_halt *halt, const char *panic_line, uint64_t now_ns,
		   struct verdict *ret);

#endif
