/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hears when the host's clock jumps: it was set, or the host slept. */
#ifndef CLOCK_WATCH_H
#define CLOCK_WATCH_H

#include <systemd/sd-event.h>

struct clock_watch;

/* jumped is called from the event loop, as often as it happens. NULL when no timer can be had. */
struct clock_watch *clock_watch_new(sd_event *event, void (*jumped)(void *context), void *context);
void clock_watch_free(struct clock_watch *watch); /* NULL is fine */

#endif
