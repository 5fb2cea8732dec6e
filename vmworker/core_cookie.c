/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core_cookie.h"

#include <errno.h>
#include <linux/prctl.h>
#include <sys/prctl.h>

gboolean core_cookie_make(char **reason)
{
	*reason = NULL;
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0) == 0)
		return TRUE;
	*reason = g_strdup(errno == EINVAL   ? "this kernel has no core scheduling"
			   : errno == ENODEV ? "no core of this host has siblings"
					     : g_strerror(errno));
	return FALSE;
}
