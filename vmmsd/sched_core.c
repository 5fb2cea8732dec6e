/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_core.h"

#include <errno.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <sys/prctl.h>

gboolean sched_core_available(char **reason)
{
	uint64_t cookie = 0;

	*reason = NULL;
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, PR_SCHED_CORE_SCOPE_THREAD,
		  (unsigned long)&cookie) == 0)
		return TRUE;
	/* The kernel tells one without CONFIG_SCHED_CORE from one without siblings. */
	*reason = g_strdup(errno == EINVAL   ? "unavailable on this kernel (no CONFIG_SCHED_CORE)"
			   : errno == ENODEV ? "not needed here: no core of this host has siblings"
					     : g_strerror(errno));
	return FALSE;
}
