/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells when the host's CPUs come or go, by what udev says of them. Where there is no udev it says
 * nothing: whoever has to know looks now and then as well. Main thread.
 */
#ifndef VMMS_CPU_WATCH_H
#define VMMS_CPU_WATCH_H

#include <systemd/sd-event.h>

struct cpu_watch;

/* changed: at least once after each change, possibly more often. NULL and errno: nobody tells. */
struct cpu_watch *cpu_watch_new(sd_event *event, void (*changed)(void *context), void *context);
void cpu_watch_free(struct cpu_watch *watch); /* NULL is fine */

#endif
