/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrollback_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"

static gboolean scrollback_file_fail(GError **error, const char *what, int code)
{
	g_set_error(error, CONSOLE_ERROR, CONSOLE_ERROR_RING,
		    "Cannot %s the console's scroll-back file: %s; make room for it, or delete it "
		    "to have a new one made.",
		    what, g_strerror(code));
	return FALSE;
}

gboolean scrollback_file_map(struct scrollback_file *file, int fd, uint64_t size, GError **error)
{
	size_t length = scrollback_footprint(size);
	struct stat st;
	void *memory;
	int r;

	if (!scrollback_size_valid(size)) {
		g_set_error(error, CONSOLE_ERROR, CONSOLE_ERROR_RING,
			    "A console's scroll-back cannot have %" PRIu64
			    " bytes; use a power of two from 4096 to 16777216.",
			    size);
		return FALSE;
	}
	if (fstat(fd, &st) < 0)
		return scrollback_file_fail(error, "examine", errno);
	if ((uint64_t)st.st_size != length &&
	    (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)length) < 0))
		return scrollback_file_fail(error, "resize", errno);
	r = posix_fallocate(fd, 0, (off_t)length);
	if (r != 0)
		return scrollback_file_fail(error, "allocate", r);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return scrollback_file_fail(error, "map", errno);
	file->memory = memory;
	file->length = length;
	if (!scrollback_attach(&file->scrollback, memory, length))
		scrollback_format(&file->scrollback, memory, size);
	return TRUE;
}

void scrollback_file_unmap(struct scrollback_file *file)
{
	if (!file->memory)
		return;
	munmap(file->memory, file->length);
	*file = (struct scrollback_file){};
}
