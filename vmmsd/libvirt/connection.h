/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's daemon, asked once and read-only. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <glib.h>

#define LIBVIRT_ERROR (libvirt_error_quark())
enum libvirt_error { LIBVIRT_ERROR_FAILED };
GQuark libvirt_error_quark(void);

/*
 * The bridge of an active network. uri NULL: the host's own daemon, virtnetworkd or libvirtd.
 * Blocks for as long as the daemon does. g_free; NULL and one sentence.
 */
char *connection_bridge(const char *uri, const char *network, GError **error);

/* The XML of a domain as it is defined, whether it runs or not. As above; NULL: qemu:///system. */
char *connection_domain(const char *uri, const char *domain, GError **error);

#endif
