/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that come to the fake worker and go. A disk is kept open as descriptor 400 + its LUN,
 * what keeps its server as 800 + its LUN, queue Q of the last adapter as 600 + Q. Behaviours:
 * refuse-plug, forget-plug (there is no such device), die-in-plug, hang-in-plug, and late-plug and
 * late-refusal, which answer when nobody waits any more, and do nothing.
 */
#ifndef FAKE_WORKER_PLUG_H
#define FAKE_WORKER_PLUG_H

#include <systemd/sd-bus.h>

int fake_attach(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_detach_disk(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_refresh_disk(sd_bus_message *call, void *userdata, sd_bus_error *error);
int fake_detach_nic(sd_bus_message *call, void *userdata, sd_bus_error *error);

#endif
