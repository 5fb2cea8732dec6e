/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of org.vmms1.Worker that the guest has a part in; userdata is the worker. */
#ifndef CONTROL_GUEST_H
#define CONTROL_GUEST_H

#include <systemd/sd-bus.h>

int control_get_guest(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_type(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_set_pair(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_delete_pair(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
/* The reply comes when the file is there; until then the caller hears CopyProgress. */
int control_copy(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_freeze(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_thaw(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
/* The reply comes when the guest has agreed. */
int control_reboot(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_hibernate(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int control_cancel_copy(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);

#endif
