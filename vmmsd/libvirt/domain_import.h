/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's domain XML -> a definition. docs/vmms-libvirt.7 has the table. Pure; any thread.
 */
#ifndef DOMAIN_IMPORT_H
#define DOMAIN_IMPORT_H

#include <glib.h>

/* What is given elsewhere, in place of what the domain has. */
enum domain_given {
	DOMAIN_GIVEN_KERNEL = 1,
	DOMAIN_GIVEN_CMDLINE = 2,
	DOMAIN_GIVEN_TRANSLATE = 4, /* the engine */
	DOMAIN_GIVEN_ENGINE = 8,    /* another */
};

/*
 * The JSON of a definition (which vmmsd checks: values are taken over, not judged), g_free. given
 * is of enum domain_given. notes gets a sentence for each element and attribute that was not taken
 * over: "/domain/devices/video: ...". NULL: XML_TREE_ERROR, INVALID for XML that is wrong and
 * NOT_SUPPORTED for a domain that would be another machine here.
 */
char *domain_import(const char *xml, size_t size, unsigned given, GPtrArray *notes, GError **error);

#endif
