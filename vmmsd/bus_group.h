/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of org.vmms1.Manager on CPU groups; handlers of its vtable. */
#ifndef BUS_GROUP_H
#define BUS_GROUP_H

#include <systemd/sd-bus.h>

int bus_group_list(sd_bus_message *call, void *userdata, sd_bus_error *out);
int bus_group_define(sd_bus_message *call, void *userdata, sd_bus_error *out);
int bus_group_edit(sd_bus_message *call, void *userdata, sd_bus_error *out);
int bus_group_delete(sd_bus_message *call, void *userdata, sd_bus_error *out);

#endif
