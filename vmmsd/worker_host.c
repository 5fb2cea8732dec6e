/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_host.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "socket_at.h"
#include "vmms1.h"
#include "worker_dir.h"

/* A worker is not trusted: of what is in its directory only a socket itself is connected to, and no
 * link to some other of the host's. */
static int connect_to_port(int directory, uint32_t port)
{
	autofd int all = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC), found = -1;
	char name[32];
	struct stat st;

	(void)snprintf(name, sizeof(name), WORKER_DIR_VSOCK "_%u", port);
	found = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (all < 0 || found < 0 || fstat(found, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	(void)snprintf(name, sizeof(name), "%d", found);
	return socket_connect_at(all, name);
}

int worker_host_answer(sd_bus_message *message, int directory)
{
	autofd int fd = -1;
	uint32_t port;

	if (sd_bus_message_is_method_call(message, VMMS_IFACE_WORKER_HOST, "ConnectSocket") <= 0)
		return 0;
	if (sd_bus_message_read(message, "u", &port) < 0) {
		(void)sd_bus_reply_method_errorf(message, VMMS_ERROR_PREFIX "InvalidArgument",
						 "ConnectSocket: the port is no number; give u");
		return 1;
	}
	fd = connect_to_port(directory, port);
	if (fd < 0)
		(void)sd_bus_reply_method_errorf(
			message, VMMS_ERROR_PREFIX "NotSupported",
			"nobody serves port %u of the host (%s); listen at vsock_%u in the "
			"VM's runtime directory",
			port, g_strerror(-fd), port);
	else
		(void)sd_bus_reply_method_return(message, "h", fd);
	return 1;
}
