/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "socket_at.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cleanup.h"

/* The address goes through the process's own descriptor table, which is short whatever DIR is. */
static int address_at(int directory_fd, const char *name, struct sockaddr_un *ret)
{
	int size;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	size = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", directory_fd,
			name);
	return size > 0 && (size_t)size < sizeof(ret->sun_path) ? 0 : -ENAMETOOLONG;
}

static int listen_at(int directory_fd, const char *name, int type, int backlog)
{
	autofd int fd = -1;
	struct sockaddr_un address;
	char fresh[64];
	int r;

	r = snprintf(fresh, sizeof(fresh), ".%s.new", name);
	if (r < 0 || (size_t)r >= sizeof(fresh))
		return -ENAMETOOLONG;
	r = address_at(directory_fd, fresh, &address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (unlinkat(directory_fd, fresh, 0) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (fchmodat(directory_fd, fresh, 0600, 0) < 0 || listen(fd, backlog) < 0 ||
	    renameat(directory_fd, fresh, directory_fd, name) < 0) {
		r = -errno;
		(void)unlinkat(directory_fd, fresh, 0);
		return r;
	}
	return fd_steal(&fd);
}

static int connect_at(int directory_fd, const char *name, int type)
{
	autofd int fd = -1;
	struct sockaddr_un address;
	int r;

	r = address_at(directory_fd, name, &address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return fd_steal(&fd);
}

int socket_listen_at(int directory_fd, const char *name, int backlog)
{
	return listen_at(directory_fd, name, SOCK_STREAM, backlog);
}

int socket_listen_packets_at(int directory_fd, const char *name, int backlog)
{
	return listen_at(directory_fd, name, SOCK_SEQPACKET, backlog);
}

int socket_connect_at(int directory_fd, const char *name)
{
	return connect_at(directory_fd, name, SOCK_STREAM);
}

int socket_connect_packets_at(int directory_fd, const char *name)
{
	return connect_at(directory_fd, name, SOCK_SEQPACKET);
}
