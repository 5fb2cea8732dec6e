/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The controller's life, and the disks that come and go. */
#include "storvsp.h"

#include <string.h>

#include "storage_error.h"
#include "storvsp_private.h"

#define STORVSP_REQUESTS     256u
#define STORVSP_MAX_REQUESTS 4096u
#define DVD_BLOCK_SIZE	     2048u

/* ba6163d9-04a1-4d29-b605-72e2ffb1dc7f */
static const struct vmbus_guid storvsp_class = {{0xd9, 0x63, 0x61, 0xba, 0xa1, 0x04, 0x29, 0x4d,
						 0xb6, 0x05, 0x72, 0xe2, 0xff, 0xb1, 0xdc, 0x7f}};

uint64_t storvsp_lun_mask(const struct storvsp *vsp)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < STORVSP_LUNS; i++)
		mask |= (uint64_t)storvsp_lun_is_shown(&vsp->luns[i]) << i;
	return mask;
}

/* ---- disks: what is done on the I/O thread ----------------------------------------------------
 */

struct storvsp_change {
	struct storvsp_lun *lun;
	const struct scsi_unit *unit;
	struct block *block;
	struct storvsp_stats *stats;
};

static void storvsp_batch_done(void *context)
{
	storvsp_end_batch(((struct storvsp_lun *)context)->vsp);
}

static void storvsp_resized(void *context, uint64_t size)
{
	struct storvsp_lun *lun = context;

	scsi_unit_set_size(&lun->unit, size);
	/* The unit attention waits for a command, which looking for disks brings. */
	storvsp_enumerate(lun->vsp);
}

static void lun_attach(struct storvsp_lun *lun, struct block *block)
{
	lun->block = block;
	if (block)
		block_set_client(block, &(struct block_client){.batch_done = storvsp_batch_done,
							       .resized = storvsp_resized,
							       .context = lun});
}

static void lun_detach(struct storvsp_lun *lun)
{
	if (!lun->block)
		return;
	storvsp_lun_quiesce(lun);
	block_set_client(lun->block, &(struct block_client){0});
	lun->block = NULL;
}

/* A driver that is there looks again; one that is yet to come finds what there is. */
static void lun_announce(const struct storvsp_lun *lun)
{
	struct storvsp *vsp = lun->vsp;

	storvsp_enumerate(vsp);
	for (unsigned int i = 0; i < STORVSP_LUNS && vsp->enumerate; i++)
		if (storvsp_lun_is_shown(&vsp->luns[i]) && &vsp->luns[i] != lun)
			scsi_unit_luns_changed(&vsp->luns[i].unit);
	storvsp_end_batch(vsp);
}

static void lun_add(void *context)
{
	struct storvsp_change *change = context;
	struct storvsp_lun *lun = change->lun;

	lun->unit = *change->unit;
	lun_attach(lun, change->block);
	lun->veiled = lun->unmissed;
	lun->present = true;
	lun_announce(lun);
}

static void lun_remove(void *context)
{
	struct storvsp_lun *lun = ((struct storvsp_change *)context)->lun;

	lun->unmissed |= storvsp_lun_is_shown(lun) && storvsp_has_driver(lun->vsp);
	lun->present = lun->veiled = false;
	lun_detach(lun);
	lun_announce(lun);
}

static void lun_change_medium(void *context)
{
	struct storvsp_change *change = context;
	struct storvsp_lun *lun = change->lun;

	lun_detach(lun);
	lun_attach(lun, change->block);
	scsi_unit_set_medium(&lun->unit, change->block ? block_info(change->block)->size : 0);
	storvsp_end_batch(lun->vsp);
}

/* ---- disks: the main thread ------------------------------------------------------------------ */

static bool disk_fail(GError **error, const struct storvsp *vsp, unsigned int lun, const char *what)
{
	g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_INVALID, "LUN %u of %s: %s", lun, vsp->name,
		    what);
	return false;
}

static bool disk_serial_is_fine(const char *serial)
{
	size_t n = strlen(serial);

	for (size_t i = 0; i < n; i++) {
		if (serial[i] < 0x20 || serial[i] > 0x7e)
			return false;
	}
	return n >= 1 && n <= 36;
}

static bool disc_fits(const struct storvsp *vsp, unsigned int lun, const struct block *block,
		      GError **error)
{
	if (block && DVD_BLOCK_SIZE % block_info(block)->block_size)
		return disk_fail(error, vsp, lun,
				 "a disc has sectors of 2048 bytes, which cannot be read from a "
				 "medium with larger ones; copy the image to a file");
	return true;
}

static bool disk_unit(const struct storvsp *vsp, unsigned int lun, const struct storvsp_disk *disk,
		      struct scsi_unit *unit, GError **error)
{
	const struct block_info *info = disk->block ? block_info(disk->block) : NULL;
	bool dvd = disk->kind == STORVSP_DVD;

	if (!info && !dvd)
		return disk_fail(error, vsp, lun, "a disk needs an image; name one");
	if (disk->serial && !disk_serial_is_fine(disk->serial))
		return disk_fail(error, vsp, lun,
				 "a serial number is 1 to 36 printable ASCII characters");
	if (dvd && !disc_fits(vsp, lun, disk->block, error))
		return false;
	*unit = (struct scsi_unit){.kind = dvd ? SCSI_DVD : SCSI_DISK,
				   .block_size = dvd ? DVD_BLOCK_SIZE : info->block_size,
				   .max_transfer = STORVSP_MAX_TRANSFER,
				   /* What guests' rules know a virtual disk by. */
				   .vendor = "Msft",
				   .revision = "1.0"};
	unit->physical_block_size = dvd ? DVD_BLOCK_SIZE : info->physical_block_size;
	unit->n_blocks = info ? info->size / unit->block_size : 0;
	unit->read_only = dvd || info->read_only;
	unit->write_back = !dvd && info->write_back;
	unit->discard = !dvd && info->discard;
	unit->discard_zeroes = !dvd && info->discard_zeroes;
	g_strlcpy(unit->product, dvd ? "Virtual DVD-ROM" : "Virtual Disk", sizeof(unit->product));
	memcpy(unit->id, disk->id, sizeof(unit->id));
	if (disk->serial)
		g_strlcpy(unit->serial, disk->serial, sizeof(unit->serial));
	else
		for (size_t i = 0; i < sizeof(disk->id); i++)
			g_snprintf(&unit->serial[2 * i], 3, "%02x", disk->id[i]);
	return true;
}

static struct storvsp_lun *lun_find(struct storvsp *vsp, unsigned int lun, bool present,
				    GError **error)
{
	if (lun >= STORVSP_LUNS) {
		disk_fail(error, vsp, lun, "a controller has the LUNs 0 to 63; choose one of them");
		return NULL;
	}
	/* Only the main thread changes it. */
	if (vsp->luns[lun].present != present) {
		disk_fail(error, vsp, lun,
			  present ? "there is no disk; see which there are"
				  : "there is a disk already; choose another LUN");
		return NULL;
	}
	return &vsp->luns[lun];
}

bool storvsp_add(struct storvsp *vsp, unsigned int lun, const struct storvsp_disk *disk,
		 GError **error)
{
	struct scsi_unit unit;
	struct storvsp_change change = {
		.lun = lun_find(vsp, lun, false, error), .unit = &unit, .block = disk->block};

	if (!change.lun || !disk_unit(vsp, lun, disk, &unit, error))
		return false;
	io_thread_call(vsp->thread, lun_add, &change);
	return true;
}

bool storvsp_remove(struct storvsp *vsp, unsigned int lun, GError **error)
{
	struct storvsp_change change = {.lun = lun_find(vsp, lun, true, error)};

	if (!change.lun)
		return false;
	io_thread_call(vsp->thread, lun_remove, &change);
	return true;
}

bool storvsp_change_medium(struct storvsp *vsp, unsigned int lun, struct block *block,
			   GError **error)
{
	struct storvsp_change change = {.lun = lun_find(vsp, lun, true, error), .block = block};

	if (!change.lun)
		return false;
	if (change.lun->unit.kind != SCSI_DVD)
		return disk_fail(error, vsp, lun,
				 "only a DVD drive's medium can be changed; remove the disk and "
				 "add another");
	if (!disc_fits(vsp, lun, block, error))
		return false;
	io_thread_call(vsp->thread, lun_change_medium, &change);
	return true;
}

static void lun_refresh(void *context)
{
	struct storvsp_lun *lun = ((struct storvsp_change *)context)->lun;

	if (lun->block)
		block_refresh(lun->block);
	storvsp_end_batch(lun->vsp);
}

bool storvsp_refresh(struct storvsp *vsp, unsigned int lun, GError **error)
{
	struct storvsp_change change = {.lun = lun_find(vsp, lun, true, error)};

	if (!change.lun)
		return false;
	io_thread_call(vsp->thread, lun_refresh, &change);
	return true;
}

static void stats_read(void *context)
{
	struct storvsp_change *change = context;
	struct storvsp *vsp = change->lun->vsp;

	*change->stats = vsp->stats;
	change->stats->ready = vsp->channels[0].state == STORVSP_READY;
	change->stats->version = vsp->version;
}

void storvsp_get_stats(struct storvsp *vsp, struct storvsp_stats *stats)
{
	struct storvsp_change change = {.lun = &vsp->luns[0], .stats = stats};

	io_thread_call(vsp->thread, stats_read, &change);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void storvsp_make_pool(struct storvsp *vsp, unsigned int n)
{
	vsp->n_requests = n;
	vsp->n_fresh = n;
	vsp->requests = g_new0(struct storvsp_request, n);
}

static void storvsp_release(struct storvsp *vsp)
{
	g_free(vsp->requests);
	g_free(vsp->name);
	g_free(vsp);
}

struct storvsp *storvsp_new(const struct storvsp_config *config, GError **error)
{
	struct storvsp *vsp = g_new0(struct storvsp, 1);
	struct vmbus_device_config device = {
		.class_id = storvsp_class,
		.instance_id = config->instance_id,
		.name = config->name,
		.max_sub_channels = MIN(config->max_sub_channels, STORVSP_MAX_SUB_CHANNELS),
		.max_packet = 2 * VSTOR_PACKET_SIZE,
		.thread = config->thread,
		.ops = &storvsp_device_ops,
		.context = vsp,
	};

	vsp->name = g_strdup(config->name);
	vsp->thread = config->thread;
	vsp->max_sub_channels = device.max_sub_channels;
	for (unsigned int i = 0; i < STORVSP_LUNS; i++) {
		vsp->luns[i].vsp = vsp;
		vsp->luns[i].number = (uint8_t)i;
	}
	storvsp_make_pool(vsp, config->max_requests
				       ? MIN(config->max_requests, STORVSP_MAX_REQUESTS)
				       : STORVSP_REQUESTS);
	vsp->device = vmbus_offer(config->bus, &device, error);
	if (!vsp->device) {
		storvsp_release(vsp);
		return NULL;
	}
	return vsp;
}

static void storvsp_detach_all(void *context)
{
	struct storvsp *vsp = context;

	for (unsigned int i = 0; i < STORVSP_LUNS; i++)
		lun_detach(&vsp->luns[i]);
}

void storvsp_free(struct storvsp *vsp)
{
	if (!vsp)
		return;
	vmbus_rescind(vsp->device);
	/* Also lets a storvsp_resume pass that was posted before. */
	io_thread_call(vsp->thread, storvsp_detach_all, vsp);
	storvsp_release(vsp);
}
