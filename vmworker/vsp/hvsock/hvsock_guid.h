/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports as GUIDs: <port>-facb-11e6-bd58-64006a7986d3. Pure, but for the random one. */
#ifndef HVSOCK_GUID_H
#define HVSOCK_GUID_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus.h"

#define HVSOCK_PORT_MAX 0x7fffffffu /* that somebody may listen on */

struct vmbus_guid hvsock_guid_of_port(uint32_t port);
/* False: it is no port's. */
bool hvsock_guid_port(const struct vmbus_guid *guid, uint32_t *port);
struct vmbus_guid hvsock_guid_random(void);

#endif
