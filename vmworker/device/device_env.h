/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an emulated device needs of the world above it, as callbacks, so that the models are tested
 * without KVM, threads or clocks. The structures are copied at birth; their contexts are borrowed
 * and must outlive the device.
 */
#ifndef DEVICE_ENV_H
#define DEVICE_ENV_H

#include <stdbool.h>
#include <stdint.h>

/* An interrupt line. Called with the device's lock held; must not call back into the device. */
struct irq_line {
	void (*set)(void *context, bool level);
	void *context;
};

/* Clocks and one-shot timers. Readings, timer_arm and timer_disarm: any thread, also with a
 * device's lock held, so they must not call back into the device. timer_new and timer_free: main
 * thread. Arming again replaces the deadline; a callback may still come late after timer_disarm
 * (devices look at their own state), but none comes after timer_free. */
struct device_timer;
struct device_clock {
	uint64_t (*monotonic_ns)(void *context);
	int64_t (*realtime_ns)(void *context); /* since the epoch, UTC */
	/* The callback runs on the worker's main thread, never from within timer_arm. */
	struct device_timer *(*timer_new)(void *context, void (*expired)(void *device),
					  void *device);
	void (*timer_arm)(struct device_timer *timer, uint64_t monotonic_ns);
	void (*timer_disarm)(struct device_timer *timer);
	void (*timer_free)(struct device_timer *timer); /* NULL is fine */
	void *context;
};

/* What the guest asked of the machine as a whole. */
enum machine_request { MACHINE_POWER_OFF, MACHINE_RESET };

struct machine_requests {
	/* `how` is a static phrase: "ACPI S5", "ACPI reset register", "keyboard controller", "port
	 * 0xcf9". Any VP thread; must return at once (the VP is stopped afterwards). */
	void (*request)(void *context, enum machine_request request, const char *how);
	void *context;
};

#endif
