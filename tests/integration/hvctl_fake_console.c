// SPDX-License-Identifier: LGPL-2.1-or-later
/* The console of the fake service: a scroll-back, then an echo. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hvctl_fake_service.h"

#define FLOOD (4u << 20)

struct viewer {
	int fd;
	sd_event_source *source;
	gboolean read_only;
	size_t flood; /* bytes still to be sent */
};

static void viewer_free(struct viewer *viewer)
{
	sd_event_source_disable_unref(viewer->source);
	close(viewer->fd);
	g_free(viewer);
}

static int on_viewer(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	static const char zeros[4096] = "0123456789";
	struct viewer *viewer = userdata;
	char data[256];

	if (viewer->flood > 0 && (revents & EPOLLOUT)) {
		ssize_t n = send(fd, zeros, MIN(sizeof(zeros), viewer->flood), MSG_NOSIGNAL);
		if (n > 0)
			viewer->flood -= (size_t)n;
		if (viewer->flood == 0)
			sd_event_source_set_io_events(source, EPOLLIN);
	}
	if (!(revents & (EPOLLIN | EPOLLHUP)))
		return 0;
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (n > 0 && !viewer->read_only && send(fd, data, (size_t)n, MSG_NOSIGNAL) < 0)
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

int fake_console_open(struct fake_vm *vm, uint32_t flags)
{
	char text[128];
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	snprintf(text, sizeof(text), "boot of %s\r\n", vm->name);
	if ((flags & VMMS_CONSOLE_REPLAY) && write(fds[0], text, strlen(text)) < 0)
		g_warning("console: %s", g_strerror(errno));
	if (flags & VMMS_CONSOLE_LOG_ONLY) {
		close(fds[0]);
		return fds[1];
	}
	struct viewer *viewer = g_new0(struct viewer, 1);
	viewer->fd = fds[0];
	viewer->read_only = (flags & VMMS_CONSOLE_READ_ONLY) != 0;
	viewer->flood = g_str_has_prefix(vm->name, "flood-") ? FLOOD : 0;
	sd_event_add_io(vm->fake->event, &viewer->source, fds[0],
			EPOLLIN | (viewer->flood ? EPOLLOUT : 0), on_viewer, viewer);
	g_ptr_array_set_free_func(vm->viewers, (GDestroyNotify)viewer_free);
	g_ptr_array_add(vm->viewers, viewer);
	return fds[1];
}

void fake_console_close(struct fake_vm *vm)
{
	for (guint i = 0; i < vm->viewers->len; i++) {
		struct viewer *viewer = vm->viewers->pdata[i];
		if (send(viewer->fd, "bye\r\n", 5, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			continue;
	}
	g_ptr_array_set_size(vm->viewers, 0);
}
