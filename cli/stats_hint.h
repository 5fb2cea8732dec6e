/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the counters of a VM mean, in sentences. Pure. */
#ifndef STATS_HINT_H
#define STATS_HINT_H

#include <json-c/json.h>

/* Appends to `hints`, an array of strings, what of `document` (docs/json.md, "stats") is worth one.
 */
void stats_hints_add(struct json_object *document, struct json_object *hints);

#endif
