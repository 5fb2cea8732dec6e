/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenConsole: passed on to the worker, or served from the scroll-back file of a VM that is off. */
#ifndef BUS_CONSOLE_H
#define BUS_CONSOLE_H

#include <systemd/sd-bus.h>

#include "service.h"

/* Answers the call later, or FALSE and an error for the caller to answer with. */
gboolean bus_console_open(sd_bus_message *call, struct service *service, struct vm *vm,
			  uint32_t port, uint32_t flags, GError **error);

#endif
