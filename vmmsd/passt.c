/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "passt.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "duration.h"
#include "socket_at.h"

#define PASST_US     SECONDS(15) /* until it is in the background */
#define PASST_BUFFER 4194304	 /* bytes to the guest: passt drops what does not fit */
#define PASST_SOCKET "passt"	 /* in the runtime directory: vmms-passt.socket */

gboolean passt_check(GError **error)
{
	g_autofree char *path = g_find_program_in_path("passt");

	if (path)
		return TRUE;
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "passt, which is the network of the type user, is not installed; "
			    "install the package passt");
	return FALSE;
}

int passt_connect(const struct service *service, GError **error)
{
	autofd int directory =
		open(service->options->runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = directory < 0 ? -errno : socket_connect_at(directory, PASST_SOCKET);

	if (fd >= 0)
		return fd;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "passt cannot be reached at %s/" PASST_SOCKET
		    " (%s); run systemctl start vmms-passt.socket",
		    service->options->runtime_dir, g_strerror(-fd));
	return -1;
}

/* As vmms-passt.socket does. Only as much as the host allows when we are not privileged. */
static void set_send_buffer(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

struct subprocess *passt_run(const struct service *service, uint32_t mtu, int *ret_fd,
			     subprocess_done *done, void *context, GError **error)
{
	g_autofree char *path = g_find_program_in_path("passt");
	g_autofree char *mtu_text = g_strdup_printf("%u", mtu);
	/* Without the map, the host's own loopback is not the gateway of the guest. */
	const char *const argv[] = {path ? path : "/usr/bin/passt",
				    "--quiet",
				    "--no-map-gw",
				    "--mtu",
				    mtu_text,
				    "--fd",
				    "3",
				    NULL};
	autofd int ours = -1, theirs = -1;
	struct subprocess *process;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "its socket cannot be made: %s", g_strerror(errno));
		return NULL;
	}
	ours = pair[0];
	theirs = pair[1];
	set_send_buffer(theirs, PASST_BUFFER);
	process = subprocess_run(service->event, argv, -1, theirs, PASST_US, done, context, error);
	if (process)
		*ret_fd = fd_steal(&ours);
	return process;
}

gboolean passt_check_result(const struct subprocess_result *result, GError **error)
{
	if (!result->timed_out && result->status == 0)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "passt does not start (%s); run passt --foreground to see why",
		    result->timed_out	  ? "it was not ready in time"
		    : *result->error_text ? result->error_text
					  : "it says nothing");
	return FALSE;
}
