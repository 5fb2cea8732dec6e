/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk_set_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file_block.h"
#include "instance_id.h"
#include "nbd_block.h"
#include "storage_error.h"
#include "storvsp.h"
#include "worker_error.h"

/* In flight at once over all disks; more wait, so this bounds memory and not what guests do. */
#define RING_ENTRIES	1024u
#define SECOND_CHANNELS 15u /* beyond the first, of a controller: one thread serves them all */

/* Errors of the layers below under the names that callers know. */
static bool disk_error(GError **error, const struct disk_set *set, GError *from)
{
	enum worker_error code = WORKER_ERROR_FAILED;

	if (g_error_matches(from, STORAGE_ERROR, STORAGE_ERROR_INVALID))
		code = WORKER_ERROR_INVALID_IMAGE;
	else if (g_error_matches(from, STORAGE_ERROR, STORAGE_ERROR_UNSUPPORTED))
		code = WORKER_ERROR_NOT_SUPPORTED;
	g_set_error(error, WORKER_ERROR, (gint)code, "VM %s: %s", set->config.vm_name,
		    from->message);
	g_error_free(from);
	return false;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void disk_on_stop(void *context, enum block_op op, uint64_t offset, int error)
{
	static const char *const verbs[BLOCK_N_OPS] = {
		[BLOCK_READ] = "reading",	  [BLOCK_WRITE] = "writing",
		[BLOCK_FLUSH] = "flushing",	  [BLOCK_DISCARD] = "discarding",
		[BLOCK_WRITE_ZEROES] = "zeroing",
	};
	const struct disk *disk = context;
	const char *remedy =
		error == -ENOTCONN
			? "its server has ended and none came in its place: resume the VM to try again"
			: "mend the host's storage and resume";
	g_autofree char *text = g_strdup_printf(
		"disk %s: %s at byte %" G_GUINT64_FORMAT " failed (%s); %s", disk->path, verbs[op],
		offset, g_strerror(error < 0 ? -error : error), remedy);

	disk->set->config.stopped(disk->set->config.context, text);
}

static struct block_config disk_block_config(struct disk *disk)
{
	const struct engine_disk *config = &disk->config;

	return (struct block_config){
		.name = disk->path,
		.thread = disk->set->thread,
		.limits = {.iops = config->iops, .bytes_per_second = config->bandwidth},
		.policy = config->on_error == ENGINE_DISK_ERROR_PAUSE ? BLOCK_ERROR_STOP
								      : BLOCK_ERROR_REPORT,
		.stopped = disk_on_stop,
		.context = disk,
	};
}

static struct block *disk_open_file(struct disk *disk, GError **error)
{
	static const enum file_cache caches[] = {
		[ENGINE_CACHE_WRITEBACK] = FILE_CACHE_WRITEBACK,
		[ENGINE_CACHE_WRITETHROUGH] = FILE_CACHE_WRITETHROUGH,
		[ENGINE_CACHE_NONE] = FILE_CACHE_NONE,
		[ENGINE_CACHE_UNSAFE] = FILE_CACHE_UNSAFE,
	};
	const struct engine_disk *config = &disk->config;
	const struct file_block_config file = {
		.fd = fcntl(config->fd, F_DUPFD_CLOEXEC, 3),
		.cache = caches[config->cache],
		.read_only = config->read_only,
		.no_discard = !config->discard,
		.block = disk_block_config(disk),
	};

	return file_block_new(disk->set->ring, &file, error);
}

static void disk_on_lost(void *context)
{
	const struct disk *disk = context;

	disk->set->config.server_lost(disk->set->config.context, disk->config.controller,
				      disk->config.lun);
}

static struct block *disk_open_server(struct disk *disk, GError **error)
{
	const struct engine_disk *config = &disk->config;
	const struct nbd_block_config nbd = {
		.fd = fcntl(config->fd, F_DUPFD_CLOEXEC, 3),
		.read_only = config->read_only,
		/* QEMU gives space back in images of this format only. */
		.no_discard = !config->discard || config->format != ENGINE_DISK_QCOW2,
		.write_through = config->cache == ENGINE_CACHE_WRITETHROUGH,
		.lost = disk_on_lost,
		.block = disk_block_config(disk),
	};

	return nbd_block_new(&nbd, error);
}

static bool disk_open(struct disk *disk, GError **error)
{
	disk->block = disk->config.format == ENGINE_DISK_RAW ? disk_open_file(disk, error)
							     : disk_open_server(disk, error);
	return disk->block != NULL;
}

static struct disk *disk_new(struct disk_set *set, const struct engine_disk *config)
{
	const uint32_t place[2] = {GUINT32_TO_LE(config->controller), GUINT32_TO_LE(config->lun)};
	struct disk *disk = g_new0(struct disk, 1);

	disk->set = set;
	disk->config = *config;
	disk->config.path = disk->path = g_strdup(config->path);
	disk->config.serial = disk->serial = g_strdup(config->serial);
	disk->life = config->life_fd < 0 ? -1 : fcntl(config->life_fd, F_DUPFD_CLOEXEC, 3);
	/* A serial number is the disk's own; without one its place is all there is. */
	if (disk->serial)
		instance_id_make(set->config.vm_uuid, "serial", disk->serial, strlen(disk->serial),
				 disk->id);
	else
		instance_id_make(set->config.vm_uuid, "disk", place, sizeof(place), disk->id);
	return disk;
}

/* On the disks' thread, when no controller has it. */
static void disk_free(void *context)
{
	struct disk *disk = context;

	block_free(disk->block);
	if (disk->life >= 0)
		close(disk->life); /* its server writes back what it has, and ends */
	g_free(disk->path);
	g_free(disk->serial);
	g_free(disk);
}

struct disk_opening {
	struct disk *disk;
	GError **error;
	bool done;
};

static void disk_open_on_thread(void *context)
{
	struct disk_opening *opening = context;

	opening->done = disk_open(opening->disk, opening->error);
}

/* Opens one more and puts it last, where no guest sees it yet. */
static bool disk_add(struct disk_set *set, const struct engine_disk *config, GError **error)
{
	struct disk_opening opening = {.disk = disk_new(set, config), .error = error};

	io_thread_call(set->thread, disk_open_on_thread, &opening);
	if (opening.done)
		g_ptr_array_add(set->disks, opening.disk);
	else
		io_thread_call(set->thread, disk_free, opening.disk);
	return opening.done;
}

static void disk_remove(struct disk_set *set, size_t index)
{
	io_thread_call(set->thread, disk_free, g_ptr_array_remove_index(set->disks, (guint)index));
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool disk_set_open(struct disk_set *set, GError **error)
{
	GError *failure = NULL;

	set->thread = io_thread_prepare("disks", &failure);
	if (set->thread)
		set->ring = uring_new(RING_ENTRIES, &failure);
	if (!set->ring || !uring_attach(set->ring, set->thread, &failure))
		return disk_error(error, set, failure);
	for (size_t i = 0; i < set->config.n; i++) {
		if (!disk_add(set, &set->config.disks[i], &failure))
			return disk_error(error, set, failure);
	}
	return true;
}

struct disk_set *disk_set_new(const struct disk_set_config *config, GError **error)
{
	struct disk_set *set = g_new0(struct disk_set, 1);

	set->config = *config;
	set->disks = g_ptr_array_new();
	if (disk_set_open(set, error))
		return set;
	disk_set_free(set);
	return NULL;
}

void disk_set_free(struct disk_set *set)
{
	if (!set)
		return;
	while (set->disks->len > 0)
		disk_remove(set, set->disks->len - 1);
	uring_free(set->ring);
	io_thread_free(set->thread);
	g_ptr_array_unref(set->disks);
	g_free(set);
}

bool disk_set_start(struct disk_set *set, GError **error)
{
	GError *failure = NULL;

	if (set->started || set->disks->len == 0)
		return true;
	if (!io_thread_start(set->thread, &failure))
		return disk_error(error, set, failure);
	set->started = true;
	return true;
}

/* ---- controllers ----------------------------------------------------------------------------- */

static bool controller_make(struct disk_set *set, uint32_t number, GError **error)
{
	const uint32_t key = GUINT32_TO_LE(number);
	char name[] = "storvsp0";
	struct storvsp_config config = {
		.name = name,
		.bus = set->bus,
		.thread = set->thread,
		.max_sub_channels = (uint16_t)MIN(set->vp_count - 1, SECOND_CHANNELS),
	};

	if (set->controllers[number])
		return true;
	name[sizeof(name) - 2] = (char)('0' + number);
	instance_id_make(set->config.vm_uuid, "scsi", &key, sizeof(key), config.instance_id.bytes);
	set->controllers[number] = storvsp_new(&config, error);
	return set->controllers[number] != NULL;
}

static bool disk_show(struct disk *disk, GError **error)
{
	const struct engine_disk *config = &disk->config;
	struct storvsp_disk shown = {
		.kind = config->dvd ? STORVSP_DVD : STORVSP_DISK,
		.block = disk->block,
		.serial = disk->serial,
	};

	memcpy(shown.id, disk->id, sizeof(shown.id));
	return controller_make(disk->set, config->controller, error) &&
	       storvsp_add(disk->set->controllers[config->controller], config->lun, &shown, error);
}

static void disk_set_resume_all(void *context)
{
	struct disk_set *set = context;

	for (size_t i = 0; i < set->disks->len; i++)
		block_resume(disk_at(set, i)->block);
}

void disk_set_resume(struct disk_set *set)
{
	io_thread_call(set->thread, disk_set_resume_all, set);
}

bool disk_set_offer(struct disk_set *set, struct vmbus *bus, uint32_t vp_count, GError **error)
{
	GError *failure = NULL;

	/* Another guest than the one whose requests an error had stopped. */
	disk_set_resume(set);
	set->bus = bus;
	set->vp_count = vp_count;
	for (size_t i = 0; i < set->disks->len; i++) {
		if (!disk_show(disk_at(set, i), &failure)) {
			disk_set_withdraw(set);
			return disk_error(error, set, failure);
		}
	}
	return true;
}

void disk_set_withdraw(struct disk_set *set)
{
	for (size_t i = 0; i < CONTROLLERS; i++)
		storvsp_free(g_steal_pointer(&set->controllers[i]));
	set->bus = NULL;
}

/* ---- while a guest runs ---------------------------------------------------------------------- */

/* Its index, or the number of all disks. */
static size_t disk_find(const struct disk_set *set, uint32_t controller, uint32_t lun)
{
	size_t i = 0;

	while (i < set->disks->len && (disk_at(set, i)->config.controller != controller ||
				       disk_at(set, i)->config.lun != lun))
		i++;
	return i;
}

static bool place_fail(GError **error, const struct disk_set *set, uint32_t controller,
		       uint32_t lun, const char *what)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
		    "VM %s: controller %u, LUN %u: %s", set->config.vm_name, controller, lun, what);
	return false;
}

/* A controller that came for the disk alone goes with it. */
static bool disk_show_late(struct disk_set *set, struct disk *disk, GError **error)
{
	uint32_t controller = disk->config.controller;
	bool was_there = set->controllers[controller];

	if (!set->bus || disk_show(disk, error))
		return true;
	if (!was_there)
		storvsp_free(g_steal_pointer(&set->controllers[controller]));
	return false;
}

/* ---- servers that come and go ---------------------------------------------------------------- */

struct disk_serving {
	struct disk *disk;
	const struct engine_disk *config; /* NULL: to suspend */
	bool awaited, done;
	GError **error;
};

static void disk_look_awaited(void *context)
{
	struct disk_serving *serving = context;

	serving->awaited = serving->disk->config.format != ENGINE_DISK_RAW &&
			   nbd_block_is_awaited(serving->disk->block);
}

static bool disk_is_awaited(struct disk *disk)
{
	struct disk_serving serving = {.disk = disk};

	io_thread_call(disk->set->thread, disk_look_awaited, &serving);
	return serving.awaited;
}

static void disk_keep_life(struct disk *disk, int life_fd)
{
	if (disk->life >= 0)
		close(disk->life);
	disk->life = life_fd < 0 ? -1 : fcntl(life_fd, F_DUPFD_CLOEXEC, 3);
}

static void disk_serve_there(void *context)
{
	struct disk_serving *serving = context;
	struct block *block = serving->disk->block;

	serving->done = nbd_block_serve(block, fcntl(serving->config->fd, F_DUPFD_CLOEXEC, 3),
					serving->error);
	if (serving->done)
		disk_keep_life(serving->disk, serving->config->life_fd);
}

static void disk_suspend_there(void *context)
{
	struct disk_serving *serving = context;

	serving->done = nbd_block_suspend(serving->disk->block, serving->error);
	if (serving->done)
		disk_keep_life(serving->disk, -1); /* the server closes the image, and ends */
}

/* Another server of the image that a disk has. */
static bool disk_serve(struct disk *disk, const struct engine_disk *config, GError **error)
{
	struct disk_set *set = disk->set;
	GError *failure = NULL;
	struct disk_serving serving = {.disk = disk, .config = config, .error = &failure};
	uint64_t size;

	if (config->format != disk->config.format || strcmp(config->path, disk->path) != 0 ||
	    config->read_only != disk->config.read_only)
		return place_fail(error, set, config->controller, config->lun,
				  "its disk is another one; choose another place");
	io_thread_call(set->thread, disk_serve_there, &serving);
	if (!serving.done)
		return disk_error(error, set, failure);
	return disk_set_refresh(set, config->controller, config->lun, &size, error);
}

bool disk_set_suspend(struct disk_set *set, uint32_t controller, uint32_t lun, GError **error)
{
	size_t index = disk_find(set, controller, lun);
	GError *failure = NULL;
	struct disk_serving serving = {.error = &failure};

	if (index == set->disks->len)
		return place_fail(error, set, controller, lun, "there is no disk; see hvctl show");
	serving.disk = disk_at(set, index);
	if (serving.disk->config.format == ENGINE_DISK_RAW)
		return place_fail(error, set, controller, lun, "its disk has no server; leave it");
	io_thread_call(set->thread, disk_suspend_there, &serving);
	return serving.done || disk_error(error, set, failure);
}

bool disk_set_attach(struct disk_set *set, const struct engine_disk *config, GError **error)
{
	GError *failure = NULL;
	size_t index;

	if (config->controller >= CONTROLLERS || config->lun >= STORVSP_LUNS)
		return place_fail(error, set, config->controller, config->lun,
				  "there is no such place; choose another");
	index = disk_find(set, config->controller, config->lun);
	if (index < set->disks->len && disk_is_awaited(disk_at(set, index)))
		return disk_serve(disk_at(set, index), config, error);
	if (index < set->disks->len)
		return place_fail(error, set, config->controller, config->lun,
				  "there is a disk already; choose another");
	if (set->disks->len == VMMS_MAX_DISKS) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
			    "VM %s: it has %u disks, as many as there may be; detach one",
			    set->config.vm_name, VMMS_MAX_DISKS);
		return false;
	}
	if (!disk_add(set, config, &failure))
		return disk_error(error, set, failure);
	if (disk_set_start(set, error) &&
	    disk_show_late(set, disk_at(set, set->disks->len - 1), &failure))
		return true;
	disk_remove(set, set->disks->len - 1);
	return failure ? disk_error(error, set, failure) : false;
}

bool disk_set_detach(struct disk_set *set, uint32_t controller, uint32_t lun, GError **error)
{
	size_t index = disk_find(set, controller, lun);
	GError *failure = NULL;

	if (index == set->disks->len)
		return place_fail(error, set, controller, lun, "there is no disk; see hvctl show");
	if (set->bus && !storvsp_remove(set->controllers[controller], lun, &failure))
		return disk_error(error, set, failure);
	disk_remove(set, index);
	return true;
}

struct disk_look {
	struct block *block;
	uint64_t size;
};

static void disk_read_size(void *context)
{
	struct disk_look *look = context;

	block_refresh(look->block);
	look->size = block_info(look->block)->size;
}

bool disk_set_refresh(struct disk_set *set, uint32_t controller, uint32_t lun, uint64_t *ret_size,
		      GError **error)
{
	size_t index = disk_find(set, controller, lun);
	struct disk_look look = {0};
	GError *failure = NULL;

	if (index == set->disks->len)
		return place_fail(error, set, controller, lun, "there is no disk; see hvctl show");
	/* The guest is told by its controller. */
	if (set->bus && !storvsp_refresh(set->controllers[controller], lun, &failure))
		return disk_error(error, set, failure);
	look.block = disk_at(set, index)->block;
	io_thread_call(set->thread, disk_read_size, &look);
	*ret_size = look.size;
	return true;
}
