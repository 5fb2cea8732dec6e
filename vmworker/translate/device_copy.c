/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device_copy.h"

#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

/* One that cannot be had is missed when QEMU is given it. */
static void fd_copy(int *fd)
{
	*fd = *fd < 0 ? -1 : fcntl(*fd, F_DUPFD_CLOEXEC, 3);
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void device_copy_make(struct device_copy *copy, struct engine_devices *devices)
{
	copy->n_disks = devices->n_disks;
	copy->n_nics = devices->n_nics;
	copy->disks = g_memdup2(devices->disks, devices->n_disks * sizeof(*copy->disks));
	copy->nics = g_memdup2(devices->nics, devices->n_nics * sizeof(*copy->nics));
	for (size_t i = 0; i < copy->n_disks; i++) {
		/* QEMU connects to the server of an image by itself, and served.c keeps that. */
		if (copy->disks[i].format == ENGINE_DISK_RAW)
			fd_copy(&copy->disks[i].fd);
		else
			copy->disks[i].fd = -1;
		copy->disks[i].life_fd = -1;
	}
	for (size_t i = 0; i < copy->n_nics; i++)
		for (size_t q = 0; q < copy->nics[i].n_fds; q++)
			fd_copy(&copy->nics[i].fds[q]);
	devices->disks = copy->disks;
	devices->nics = copy->nics;
}

void device_copy_clear(struct device_copy *copy)
{
	for (size_t i = 0; i < copy->n_disks; i++)
		fd_close(copy->disks[i].fd);
	for (size_t i = 0; i < copy->n_nics; i++)
		for (size_t q = 0; q < copy->nics[i].n_fds; q++)
			fd_close(copy->nics[i].fds[q]);
	g_free(copy->disks);
	g_free(copy->nics);
	*copy = (struct device_copy){0};
}
