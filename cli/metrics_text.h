/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters as OpenMetrics text. The names are a contract: docs/metrics.md. */
#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct metrics_vm {
	const char *name, *uuid, *state;
	uint32_t vcpus;
	uint64_t memory;	   /* bytes */
	uint64_t started;	   /* realtime us; 0: it does not run */
	struct json_object *stats; /* docs/json.md, "stats"; NULL: none are known */
};

/* All families, and the end mark. What is not known is left out. */
void metrics_print(FILE *stream, const struct metrics_vm *vms, size_t n);

#endif
