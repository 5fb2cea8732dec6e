/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the worker share: worker.c has its life, worker_devices.c and worker_guest.c
 * pass on what is asked of its engine. */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include "clock_watch.h"
#include "definition_read.h"
#include "verdict.h"
#include "worker.h"

struct worker {
	struct worker_config config;
	enum worker_state state;
	uint64_t started_us;
	sd_event_source *start_timer;	 /* while idle */
	struct clock_watch *clock_watch; /* from Start on; NULL when there could be none */
	/* From Start on: */
	struct vm_definition *definition;
	struct start_files files;
	const struct engine_ops *ops;
	struct engine *engine;
	struct verdict_history history;
	char *panic_line; /* the guest's, since it last began */
};

/* Whether there is a machine, running or paused. */
gboolean worker_check_up(const struct worker *worker, GError **error);

#endif
