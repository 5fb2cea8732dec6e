/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A definition -> libvirt's domain XML. docs/vmms-libvirt.7 has the table. Pure; any thread. */
#ifndef DOMAIN_EXPORT_H
#define DOMAIN_EXPORT_H

#include <glib.h>

/*
 * What libvirt has no word for is kept in metadata, so that domain_import() gives the same
 * definition again. g_free; NULL and SERVICE_ERROR INVALID_DEFINITION: not a definition, or it has
 * a character that XML cannot have.
 */
char *domain_export(const char *definition, GError **error);

#endif
