/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's own schema on a domain's XML. */
#ifndef VALIDATE_DOMAIN_H
#define VALIDATE_DOMAIN_H

#include <glib.h>

/* FALSE: virt-xml-validate is not installed, and the test is skipped. */
gboolean validate_domain_available(void);
/* Fails the test when it is not valid. */
void validate_domain(const char *xml);

#endif
