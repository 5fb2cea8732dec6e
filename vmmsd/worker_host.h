/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a worker asks of the service (org.vmms1.WorkerHost). */
#ifndef WORKER_HOST_H
#define WORKER_HOST_H

#include <systemd/sd-bus.h>

/*
 * Answers a message of a worker's link if it is such a call; 0: it is none. directory:
 * RUNTIME/<uuid>. Does not wait.
 */
int worker_host_answer(sd_bus_message *message, int directory);

#endif
