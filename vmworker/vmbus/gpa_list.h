/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of guest pages, as GPADLs and GPA-direct packets have them, turned into host addresses.
 */
#ifndef GPA_LIST_H
#define GPA_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "partition.h"

struct gpa_list {
	struct iovec *parts; /* host addresses in order, neighbours merged */
	uint32_t n;
	uint32_t room;	/* parts that were allocated */
	uint32_t pages; /* pages that were named */
	uint64_t bytes;
};

/*
 * Reads `n_ranges` ranges (wire_gpa_range, each with its pages) from `size` bytes at `data`, which
 * are a private copy. The list's memory is used again; the work and the memory are bounded by size.
 * False when the ranges need more than `size` bytes, begin outside their first page, are empty, or
 * name what is not RAM; the list is then empty.
 */
bool gpa_list_parse(struct gpa_list *list, const struct partition *partition, uint32_t n_ranges,
		    const uint8_t *data, size_t size);
void gpa_list_clear(struct gpa_list *list);

#endif
