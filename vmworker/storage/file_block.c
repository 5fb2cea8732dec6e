/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and closing: what the descriptor is, and what can be done with it. */
#include "file_block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_lock.h"
#include "file_private.h"
#include "storage_error.h"

int file_size(const struct file_block *file, uint64_t *size)
{
	/* Of a device as well: its inode's size is 0, its end is where seeking to it leads. */
	off_t end = lseek(file->fd, 0, SEEK_END);

	if (end < 0)
		return -errno;
	*size = (uint64_t)end;
	return 0;
}

void file_batch_end(struct uring_user *user)
{
	block_batch_end(((struct file_block *)user)->block);
}

void file_free(void *backend)
{
	struct file_block *file = backend;

	if (file->zeroes)
		munmap(file->zeroes, FILE_ZEROES_SIZE);
	if (file->bounce)
		munmap(file->bounce, (size_t)FILE_BOUNCE_BUFFERS * FILE_BOUNCE_SIZE);
	close(file->fd);
	g_free(file);
}

/* ---- what the descriptor is ------------------------------------------------------------------ */

static bool file_fail(GError **error, const struct file_block_config *config, int code,
		      const char *what)
{
	g_set_error(error, STORAGE_ERROR, code, "disk \"%s\": %s", config->block.name, what);
	return false;
}

static bool file_look(struct file_block *file, const struct file_block_config *config,
		      GError **error)
{
	struct stat st;
	int mode = fcntl(config->fd, F_GETFL);

	if (fstat(config->fd, &st) < 0 || mode < 0)
		return file_fail(error, config, STORAGE_ERROR_FAILED, g_strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return file_fail(error, config, STORAGE_ERROR_INVALID,
				 "neither a regular file nor a block device; name one of these");
	if (!config->read_only && (mode & O_ACCMODE) != O_RDWR)
		return file_fail(error, config, STORAGE_ERROR_INVALID,
				 "opened for reading only; make the image writable or the disk "
				 "read-only");
	file->is_device = S_ISBLK(st.st_mode);
	return true;
}

/* The sectors that the guest sees cannot be smaller than what a device reads and writes. */
static bool file_sectors(const struct file_block *file, const struct file_block_config *config,
			 struct block_info *info, GError **error)
{
	int logical = 512;
	unsigned int physical = 4096;

	if (file->is_device) {
		(void)ioctl(file->fd, BLKSSZGET, &logical);
		(void)ioctl(file->fd, BLKPBSZGET, &physical);
	}
	info->block_size = config->block_size ? config->block_size : (uint32_t)logical;
	info->physical_block_size = MAX(physical, info->block_size);
	if (info->block_size != 512 && info->block_size != 4096)
		return file_fail(error, config, STORAGE_ERROR_INVALID,
				 "sectors are of 512 or of 4096 bytes; choose one of these");
	if (file->is_device && info->block_size < (uint32_t)logical)
		return file_fail(error, config, STORAGE_ERROR_INVALID,
				 "the device has sectors of 4096 bytes; give the disk the same");
	return true;
}

/* ---- O_DIRECT -------------------------------------------------------------------------------- */

static bool file_reads_direct(const struct file_block *file, uint8_t *buffer, size_t size)
{
	return pread(file->fd, buffer, size, 0) >= 0 || errno != EINVAL;
}

/* O_DIRECT, if the file takes it with the guest's sectors, and how buffers must lie for it. The
 * kernel tells by statx only since 6.1, and a confined worker cannot ask; so it is tried. */
static bool file_make_direct(struct file_block *file, const struct file_block_config *config,
			     uint32_t block_size, GError **error)
{
	static const uint32_t aligns[] = {512, 4096};
	int flags = fcntl(file->fd, F_GETFL);

	if (flags < 0 || fcntl(file->fd, F_SETFL, flags | O_DIRECT) < 0)
		return file_fail(
			error, config, STORAGE_ERROR_UNSUPPORTED,
			"its file system has no O_DIRECT; use another cache mode than none");
	if (!file_reads_direct(file, file->bounce, block_size))
		return file_fail(
			error, config, STORAGE_ERROR_UNSUPPORTED,
			"its file system takes O_DIRECT in larger units than the disk's "
			"sectors; use another cache mode than none, or sectors of 4096 bytes");
	for (size_t i = 0; i < G_N_ELEMENTS(aligns); i++) {
		file->memory_align = aligns[i];
		if (file_reads_direct(file, file->bounce + aligns[i], block_size))
			break;
	}
	/* Lengths within a row must be whole sectors of what is below. */
	file->memory_align = MAX(file->memory_align, block_size);
	file->direct = true;
	return true;
}

/* ---- discard --------------------------------------------------------------------------------- */

/* A hole behind the end of the file changes nothing and shows whether there can be one. */
static bool file_can_punch(const struct file_block *file, uint64_t size)
{
	off_t behind = (off_t)((size + 0xfffff) & ~UINT64_C(0xfffff));

	return fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, behind, 4096) == 0;
}

static void file_look_discard(struct file_block *file, const struct file_block_config *config,
			      struct block_info *info)
{
	bool able = file->is_device || file_can_punch(file, info->size);

	file->discard = file->is_device ? FILE_DISCARD_DEVICE : FILE_DISCARD_PUNCH;
	if (!able)
		file->punch = FILE_ZERO_WRITE;
	file->keep_space = config->no_discard;
	if (file->keep_space)
		file->discard = FILE_DISCARD_IGNORE;
	info->discard = able && !config->read_only && !config->no_discard;
	info->discard_zeroes = info->discard && !file->is_device;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool file_map(struct file_block *file, const struct file_block_config *config,
		     GError **error)
{
	void *zeroes = mmap(NULL, FILE_ZEROES_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bounce = MAP_FAILED;

	if (zeroes == MAP_FAILED)
		return file_fail(error, config, STORAGE_ERROR_FAILED, g_strerror(errno));
	file->zeroes = zeroes;
	if (config->cache != FILE_CACHE_NONE)
		return true;
	bounce = mmap(NULL, (size_t)FILE_BOUNCE_BUFFERS * FILE_BOUNCE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bounce == MAP_FAILED)
		return file_fail(error, config, STORAGE_ERROR_FAILED, g_strerror(errno));
	file->bounce = bounce;
	file->bounce_free = (1u << FILE_BOUNCE_BUFFERS) - 1;
	return true;
}

static bool file_open(struct file_block *file, const struct file_block_config *config,
		      struct block_info *info, GError **error)
{
	int r;

	if (!file_look(file, config, error) ||
	    !disk_lock(config->fd, config->read_only, config->block.name, error) ||
	    !file_map(file, config, error) || !file_sectors(file, config, info, error))
		return false;
	r = file_size(file, &info->size);
	if (r < 0)
		return file_fail(error, config, STORAGE_ERROR_FAILED, g_strerror(-r));
	if (config->cache == FILE_CACHE_NONE &&
	    !file_make_direct(file, config, info->block_size, error))
		return false;
	info->read_only = config->read_only;
	info->write_back = config->cache != FILE_CACHE_WRITETHROUGH;
	if (!config->read_only)
		file_look_discard(file, config, info);
	return true;
}

struct block *file_block_new(struct uring *ring, const struct file_block_config *config,
			     GError **error)
{
	struct file_block *file = g_new0(struct file_block, 1);
	struct block_info info = {0};
	struct block *block;

	file->fd = config->fd;
	file->ring = ring;
	file->cache = config->cache;
	file->user.batch_end = file_batch_end;
	file->bounce_wait_last = &file->bounce_wait;
	if (!file_open(file, config, &info, error)) {
		file_free(file);
		return NULL;
	}
	block = block_new(&file_block_ops, file, &info, &config->block, error);
	if (block)
		file->block = block;
	return block;
}
