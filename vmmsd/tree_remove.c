/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree_remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 16

static int remove_at(int directory, const char *name, unsigned int depth);

/* Takes fd. */
static int empty(int fd, unsigned int depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int result = 0;

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		int r = 0;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_at(fd, entry->d_name, depth);
		if (r < 0)
			result = r;
	}
	closedir(dir);
	return result;
}

static int remove_at(int directory, const char *name, unsigned int depth)
{
	int fd;

	if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth == 0)
		return -ELOOP;
	fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = empty(fd, depth - 1);
	if (unlinkat(directory, name, AT_REMOVEDIR) == 0)
		return 0;
	return r < 0 ? r : -errno;
}

int tree_remove_at(int directory, const char *name)
{
	return remove_at(directory, name, DEPTH_MAX);
}
