/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine's clocks and timers (device_env.h) on one timerfd in the main thread's event loop.
 * Devices arm and disarm from VP threads: the list is under a lock and the kernel's timer is set by
 * whoever brings the first deadline forward, so nothing is handed over between threads.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <glib.h>
#include <systemd/sd-event.h>

#include "device_env.h"

struct clock;

struct clock *clock_new(sd_event *event, GError **error);
/* Every timer must be freed before. Main thread. NULL is fine. */
void clock_free(struct clock *clock);

/*
 * For the devices. timer_arm and timer_disarm: any thread; an expiry that already began may still
 * run after timer_disarm. timer_new and timer_free: main thread, and after timer_free no callback
 * runs.
 */
struct device_clock clock_device_clock(struct clock *clock);

#endif
