/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host as `hvctl host` prints it for a person. */
#ifndef HOST_REPORT_H
#define HOST_REPORT_H

#include <json-c/json.h>
#include <stdio.h>

/* `host` is the document of docs/json.md, "host"; what is missing in it is printed as "-". */
void host_report_print(FILE *stream, struct json_object *host);

#endif
