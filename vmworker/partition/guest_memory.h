/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The RAM of a partition: private memory of this process, in one reservation of its
 * address space. Knows nothing of KVM; a partition holds one and the hypervisor is told of its
 * ranges. Private to the implementations of partition.h.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "partition.h"

struct guest_memory {
	int pages_fd;		   /* tells what pages there are; -1: nothing does */
	uint8_t *hva;		   /* RAM, all of it, contiguous; 2 MiB aligned */
	uint64_t size;		   /* bytes of RAM, 0 when there is none */
	void *reservation;	   /* address space with a guard on either side of the RAM */
	size_t reserved;	   /* bytes of it */
	size_t n_ranges;	   /* 1 or 2 */
	struct gpa_range range[2]; /* ascending; the second continues where the first's RAM ends */
	uint64_t mapped, mapped_end; /* offsets between which files are mapped; equal: none is */
};

/* True when size can be the RAM of a partition (see partition_properties). */
bool guest_memory_size_valid(uint64_t size);

/*
 * Zeroed RAM of a valid size, populated on touch. pages_fd is from partition_open_pages, borrowed;
 * 0: opened for this call. On failure nothing is left to release.
 */
hv_status guest_memory_init(struct guest_memory *memory, uint64_t size, int pages_fd,
			    struct hv_fault *fault);

/* Also for a zeroed or an already released object. */
void guest_memory_release(struct guest_memory *memory);

/* The offset into RAM of [gpa, gpa + size), false unless all of it lies in one range. */
bool guest_memory_offset(const struct guest_memory *memory, uint64_t gpa, uint64_t size,
			 uint64_t *offset);

/* partition_next_used of this RAM. */
bool guest_memory_next_used(const struct guest_memory *memory, uint64_t gpa,
			    struct gpa_range *used);

/* partition_map_file of this RAM. */
hv_status guest_memory_map_file(struct guest_memory *memory, uint64_t gpa, int fd, uint64_t offset,
				uint64_t size);

/*
 * The RAM of a partition, which each implementation of partition.h defines beside its own
 * struct partition; partition_memory.c serves the memory calls of partition.h from it.
 */
struct guest_memory *partition_guest_memory(const struct partition *partition);

#endif
