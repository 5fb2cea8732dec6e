/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bridge of a network of libvirt, which vmms-libvirt asks for: vmmsd does not link libvirt. */
#ifndef LIBVIRT_NETWORK_H
#define LIBVIRT_NETWORK_H

#include "service.h"
#include "subprocess.h"

/* Asks; the result is for libvirt_network_bridge. NULL and FAILED when it cannot be run. */
struct subprocess *libvirt_network_ask(const struct service *service, const char *network,
				       subprocess_done *done, void *context, GError **error);
/* g_free; NULL and FAILED: why there is none. */
char *libvirt_network_bridge(const struct subprocess_result *result, const char *network,
			     GError **error);

#endif
