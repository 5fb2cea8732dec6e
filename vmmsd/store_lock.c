/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service_error.h"
#include "store_internal.h"

static void fail(const char *directory, int saved_errno, GError **error)
{
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
		    "cannot write in the directory %s of the store (%s): %s", directory,
		    strerror(saved_errno),
		    saved_errno == ENOENT    ? "create it"
		    : saved_errno == ENOTDIR ? "it must be a directory"
		    : saved_errno == ENOSPC  ? "free space on its disk"
		    : saved_errno == EROFS   ? "mount its file system writable"
					     : "give the user of vmmsd write access to it");
}

static void fail_held(int fd, const char *directory, GError **error)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		text[0] = '\0';
	long pid = strtol(text, NULL, 10);
	if (pid > 0)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
			    "the store %s is in use by vmmsd (pid %ld): stop it first", directory,
			    pid);
	else
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE,
			    "the store %s is in use by another vmmsd: stop it first", directory);
}

/* The pid only serves the message; the lock is the kernel's and goes with the process. */
static gboolean write_pid(int fd)
{
	char text[16];
	int length = g_snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)length, 0) == length;
}

int store_lock(const char *directory, GError **error)
{
	/* Of the open file, not of the process: it also holds between two stores of one process. */
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	g_autofree char *path = g_build_filename(directory, "lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		fail(directory, errno, error);
		return -1;
	}
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			fail_held(fd, directory, error);
		else
			fail(directory, errno, error);
		close(fd);
		return -1;
	}
	if (!write_pid(fd)) {
		fail(directory, errno, error);
		close(fd);
		return -1;
	}
	return fd;
}
