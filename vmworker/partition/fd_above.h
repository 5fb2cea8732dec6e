/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors 0 to 2 mean "none was given" to the partition API, so what it hands out lies above
 * them.
 */
#ifndef FD_ABOVE_H
#define FD_ABOVE_H

#include <fcntl.h>
#include <unistd.h>

/* Takes fd, which may be -1, and returns it or a copy above the standard ones. -1 and errno. */
static inline int fd_above(int fd)
{
	int above;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	above = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	(void)close(fd);
	return above;
}

#endif
