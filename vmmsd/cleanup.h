/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scope-bound release of descriptors and sd-bus objects. */
#ifndef CLEANUP_H
#define CLEANUP_H

#include <errno.h>
#include <glib.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

/* Closes fd unless it is negative and keeps errno; returns -1, to be assigned. */
static inline int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	return -1;
}

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

#define autofd	   __attribute__((cleanup(fd_closep)))
#define automsg	   __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *
#define autobuserr __attribute__((cleanup(sd_bus_error_free))) sd_bus_error

static inline int fd_steal(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

#endif
