/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "tree_remove.h"
#include "vmms1.h"

#define DISK_PREFIX "disk-" /* of VMMS_DISK_SOCKET */

int worker_dir_open(const char *runtime_dir, const char *uuid)
{
	g_autofree char *path = g_build_filename(runtime_dir, uuid, NULL);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 ? fd : -errno;
}

int worker_dir_make(const char *runtime_dir, const char *uuid)
{
	g_autofree char *path = g_build_filename(runtime_dir, uuid, NULL);

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return worker_dir_open(runtime_dir, uuid);
}

int worker_dir_create_file(int directory, const char *name)
{
	int fd;

	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 ? fd : -errno;
}

gboolean worker_dir_translates(int directory)
{
	return faccessat(directory, VMMS_TRANSLATE_DIR, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void worker_dir_clean(int directory)
{
	(void)unlinkat(directory, WORKER_DIR_CONTROL, 0);
	(void)unlinkat(directory, WORKER_DIR_RESULT, 0);
	(void)unlinkat(directory, WORKER_DIR_VSOCK, 0);
	(void)tree_remove_at(directory, VMMS_TRANSLATE_DIR);
}

void worker_dir_end(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	worker_dir_clean(directory);
	if (!dir) {
		fd_close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (g_str_has_prefix(entry->d_name, DISK_PREFIX))
			(void)unlinkat(directory, entry->d_name, 0);
	}
	closedir(dir);
}

void worker_dir_remove(const char *runtime_dir, const char *uuid)
{
	autofd int runtime = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (runtime >= 0)
		(void)tree_remove_at(runtime, uuid);
}
