/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_interface.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

struct guest_interface {
	struct guest_interface_config config;
	struct hv *hv;
};

/* ---- the clock ------------------------------------------------------------------------------- */

struct interface_timer {
	const struct device_clock *clock;
	struct device_timer *timer;
};

static uint64_t interface_monotonic_ns(void *context)
{
	const struct device_clock *clock = context;

	return clock->monotonic_ns(clock->context);
}

static void *interface_timer_new(void *context, void (*expired)(void *owner), void *owner)
{
	const struct device_clock *clock = context;
	struct interface_timer *timer = g_new(struct interface_timer, 1);

	timer->clock = clock;
	timer->timer = clock->timer_new(clock->context, expired, owner);
	return timer;
}

static void interface_timer_arm(void *data, uint64_t monotonic_ns)
{
	const struct interface_timer *timer = data;

	timer->clock->timer_arm(timer->timer, monotonic_ns);
}

static void interface_timer_disarm(void *data)
{
	const struct interface_timer *timer = data;

	timer->clock->timer_disarm(timer->timer);
}

static void interface_timer_free(void *data)
{
	struct interface_timer *timer = data;

	if (timer)
		timer->clock->timer_free(timer->timer);
	g_free(timer);
}

/* ---- resets and crashes ---------------------------------------------------------------------- */

static void interface_on_reset(void *context)
{
	const struct guest_interface *interface = context;

	interface->config.request(interface->config.context, MACHINE_RESET, "Hyper-V reset MSR");
}

/* "Kernel panic - not syncing: ...", or BSD's "panic: ..."; not panic() in a trace of calls. */
static bool line_panics(const char *line, size_t size)
{
	return memmem(line, size, "panic - ", strlen("panic - ")) ||
	       memmem(line, size, "panic: ", strlen("panic: "));
}

const char *guest_interface_crash_line(const char *text, size_t text_size, size_t *size)
{
	const char *best = NULL, *end = text + text_size;
	bool best_panics = false;

	for (const char *line = text, *next; line < end; line = next) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((stop ? stop : end) - line);
		bool panics = line_panics(line, length);

		next = line + length + 1;
		/* An end of panic ("---[ end Kernel panic") tells the same once more. */
		if (length == 0 || (best_panics && !panics) ||
		    (best_panics && memmem(line, length, "---[ end", strlen("---[ end"))))
			continue;
		best = line;
		*size = length;
		best_panics = panics;
	}
	return best;
}

static void interface_on_crash(void *context, const struct hv_crash *crash)
{
	const struct guest_interface *interface = context;
	const uint64_t *p = crash->parameters;
	char detail[160];
	size_t size = 0;
	const char *line = guest_interface_crash_line(crash->text, crash->size, &size);

	snprintf(detail, sizeof(detail), "crash parameters %#llx %#llx %#llx %#llx %#llx",
		 (unsigned long long)p[0], (unsigned long long)p[1], (unsigned long long)p[2],
		 (unsigned long long)p[3], (unsigned long long)p[4]);
	interface->config.crashed(interface->config.context, line ? line : "", size, detail);
}

/* ---- birth and death ------------------------------------------------------------------------- */

struct guest_interface *guest_interface_new(const struct guest_interface_config *config)
{
	struct guest_interface *interface = g_new0(struct guest_interface, 1);
	const struct hv_config hv = {
		.vp_count = config->vp_count,
		.features = config->features ? *config->features : hv_features_default,
		.tsc_stable = partition_tsc_is_stable(),
		.clock =
			{
				.monotonic_ns = interface_monotonic_ns,
				.timer_new = interface_timer_new,
				.timer_arm = interface_timer_arm,
				.timer_disarm = interface_timer_disarm,
				.timer_free = interface_timer_free,
				.context = &interface->config.clock,
			},
		.reset = interface_on_reset,
		.crashed = interface_on_crash,
		.context = interface,
	};

	interface->config = *config;
	interface->hv = hv_new(&hv);
	return interface;
}

void guest_interface_free(struct guest_interface *interface)
{
	if (!interface)
		return;
	hv_free(interface->hv);
	g_free(interface);
}

struct hv *guest_interface_hv(struct guest_interface *interface)
{
	return interface->hv;
}
