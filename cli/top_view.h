/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `hvctl top` knows of each VM between two looks, and how it is drawn. */
#ifndef TOP_VIEW_H
#define TOP_VIEW_H

#include "vm_stats.h"

enum top_sort { TOP_BY_CPU, TOP_BY_READY, TOP_BY_LIMIT, TOP_BY_EXITS, TOP_BY_NAME, TOP_SORTS };

struct top_row {
	char *uuid, *name, *state;
	uint32_t vcpus;
	struct vm_stats stats; /* nothing is known of one that does not run */
	/* Since the look before; CPU, limit and devices in parts of one CPU, ready of what it asked
	 * for, exits in a second. */
	struct rate cpu, ready, limit, devices, exits;
	struct rate waiting; /* for a CPU, in parts of one */
};

struct top_rows {
	size_t n;
	struct top_row *rows;
};

void top_rows_clear(struct top_rows *rows);
/* Room for one more, zeroed; NULL: out of memory. */
struct top_row *top_rows_add(struct top_rows *rows);
/* Fills in what passed since then. */
void top_rows_compare(struct top_rows *now, const struct top_rows *then);
/* Largest first, what is not known last; names ascending. */
void top_rows_sort(struct top_rows *rows, enum top_sort by);

/* "cpu"; the index of a name, or -1. */
const char *top_sort_name(enum top_sort by);
int top_sort_find(const char *name);

/* The table of `limit` rows from `first` on. False: out of memory. */
bool top_print_table(const struct top_rows *rows, size_t first, size_t limit);
/* A sentence for the VM that waits most, into buffer; "" when none waits much. */
void top_hint(const struct top_rows *rows, char *buffer, size_t size);

#endif
