/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_chain.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "disk_image.h"
#include "qcow2_header.h"
#include "service_error.h"

#define VHD_FOOTER	 512u
#define VHD_TYPE_OFFSET	 60u
#define VHD_DIFFERENCING 4u

G_GNUC_PRINTF(2, 3)
static gboolean fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE, what);
	return FALSE;
}

void image_chain_close(struct image_chain *chain)
{
	for (size_t i = 1; i < chain->n; i++)
		chain->fds[i] = fd_close(chain->fds[i]);
	chain->n = 0;
}

/* The last sector of every VHD is its footer. */
static gboolean check_vhd(int fd, GError **error)
{
	char footer[VHD_FOOTER];
	off_t end = lseek(fd, 0, SEEK_END);
	uint32_t type;

	if (end < (off_t)VHD_FOOTER ||
	    pread(fd, footer, sizeof(footer), end - (off_t)VHD_FOOTER) != (ssize_t)sizeof(footer) ||
	    memcmp(footer, "conectix", 8) != 0)
		return fail(error,
			    "its vhd footer is lost: the image may be cut short; restore it");
	memcpy(&type, footer + VHD_TYPE_OFFSET, sizeof(type));
	if (GUINT32_FROM_BE(type) == VHD_DIFFERENCING)
		return fail(error, "it is a differencing vhd, which needs another file; merge it "
				   "into its parent");
	return TRUE;
}

/* Where the image is in truth; NULL: it has no name any more. */
static char *directory_of(int fd)
{
	char link[64];

	(void)g_snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	g_autofree char *path = g_file_read_link(link, NULL);
	return path ? g_path_get_dirname(path) : NULL;
}

static gboolean same_directory(const char *a, const char *b)
{
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* The descriptor, or -1. A link is not followed: it could lead anywhere. */
static int open_beside(const char *directory, const char *name, GError **error)
{
	g_autofree char *base = g_path_get_basename(name);
	g_autofree char *path =
		g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(directory, name, NULL);
	g_autofree char *place = g_path_get_dirname(path);
	autofd int fd = -1, at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (at < 0 || !same_directory(directory, place)) {
		fail(error,
		     "it is based on %s, which is not in its own directory; put both into one and "
		     "say so with qemu-img rebase -u, or merge them with qemu-img convert",
		     name);
		return -1;
	}
	fd = openat(at, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		fail(error, "it is based on %s, which cannot be opened (%s); restore that", name,
		     errno == ELOOP ? "a symbolic link" : g_strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		fail(error, "it is based on %s, which is no regular file; name one", name);
		return -1;
	}
	return fd_steal(&fd);
}

static gboolean parse_format(const char *name, enum disk_format *format)
{
	static const struct {
		const char *name;
		enum disk_format format;
	} names[] = {{"raw", DISK_FORMAT_RAW},
		     {"qcow2", DISK_FORMAT_QCOW2},
		     {"vpc", DISK_FORMAT_VHD},
		     {"vhdx", DISK_FORMAT_VHDX}};

	for (size_t i = 0; name && i < G_N_ELEMENTS(names); i++) {
		if (g_str_equal(names[i].name, name)) {
			*format = names[i].format;
			return TRUE;
		}
	}
	return FALSE;
}

/* Such that it can be shown, and so is what it looks like. */
static gboolean is_plain(const char *name)
{
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return FALSE;
	}
	return g_utf8_validate(name, -1, NULL);
}

/* What the last layer so far is based on becomes the next one. */
static gboolean add_backing(struct image_chain *chain, const struct qcow2_header *header,
			    GError **error)
{
	g_autofree char *directory = directory_of(chain->fds[chain->n - 1]);
	g_autofree char *shown = g_strescape(header->backing, NULL);
	enum disk_format format;
	autofd int fd = -1;

	if (chain->n == VMMS_NBD_LAYERS)
		return fail(error,
			    "it is based on more than %u others; merge some with qemu-img "
			    "commit",
			    VMMS_NBD_LAYERS - 1);
	/* To look what it is would believe a guest that has written to it. */
	if (!parse_format(header->backing_format, &format))
		return fail(error,
			    "it does not say what format %s has, which it is based on; say "
			    "so with qemu-img rebase -u -F FORMAT",
			    shown);
	if (!is_plain(header->backing))
		return fail(error, "it is based on \"%s\", which is no name to open; rename that",
			    shown);
	fd = open_beside(directory ? directory : "/nonexistent", header->backing, error);
	if (fd < 0)
		return FALSE;
	if (disk_image_lock(fd, TRUE) < 0)
		return fail(error, "it is based on %s, which somebody writes to; end that use",
			    header->backing);
	chain->formats[chain->n] = format;
	chain->fds[chain->n++] = fd_steal(&fd);
	return TRUE;
}

/* FALSE and an error, or FALSE and none: it is based on nothing. */
static gboolean descend(struct image_chain *chain, GError **error)
{
	int fd = chain->fds[chain->n - 1];
	struct qcow2_header header = {0};
	gboolean more = FALSE;

	switch (chain->formats[chain->n - 1]) {
	case DISK_FORMAT_QCOW2:
		more = qcow2_header_read(fd, &header, error) && header.backing &&
		       add_backing(chain, &header, error);
		qcow2_header_clear(&header);
		return more;
	case DISK_FORMAT_VHD:
		(void)check_vhd(fd, error);
		return FALSE;
	case DISK_FORMAT_VHDX: /* qemu-nbd refuses one with a parent */
	case DISK_FORMAT_RAW:
		break;
	}
	return FALSE;
}

gboolean image_chain_open(struct image_chain *chain, const struct definition_disk *disk, int fd,
			  GError **error)
{
	GError *local = NULL;

	*chain = (struct image_chain){.fds = {fd}, .formats = {disk->format}, .n = 1};
	while (descend(chain, &local))
		;
	if (!local)
		return TRUE;
	image_chain_close(chain);
	g_propagate_error(error, local);
	return FALSE;
}
