/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fake worker asks of the service. */
#ifndef FAKE_WORKER_HOST_H
#define FAKE_WORKER_HOST_H

#include <systemd/sd-bus.h>

/* Greets who serves the port of the host, as a guest might; then the call is answered. */
int fake_greet_host(sd_bus_message *call, const char *port);

#endif
