/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "orphans.h"

#include <errno.h>
#include <glib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_AGAIN_US 5000

/* Children that libvirt waits for itself are of our session or, about to make an orphan, lead one
 * of their own. */
static gboolean is_orphan(pid_t pid)
{
	pid_t session = getsid(pid);

	return session > 0 && session != pid && session != getsid(0);
}

static gpointer reap(gpointer data)
{
	siginfo_t info;

	(void)data;
	for (;;) {
		if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) < 0) {
			if (errno == EINTR)
				continue;
			return NULL;
		}
		if (is_orphan(info.si_pid))
			(void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
		else
			g_usleep(LOOK_AGAIN_US); /* until libvirt has seen it */
	}
}

void orphans_adopt(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
		g_thread_unref(g_thread_new("orphans", reap, NULL));
}
