/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in force for a VM that runs: the part of "show" that the definition does not say. */
#ifndef SCHED_STATE_H
#define SCHED_STATE_H

#include <glib.h>
#include <stdint.h>

struct sched_state {
	uint32_t cpu_weight;   /* of its cgroup; 0: none can be set here */
	gboolean idle;	       /* it takes idle time only; then cpu_weight is 0 */
	char *cpus;	       /* "0-3": where it may run now */
	const char *mechanism; /* "systemd", "cgroup" or "affinity"; static */
	char *note;	       /* what could not be done here and why, or "" */
	char **hints;	       /* never NULL */
};

/* NULL is fine. */
static inline void sched_state_free(struct sched_state *state)
{
	if (!state)
		return;
	g_free(state->cpus);
	g_free(state->note);
	g_strfreev(state->hints);
	g_free(state);
}

#endif
