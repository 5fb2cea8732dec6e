/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VirtualMachine.GetStatistics: asks the worker, and adds what the kernel counts. */
#ifndef BUS_STATS_H
#define BUS_STATS_H

#include <glib.h>
#include <systemd/sd-bus.h>

#include "service.h"

/* Answers the call later. FALSE: it is not answered; WRONG_STATE for a VM that does not run. */
gboolean bus_stats_get(sd_bus_message *call, struct service *service, const struct vm *vm,
		       GError **error);

#endif
