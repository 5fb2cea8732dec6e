/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs `vmworker --probe`, the only look at /dev/kvm, and `vmworker-translate --probe`, and gives
 * their answers to the host. */
#ifndef WORKER_PROBE_H
#define WORKER_PROBE_H

#include "service.h"

/* done is called once, when the host knows: later, or at once when the worker cannot be run. Runs
 * of the same time share one probe. */
void worker_probe_run(struct service *service, void (*done)(void *context), void *context);
/* done is not called for this context any more. */
void worker_probe_forget(struct service *service, const void *context);
/* Ends a probe that runs and forgets who waits. */
void worker_probe_cancel(struct service *service);

#endif
