/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "user_space.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "worker_error.h"

#define SOMEBODY "1000"
#define KVM	 "/dev/kvm"

static gboolean put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	gboolean ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* What cannot be hidden costs time only. */
static void hide_kvm(const char *runtime_dir)
{
	g_autofree char *nothing = g_build_filename(runtime_dir, "nothing", NULL);
	int fd = open(nothing, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	close(fd);
	(void)mount(nothing, KVM, NULL, MS_BIND, NULL);
	(void)unlink(nothing);
}

gboolean user_space_enter(const char *runtime_dir, GError **error)
{
	g_autofree char *gid_map = g_strdup_printf(SOMEBODY " %u 1", getegid());

	if (geteuid() != 0)
		return TRUE;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put_text("/proc/self/setgroups", "deny") &&
	    put_text("/proc/self/uid_map", SOMEBODY " 0 1") &&
	    put_text("/proc/self/gid_map", gid_map)) {
		hide_kvm(runtime_dir);
		return TRUE;
	}
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		    "vmworker-translate: root needs a user namespace for QEMU, and none can be "
		    "made (%s); run vmmsd as another user, or allow user namespaces",
		    g_strerror(errno));
	return FALSE;
}
