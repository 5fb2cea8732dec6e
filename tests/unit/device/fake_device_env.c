/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_device_env.h"

#include <glib.h>

static void fake_irq_set(void *context, bool level)
{
	struct fake_env *env = context;

	if (level == env->level)
		g_error("an interrupt line was set to the level that it had");
	env->level = level;
	env->raised += level;
}

static uint64_t fake_monotonic_ns(void *context)
{
	return ((struct fake_env *)context)->monotonic_ns;
}

static int64_t fake_realtime_ns(void *context)
{
	return ((struct fake_env *)context)->realtime_ns;
}

static struct device_timer *fake_timer_new(void *context, void (*expired)(void *device),
					   void *device)
{
	struct fake_env *env = context;

	for (unsigned int i = 0; i < FAKE_TIMERS; i++) {
		if (env->timers[i].used)
			continue;
		env->timers[i] = (struct fake_timer){
			.env = env, .expired = expired, .device = device, .used = true};
		return (struct device_timer *)&env->timers[i];
	}
	g_error("out of timers");
}

static void fake_timer_arm(struct device_timer *device_timer, uint64_t monotonic_ns)
{
	struct fake_timer *timer = (struct fake_timer *)device_timer;

	timer->armed = true;
	timer->deadline = monotonic_ns;
}

static void fake_timer_disarm(struct device_timer *device_timer)
{
	((struct fake_timer *)device_timer)->armed = false;
}

static void fake_timer_free(struct device_timer *device_timer)
{
	if (device_timer)
		((struct fake_timer *)device_timer)->used = false;
}

static void fake_request(void *context, enum machine_request request, const char *how)
{
	struct fake_env *env = context;

	if (request == MACHINE_POWER_OFF)
		env->power_offs++;
	else
		env->resets++;
	env->how = how;
}

void fake_env_init(struct fake_env *env, int64_t realtime_seconds)
{
	*env = (struct fake_env){.monotonic_ns = 123456789,
				 .realtime_ns = realtime_seconds * 1000000000};
}

struct irq_line fake_env_irq(struct fake_env *env)
{
	return (struct irq_line){.set = fake_irq_set, .context = env};
}

struct device_clock fake_env_clock(struct fake_env *env)
{
	return (struct device_clock){
		.monotonic_ns = fake_monotonic_ns,
		.realtime_ns = fake_realtime_ns,
		.timer_new = fake_timer_new,
		.timer_arm = fake_timer_arm,
		.timer_disarm = fake_timer_disarm,
		.timer_free = fake_timer_free,
		.context = env,
	};
}

struct machine_requests fake_env_requests(struct fake_env *env)
{
	return (struct machine_requests){.request = fake_request, .context = env};
}

static struct fake_timer *fake_env_next(struct fake_env *env, uint64_t until)
{
	struct fake_timer *next = NULL;

	for (unsigned int i = 0; i < FAKE_TIMERS; i++) {
		struct fake_timer *timer = &env->timers[i];

		if (timer->used && timer->armed && timer->deadline <= until &&
		    (!next || timer->deadline < next->deadline))
			next = timer;
	}
	return next;
}

static void fake_env_move(struct fake_env *env, uint64_t to)
{
	if (to <= env->monotonic_ns)
		return;
	env->realtime_ns += (int64_t)(to - env->monotonic_ns);
	env->monotonic_ns = to;
}

void fake_env_advance(struct fake_env *env, uint64_t ns)
{
	uint64_t until = env->monotonic_ns + ns;
	struct fake_timer *timer;

	while ((timer = fake_env_next(env, until))) {
		fake_env_move(env, timer->deadline);
		timer->armed = false;
		timer->expired(timer->device);
	}
	fake_env_move(env, until);
}

unsigned int fake_env_armed(const struct fake_env *env)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_TIMERS; i++)
		n += env->timers[i].used && env->timers[i].armed;
	return n;
}
