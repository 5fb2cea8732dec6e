/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of org.vmms1.Manager on the host itself; handlers of its vtable. */
#ifndef BUS_HOST_H
#define BUS_HOST_H

#include "service.h"

int bus_host_describe(sd_bus_message *call, void *userdata, sd_bus_error *out);
int bus_host_set_power(sd_bus_message *call, void *userdata, sd_bus_error *out);
int bus_host_set_launch(sd_bus_message *call, void *userdata, sd_bus_error *out);
/* Whoever waits for an answer gets none. */
void bus_host_cancel(struct service *service);

#endif
