/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk_lock.h"

#include <errno.h>
#include <fcntl.h>

#include "storage_error.h"

bool disk_lock(int fd, bool read_only, const char *name, GError **error)
{
	struct flock lock = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return true;
	if (errno == EAGAIN || errno == EACCES)
		g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_IN_USE,
			    "disk \"%s\" is in use by another program%s; end that use first", name,
			    read_only ? " that writes to it" : "");
	else
		g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_FAILED,
			    "disk \"%s\" cannot be locked against a second user: %s; keep it on a "
			    "file system with locks",
			    name, g_strerror(errno));
	return false;
}
