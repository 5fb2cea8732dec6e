/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk_image.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "service_error.h"

#define SECTOR_BYTES	 512u
#define DVD_SECTOR_BYTES 2048u

/* Where a descriptor or a count is expected. */
#define fail(...) (service_error_fail(__VA_ARGS__) ? 0 : -1)

/* ---- format ---------------------------------------------------------------------------------- */

/* What an image begins with. The last ones are not for us, but taken for raw they would be lost. */
static const struct magic {
	const char *name;
	size_t offset, size;
	const char *bytes;
	bool known;
	enum disk_format format; /* when known */
} magics[] = {
	{"qcow2", 0, 4, "QFI\xfb", true, DISK_FORMAT_QCOW2},
	{"vhdx", 0, 8, "vhdxfile", true, DISK_FORMAT_VHDX},
	{"vhd", 0, 8, "conectix", true, DISK_FORMAT_VHD}, /* dynamic: a copy of the footer */
	{"VMDK", 0, 4, "KDMV", false, 0},
	{"QED", 0, 4, "QED\0", false, 0},
	{"VDI", 64, 4, "\x7f\x10\xda\xbe", false, 0},
};
static const struct magic fixed_vhd = {"vhd", 0, 8, "conectix", true, DISK_FORMAT_VHD};

static gboolean read_sector(int fd, off_t offset, char sector[SECTOR_BYTES])
{
	ssize_t n;

	do
		n = pread(fd, sector, SECTOR_BYTES, offset);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)SECTOR_BYTES;
}

/* *ret is NULL when it looks like none of them. FALSE: it cannot be read. */
static gboolean probe(int fd, off_t size, const struct magic **ret)
{
	char sector[SECTOR_BYTES];

	*ret = NULL;
	if (size < (off_t)SECTOR_BYTES)
		return TRUE;
	if (!read_sector(fd, 0, sector))
		return FALSE;
	for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
		if (memcmp(sector + magics[i].offset, magics[i].bytes, magics[i].size) == 0) {
			*ret = &magics[i];
			return TRUE;
		}
	}
	/* A fixed VHD is raw data with a footer. */
	if (!read_sector(fd, size - (off_t)SECTOR_BYTES, sector))
		return FALSE;
	if (memcmp(sector, fixed_vhd.bytes, fixed_vhd.size) == 0)
		*ret = &fixed_vhd;
	return TRUE;
}

static int check_format(int fd, off_t size, const struct definition_disk *disk, GError **error)
{
	const char *named = definition_disk_format_name(disk->format);
	const struct magic *found;

	if (!probe(fd, size, &found))
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "cannot be read (%s); see the kernel's log", g_strerror(errno));
	if (found && !found->known)
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "is a %s image, which vmms cannot read; convert it with qemu-img "
			    "convert -O raw",
			    found->name);
	if (found && found->format != disk->format)
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "is a %s image and not a %s one; name its format, with format=%s",
			    found->name, named, found->name);
	if (!found && disk->format != DISK_FORMAT_RAW)
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "is not a %s image, or the beginning of one is lost; name its format, "
			    "or restore it",
			    named);
	return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int fail_open(const struct definition_disk *disk, int number, GError **error)
{
	gboolean readable = number == EACCES || number == EPERM || number == EROFS;

	if (number == EBUSY)
		return fail(error, SERVICE_ERROR_FAILED,
			    "the host itself uses this device (is it mounted?); unmount it, or "
			    "give another");
	if (number == EMFILE || number == ENFILE)
		return fail(error, SERVICE_ERROR_FAILED,
			    "too many files are open; start fewer VMs at once, or raise the limit "
			    "of vmmsd");
	return fail(error, SERVICE_ERROR_INVALID_IMAGE, "%s; give the path of an image%s",
		    g_strerror(number),
		    readable && !disk->read_only ? " that can be written, or make it read-only"
						 : "");
}

/* Nothing is opened, which with a device could have effects, before its kind is known. */
static int open_path(const struct definition_disk *disk, GError **error)
{
	autofd int place = open(disk->path, O_PATH | O_CLOEXEC);
	int flags = (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY;
	char name[64];
	struct stat st;

	if (place < 0 || fstat(place, &st) < 0)
		return fail_open(disk, errno, error);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "neither a regular file nor a block device; give the path of an image");
	/* Of a block device: a claim that mounted file systems have, too. */
	if (S_ISBLK(st.st_mode) && !disk->read_only)
		flags |= O_EXCL;
	(void)g_snprintf(name, sizeof(name), "/proc/self/fd/%d", place);
	int fd = open(name, flags);
	return fd >= 0 ? fd : fail_open(disk, errno, error);
}

static int get_size(int fd, off_t *size, GError **error)
{
	*size = lseek(fd, 0, SEEK_END);
	if (*size < 0)
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "its size cannot be had (%s); give the path of an image",
			    g_strerror(errno));
	if (*size == 0)
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "it is empty; give it a size with truncate -s SIZE");
	return 0;
}

/* Of a raw image; others have a size of their own, whatever the file's is. */
static int check_size(off_t size, const struct definition_disk *disk, GError **error)
{
	unsigned sector = disk->dvd ? DVD_SECTOR_BYTES : SECTOR_BYTES;

	if (disk->format == DISK_FORMAT_RAW && size % sector != 0)
		return fail(error, SERVICE_ERROR_INVALID_IMAGE,
			    "it has %" PRIdMAX " bytes, no multiple of %u: the end of it may be "
			    "lost; restore it, or fill it up with truncate -s %%%u",
			    (intmax_t)size, sector, sector);
	return 0;
}

int disk_image_open(const struct definition_disk *disk, GError **error)
{
	autofd int fd = open_path(disk, error);
	off_t size;

	/* The format first: what is no raw image may have any length. */
	if (fd < 0 || get_size(fd, &size, error) < 0 || check_format(fd, size, disk, error) < 0 ||
	    check_size(size, disk, error) < 0)
		return -1;
	return fd_steal(&fd);
}

int disk_image_open_size(const struct definition_disk *disk, off_t *size, GError **error)
{
	autofd int fd = open_path(disk, error);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return fail_open(disk, errno, error);
	if (!S_ISREG(st.st_mode))
		return fail(error, SERVICE_ERROR_NOT_SUPPORTED,
			    "is a block device, which gets its size on the host; change it there, "
			    "and resize without a SIZE");
	*size = st.st_size;
	return fd_steal(&fd);
}

/* ---- locking --------------------------------------------------------------------------------- */

static struct flock whole(gboolean read_only)
{
	return (struct flock){.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
}

int disk_image_lock(int fd, gboolean read_only)
{
	struct flock lock = whole(read_only);

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

pid_t disk_image_holder(int fd, gboolean read_only)
{
	struct flock lock = whole(read_only);

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0
		       ? lock.l_pid
		       : 0;
}
