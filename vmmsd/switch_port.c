/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "switch_port.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "process.h"
#include "socket_at.h"
#include "switch_port_wire.h"

#define BACKLOG 128

/* 0 or -errno. */
static int switch_run(const struct service *service, int directory)
{
	const char *const argv[] = {service->options->net_switch, "--lock", "4", NULL};
	autofd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), listener = -1, lock = -1;
	int pidfd;
	pid_t pid;

	/* The lock is of an open file: the switch needs one of its own. */
	lock = open(service->options->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (null_fd < 0 || lock < 0)
		return -errno;
	listener = socket_listen_packets_at(directory, VMMS_SWITCH_SOCKET, BACKLOG);
	if (listener < 0)
		return listener;
	pidfd = process_spawn(
		&(struct process_spec){
			.argv = argv,
			.fds = {null_fd, null_fd, null_fd, listener, lock},
			.n_fds = 5,
			.new_session = TRUE,
			.listen = TRUE,
		},
		&pid);
	if (pidfd < 0)
		return pidfd;
	process_reap_later(service->event, pidfd);
	return 0;
}

/* A socket or -errno. */
static int switch_connect(const struct service *service)
{
	autofd int directory =
		open(service->options->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd, r;

	if (directory < 0)
		return -errno;
	/* A switch that ends has the lock for an instant, so that it does not end between our
	 * connecting and its looking for connections. */
	if (!service->units && flock(directory, LOCK_EX) < 0)
		return -errno;
	fd = socket_connect_packets_at(directory, VMMS_SWITCH_SOCKET);
	if (service->units || (fd != -ENOENT && fd != -ECONNREFUSED))
		return fd;
	r = switch_run(service, directory);
	return r < 0 ? r : socket_connect_packets_at(directory, VMMS_SWITCH_SOCKET);
}

int switch_port_open(const struct service *service, const char *network,
		     const struct mac_address *mac, GError **error)
{
	struct vmms_switch_port hello = {.magic = VMMS_SWITCH_MAGIC};
	autofd int fd = switch_connect(service);
	int fault = fd < 0 ? -fd : 0;

	(void)g_strlcpy(hello.network, network, sizeof(hello.network));
	memcpy(hello.mac, mac->bytes, sizeof(hello.mac));
	if (!fault && send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello))
		fault = errno;
	if (!fault)
		return fd_steal(&fd);
	if (service->units)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "the switch of private networks cannot be reached (%s); run systemctl "
			    "start vmms-switch.socket",
			    g_strerror(fault));
	else
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "the switch of private networks cannot be reached at %s/%s (%s); see "
			    "that %s is installed, and nothing in the way of the socket",
			    service->options->runtime_dir, VMMS_SWITCH_SOCKET, g_strerror(fault),
			    service->options->net_switch);
	return -1;
}
