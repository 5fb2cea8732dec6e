/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory calls of partition.h, the same for every implementation of it. */
#include <string.h>

#include "guest_memory.h"

uint64_t partition_memory_size(const struct partition *partition)
{
	return partition_guest_memory(partition)->size;
}

size_t partition_ram_ranges(const struct partition *partition, struct gpa_range out[2])
{
	const struct guest_memory *memory = partition_guest_memory(partition);

	for (size_t i = 0; i < memory->n_ranges; i++)
		out[i] = memory->range[i];
	return memory->n_ranges;
}

void *partition_gpa_pointer(const struct partition *partition, uint64_t gpa, uint64_t size)
{
	const struct guest_memory *memory = partition_guest_memory(partition);
	uint64_t offset;

	return guest_memory_offset(memory, gpa, size, &offset) ? memory->hva + offset : NULL;
}

hv_status partition_read_gpa(const struct partition *partition, uint64_t gpa, void *data,
			     size_t size)
{
	const void *from = partition_gpa_pointer(partition, gpa, size);

	if (from == NULL)
		return HV_STATUS_INVALID_PARAMETER;
	if (size != 0)
		memcpy(data, from, size);
	return HV_STATUS_SUCCESS;
}

hv_status partition_write_gpa(struct partition *partition, uint64_t gpa, const void *data,
			      size_t size)
{
	void *to = partition_gpa_pointer(partition, gpa, size);

	if (to == NULL)
		return HV_STATUS_INVALID_PARAMETER;
	if (size != 0)
		memcpy(to, data, size);
	return HV_STATUS_SUCCESS;
}

bool partition_next_used(const struct partition *partition, uint64_t gpa, struct gpa_range *used)
{
	return guest_memory_next_used(partition_guest_memory(partition), gpa, used);
}

hv_status partition_map_file(struct partition *partition, uint64_t gpa, int fd, uint64_t offset,
			     uint64_t size)
{
	return guest_memory_map_file(partition_guest_memory(partition), gpa, fd, offset, size);
}
