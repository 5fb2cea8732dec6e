/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a worker says of its guest, as the member "guest" of a description (docs/json.md). */
#ifndef GUEST_INFO_H
#define GUEST_INFO_H

#include <json-c/json.h>
#include <systemd/sd-bus.h>

/* Of a reply to Worker.GetGuest. Much of it comes from the guest: what is too long or too much is
 * left out. NULL when it is no such reply. json_object_put. */
struct json_object *guest_info_read(sd_bus_message *reply);

#endif
