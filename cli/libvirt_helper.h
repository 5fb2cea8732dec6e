/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmms-libvirt, which knows libvirt's XML: hvctl itself loads no library for it. */
#ifndef LIBVIRT_HELPER_H
#define LIBVIRT_HELPER_H

#include "cli.h"

#include <json-c/json.h>

/*
 * The definition of a domain: `from` is a file ("-": standard input) or else, or when there is a
 * uri, the name of a domain that libvirt knows. given is what takes the place of the domain's:
 * "none", followed by ",kernel", ",cmdline", and ",translate" or, for another engine, ",engine".
 * What was not taken over is on standard error.
 * json_object_put; NULL after reporting with *exit_code.
 */
struct json_object *libvirt_import(const char *from, const char *uri, const char *given,
				   int *exit_code);
/* Writes a definition's XML to standard output. The exit code, after reporting. */
int libvirt_export(const char *definition);

#endif
