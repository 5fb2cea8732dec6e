/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of org.vmms1.Worker for devices that come and go; userdata is the worker. */
#ifndef CONTROL_PLUG_H
#define CONTROL_PLUG_H

#include <systemd/sd-bus.h>

int control_attach(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_detach_disk(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_suspend_disk(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_refresh_disk(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_detach_nic(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);

#endif
