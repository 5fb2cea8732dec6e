/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine direct on the fake hypervisor with the tiny guest, and what it reports. */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include "engine.h"

#define WAIT_MS 10000

struct vp;

struct fixture {
	sd_event *event;
	struct engine_config config;
	const struct engine_ops *ops;
	unsigned int halts, panics, disk_stops;
	struct engine_halt halt; /* the last one */
	char *line;		 /* the last panic's, or stopped disk's */
};

/* Everything but the engine, which the test builds and frees. */
void engine_fixture_init(struct fixture *f);
/* Nothing of the hypervisor may be left. */
void engine_fixture_clear(struct fixture *f);

/* A file in memory with that in it. */
int memory_file(const void *data, size_t size);
struct engine *engine_built(struct fixture *f);
/* On its first console, while it runs. */
void guest_says(struct vp *vp, const char *text);
/* Runs the loop until a counter of the fixture has reached goal. */
void events_until(struct fixture *f, const unsigned int *counter, unsigned int goal);
/* A statistic, of which there is exactly one of that name. */
uint64_t counter_value(struct fixture *f, struct engine *engine, const char *name);

#endif
