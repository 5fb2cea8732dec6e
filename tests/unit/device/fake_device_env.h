/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device's world under the test's control: a clock that moves when told, one interrupt line, and
 * a note of what was asked of the machine. */
#ifndef FAKE_DEVICE_ENV_H
#define FAKE_DEVICE_ENV_H

#include "device_env.h"

#define FAKE_TIMERS 8u

struct fake_env;
struct fake_timer {
	struct fake_env *env;
	void (*expired)(void *device);
	void *device;
	uint64_t deadline;
	bool used, armed;
};

struct fake_env {
	uint64_t monotonic_ns;
	int64_t realtime_ns;
	struct fake_timer timers[FAKE_TIMERS];
	bool level;	     /* of the interrupt line */
	unsigned int raised; /* times that it went from low to high */
	unsigned int power_offs, resets;
	const char *how; /* of the last request */
};

void fake_env_init(struct fake_env *env, int64_t realtime_seconds);
struct irq_line fake_env_irq(struct fake_env *env);
struct device_clock fake_env_clock(struct fake_env *env);
struct machine_requests fake_env_requests(struct fake_env *env);

/* Moves both clocks, running the timers that expire on the way at their moments. */
void fake_env_advance(struct fake_env *env, uint64_t ns);
unsigned int fake_env_armed(const struct fake_env *env);

#endif
