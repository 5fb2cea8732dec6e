/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The counters of a VM that runs (docs/json.md, "stats"): the worker's and the kernel's. */
#ifndef SCHED_STATS_H
#define SCHED_STATS_H

#include <glib.h>
#include <systemd/sd-bus.h>

#include "vm.h"

struct sched;

/* reply is the worker's to GetStatistics, a{st}. g_free; NULL and WORKER when it makes no sense. */
char *sched_stats_describe(struct sched *sched, const struct vm *vm, sd_bus_message *reply,
			   GError **error);

#endif
