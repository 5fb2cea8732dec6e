/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "start_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker_error.h"

#define ACCESS_LISTEN (-1) /* a socket that others connect to */

static const struct tag {
	const char *name;
	int access; /* O_RDONLY, O_WRONLY, O_RDWR: what the descriptor must allow */
} tags[START_FILE_N] = {
	[START_FILE_KERNEL] = {VMMS_FILE_KERNEL, O_RDONLY},
	[START_FILE_PAYLOAD] = {VMMS_FILE_PAYLOAD, O_RDONLY},
	[START_FILE_INITRD] = {VMMS_FILE_INITRD, O_RDONLY},
	[START_FILE_CONSOLE0] = {VMMS_FILE_CONSOLE0, O_RDWR},
	[START_FILE_CONSOLE1] = {VMMS_FILE_CONSOLE1, O_RDWR},
	[START_FILE_RESULT] = {VMMS_FILE_RESULT, O_WRONLY},
	[START_FILE_VSOCK] = {VMMS_FILE_VSOCK, ACCESS_LISTEN},
	[START_FILE_STATE] = {VMMS_FILE_STATE, O_RDONLY},
};

void start_files_init(struct start_files *files)
{
	for (size_t i = 0; i < START_FILE_N; i++)
		files->fd[i] = -1;
	device_files_init(&files->devices);
}

void start_files_close(struct start_files *files)
{
	for (size_t i = 0; i < START_FILE_N; i++) {
		if (files->fd[i] >= 0)
			close(files->fd[i]);
		files->fd[i] = -1;
	}
	device_files_close(&files->devices);
}

static const char *socket_fault(int fd)
{
	int listens = 0;
	socklen_t size = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
		return NULL;
	return "this is no socket that listens; make one";
}

/* Regular files only: reading a pipe or a terminal could keep the worker waiting for ever. */
static const char *fd_fault(int fd, int access)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (access == ACCESS_LISTEN)
		return socket_fault(fd);
	if (flags < 0 || fstat(fd, &st) < 0)
		return "the descriptor is not open; open the file first";
	if (!S_ISREG(st.st_mode))
		return "this is not a regular file; name one";
	if ((flags & O_ACCMODE) != O_RDWR && (flags & O_ACCMODE) != access)
		return "it is not open for the access that is needed; open it for reading, the console and the result for writing";
	return NULL;
}

gboolean start_files_add(struct start_files *files, const char *tag, int fd, GError **error)
{
	const char *fault = "the worker knows no file of this tag; update vmms";
	int *place = device_files_place(&files->devices, tag);
	size_t i = 0;

	while (i < START_FILE_N && strcmp(tags[i].name, tag) != 0)
		i++;
	if (i < START_FILE_N)
		place = &files->fd[i];
	if (place && *place >= 0)
		fault = "the file is given twice; give it once";
	else if (place) /* what a device needs depends on the definition: device_files_lend */
		fault = i < START_FILE_N ? fd_fault(fd, tags[i].access) : NULL;
	if (!fault) {
		*place = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (*place >= 0)
			return TRUE;
		fault = g_strerror(errno);
	}
	g_autofree char *name = g_strescape(tag, NULL);
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT, "file \"%.32s\": %s", name,
		    fault);
	return FALSE;
}

static gboolean ring_make(int *fd, const char *name, GError **error)
{
	if (*fd >= 0)
		return TRUE;
	*fd = memfd_create(name, MFD_CLOEXEC);
	if (*fd >= 0)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "file \"%s\": no memory file could be made (%s); raise the limit of open files",
		    name, g_strerror(errno));
	return FALSE;
}

gboolean start_files_complete(struct start_files *files, GError **error)
{
	static const enum start_file needed[] = {START_FILE_KERNEL, START_FILE_RESULT};

	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
		if (files->fd[needed[i]] < 0) {
			g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
				    "file \"%s\": it is missing; pass it with Start",
				    tags[needed[i]].name);
			return FALSE;
		}
	}
	return ring_make(&files->fd[START_FILE_CONSOLE0], VMMS_FILE_CONSOLE0, error) &&
	       ring_make(&files->fd[START_FILE_CONSOLE1], VMMS_FILE_CONSOLE1, error);
}
