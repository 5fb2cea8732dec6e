/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "worker_error.h"

#define ENDPOINT_BACKLOG 8

static int endpoint_failed(const char *dir, const char *what, GError **error)
{
	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_FAILED,
		"runtime directory %s: %s (%s); see that it exists and belongs to the worker's user",
		dir, what, g_strerror(errno));
	return -1;
}

static int endpoint_bind(const char *dir, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", dir);

	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return endpoint_failed(dir, "its name is too long for a socket", error);
	}

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return endpoint_failed(dir, "no socket could be made", error);
	/* Mode 0600 from its first moment on: fchmod on the socket counts before bind. */
	if ((unlink(address.sun_path) < 0 && errno != ENOENT) || fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, ENDPOINT_BACKLOG) < 0) {
		endpoint_failed(dir, "the socket control could not be made in it", error);
		close(fd);
		return -1;
	}
	return fd;
}

static int endpoint_take_passed(const char *dir, unsigned int n_passed, GError **error)
{
	const int fd = SD_LISTEN_FDS_START;

	if (n_passed != 1 || sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0) {
		errno = EINVAL;
		return endpoint_failed(dir, "what was passed for it is not one listening socket",
				       error);
	}
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return endpoint_failed(dir, "the socket that was passed cannot be used", error);
	return fd;
}

int endpoint_listen(const char *runtime_dir, unsigned int n_passed, uid_t *ret_owner,
		    GError **error)
{
	struct stat st;

	if (stat(runtime_dir, &st) < 0)
		return endpoint_failed(runtime_dir, "it cannot be looked at", error);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return endpoint_failed(runtime_dir, "it is no directory", error);
	}
	*ret_owner = st.st_uid;
	return n_passed > 0 ? endpoint_take_passed(runtime_dir, n_passed, error)
			    : endpoint_bind(runtime_dir, error);
}

int endpoint_accept(int listen_fd, uid_t owner, uid_t *ret_peer)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	*ret_peer = (uid_t)-1;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
		*ret_peer = peer.uid;
		if (peer.uid == 0 || peer.uid == geteuid() || peer.uid == owner)
			return fd;
	}
	close(fd);
	return -1;
}
