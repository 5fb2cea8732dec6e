/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of disk_set.h. */
#ifndef DISK_SET_PRIVATE_H
#define DISK_SET_PRIVATE_H

#include "disk_set.h"

#include "block.h"

#define CONTROLLERS 4u

struct uring;
struct storvsp;

struct disk {
	struct disk_set *set;
	struct block *block;
	struct engine_disk config;
	int life; /* what keeps its server; -1: it needs none */
	char *path, *serial;
	uint8_t id[16];
};

struct disk_set {
	struct disk_set_config config;
	struct io_thread *thread;
	bool started;
	struct uring *ring;
	GPtrArray *disks; /* struct disk, in the order of the definition */
	/* While a guest is offered them: */
	struct vmbus *bus; /* NULL: none is */
	uint32_t vp_count;
	struct storvsp *controllers[CONTROLLERS];
};

static inline struct disk *disk_at(const struct disk_set *set, size_t index)
{
	return set->disks->pdata[index];
}

#endif
