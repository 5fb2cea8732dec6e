/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orphans.h"

#include <errno.h>
#include <glib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_AGAIN_US 5000
#define PATIENCE_US   (G_USEC_PER_SEC / 2)

/* The ended child that is first in the kernel's list; none is told of after it until it is gone. */
struct first {
	pid_t pid; /* 0: none */
	gint64 since_us;
};

/* Children that libvirt waits for itself are of our session or, about to make an orphan, lead one
 * of their own. */
static gboolean is_orphan(pid_t pid)
{
	pid_t session = getsid(pid);

	return session > 0 && session != pid && session != getsid(0);
}

/* libvirt waits for what it waits for without delay. A QEMU that it asks what it can do leads a
 * session too, and is waited for by nobody. */
static gboolean is_left(struct first *first, pid_t pid)
{
	gint64 now = g_get_monotonic_time();

	if (first->pid != pid)
		*first = (struct first){pid, now};
	return now - first->since_us >= PATIENCE_US;
}

static gpointer reap(gpointer data)
{
	struct first first = {0};
	siginfo_t info;

	(void)data;
	for (;;) {
		if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) < 0) {
			if (errno == EINTR)
				continue;
			return NULL;
		}
		if (!is_orphan(info.si_pid) && !is_left(&first, info.si_pid)) {
			g_usleep(LOOK_AGAIN_US); /* until libvirt has seen it */
			continue;
		}
		(void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
		first.pid = 0;
	}
}

void orphans_adopt(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
		g_thread_unref(g_thread_new("orphans", reap, NULL));
}
