/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the disks are, as their thread knows it. */
#include <stdio.h>

#include "disk_set_private.h"
#include "nbd_block.h"
#include "worker_error.h"

/* ---- whether they can be saved --------------------------------------------------------------- */

struct disk_standing {
	struct disk_set *set;
	const struct disk *disk; /* the first that stands; NULL: none */
	bool stopped;		 /* it does so by an error */
};

static void disk_set_look_for_standing(void *context)
{
	struct disk_standing *standing = context;
	const struct disk_set *set = standing->set;

	for (size_t i = 0; i < set->disks->len && !standing->disk; i++) {
		const struct disk *disk = disk_at(set, i);
		struct block_stats stats;

		block_get_stats(disk->block, &stats);
		standing->stopped = stats.stopped;
		if (stats.stopped ||
		    (disk->config.format != ENGINE_DISK_RAW && nbd_block_is_awaited(disk->block)))
			standing->disk = disk;
	}
}

bool disk_set_may_save(struct disk_set *set, GError **error)
{
	struct disk_standing standing = {.set = set};

	io_thread_call(set->thread, disk_set_look_for_standing, &standing);
	if (!standing.disk)
		return true;
	if (standing.stopped)
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE,
			    "VM %s: an error has stopped disk %s, and what the guest asked of it "
			    "cannot be saved; mend the host's storage, resume the VM and save it "
			    "then",
			    set->config.vm_name, standing.disk->path);
	else
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_BUSY,
			    "VM %s: disk %s waits for its server, and what the guest asked of it "
			    "cannot be saved; save the VM when the server is there",
			    set->config.vm_name, standing.disk->path);
	return false;
}

/* ---- statistics ------------------------------------------------------------------------------ */

struct disk_reading {
	struct disk_set *set;
	struct block_stats *stats;
};

static void disk_set_read_stats(void *context)
{
	struct disk_reading *reading = context;

	for (size_t i = 0; i < reading->set->disks->len; i++)
		block_get_stats(disk_at(reading->set, i)->block, &reading->stats[i]);
}

void disk_set_statistics(struct disk_set *set,
			 void (*visit)(void *context, const char *name, uint64_t value),
			 void *context)
{
	static const struct {
		const char *name;
		enum block_op op;
	} ops[] = {{"reads", BLOCK_READ},
		   {"writes", BLOCK_WRITE},
		   {"flushes", BLOCK_FLUSH},
		   {"discards", BLOCK_DISCARD},
		   {"zeroings", BLOCK_WRITE_ZEROES}};
	g_autofree struct block_stats *stats = g_new0(struct block_stats, set->disks->len);
	struct disk_reading reading = {set, stats};
	char name[64];

	io_thread_call(set->thread, disk_set_read_stats, &reading);
	for (size_t i = 0; i < set->disks->len; i++) {
		for (size_t k = 0; k < G_N_ELEMENTS(ops); k++) {
			snprintf(name, sizeof(name), "disk.%zu.%s", i, ops[k].name);
			visit(context, name, stats[i].operations[ops[k].op]);
		}
		snprintf(name, sizeof(name), "disk.%zu.readBytes", i);
		visit(context, name, stats[i].bytes[BLOCK_READ]);
		snprintf(name, sizeof(name), "disk.%zu.writtenBytes", i);
		visit(context, name, stats[i].bytes[BLOCK_WRITE]);
		snprintf(name, sizeof(name), "disk.%zu.errors", i);
		visit(context, name, stats[i].errors);
		snprintf(name, sizeof(name), "disk.%zu.delayed", i);
		visit(context, name, stats[i].delayed);
	}
}
