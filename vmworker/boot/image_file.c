/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"

G_DEFINE_QUARK(vmms - boot - error - quark, boot_error)

/* Neither locale nor allocation: also right in the confined process of vmms-unpack. */
static const char *errno_text(int number)
{
	const char *text = strerrordesc_np(number);

	return text ? text : "unknown error";
}

void image_file_error(GError **error, const struct image_file *file, int code, const char *format,
		      ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, BOOT_ERROR, code, "%s %s: %s", file->role, file->name, text);
}

gboolean image_file_init(struct image_file *file, int fd, const char *role, const char *name,
			 GError **error)
{
	struct stat st;

	*file = (struct image_file){.fd = fd, .role = role, .name = name ? name : "(unnamed)"};
	if (fstat(fd, &st) < 0) {
		image_file_error(error, file, BOOT_ERROR_IO, "it cannot be examined: %s",
				 errno_text(errno));
		return FALSE;
	}
	if (!S_ISREG(st.st_mode)) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "it is not a regular file; name the %s file itself", role);
		return FALSE;
	}
	if (st.st_size <= 0) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "the file is empty; copy the %s again", role);
		return FALSE;
	}
	file->size = (uint64_t)st.st_size;
	return TRUE;
}

gboolean image_file_contains(const struct image_file *file, uint64_t offset, uint64_t size)
{
	return offset <= file->size && size <= file->size - offset;
}

gboolean image_file_read_some(const struct image_file *file, uint64_t offset, void *data,
			      size_t size, size_t *got, GError **error)
{
	uint8_t *bytes = data;
	size_t done = 0;

	while (done < size && offset + done < file->size) {
		ssize_t n = pread(file->fd, bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			image_file_error(error, file, BOOT_ERROR_IO,
					 "reading failed: %s; check the disk and the file",
					 errno_text(errno));
			return FALSE;
		}
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*got = done;
	return TRUE;
}

gboolean image_file_read(const struct image_file *file, uint64_t offset, void *data, size_t size,
			 GError **error)
{
	size_t got;

	if (!image_file_read_some(file, offset, data, size, &got, error))
		return FALSE;
	if (got == size)
		return TRUE;
	image_file_error(error, file, BOOT_ERROR_IMAGE,
			 "the file ends early: byte %" G_GUINT64_FORMAT
			 " is needed (truncated file?); copy the %s again",
			 offset + size, file->role);
	return FALSE;
}
