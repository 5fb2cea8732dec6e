/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who runs where: the host's logical CPUs, by socket and core, with the VMs on them. */
#ifndef PLACEMENT_MAP_H
#define PLACEMENT_MAP_H

#include <json-c/json.h>
#include <stdbool.h>

/* The map (docs/json.md, "show --placement") from what DescribeHost said; json_object_put. NULL
 * when the host does not tell its CPUs. */
struct json_object *placement_map_new(struct json_object *host);
/* Puts in a VM that runs: its description, and its counters or NULL. Either may make no sense. */
void placement_map_add(struct json_object *map, struct json_object *description,
		       struct json_object *statistics);
/* As a table. False: out of memory. */
bool placement_map_print(struct json_object *map);

#endif
