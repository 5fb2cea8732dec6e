/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launch policy of the host: auto, or off, when VMs can be defined and edited and none is
 * started. What runs runs on.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include "service.h"

/* Reads what is stored. STORE. */
gboolean launch_load(struct service *service, GError **error);
/* "auto" or "off". INVALID_ARGUMENT, STORE. */
gboolean launch_set(struct service *service, const char *policy, GError **error);
/* WRONG_STATE, without the VM's name, while it is off. */
gboolean launch_check(const struct service *service, GError **error);
/* Static. */
const char *launch_name(const struct service *service);

#endif
