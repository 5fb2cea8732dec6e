/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_core.h"

#include <errno.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "service_error.h"

/* 0, or the errno: the kernel tells one without CONFIG_SCHED_CORE from one without siblings. */
static int ask_kernel(void)
{
	uint64_t cookie = 0;

	return prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, PR_SCHED_CORE_SCOPE_THREAD,
		     (unsigned long)&cookie) == 0
		       ? 0
		       : errno;
}

static const char *describe(int errnum)
{
	return errnum == EINVAL	  ? "unavailable on this kernel (no CONFIG_SCHED_CORE)"
	       : errnum == ENODEV ? "not needed here: no core of this host has siblings"
				  : g_strerror(errnum);
}

gboolean sched_core_available(char **reason)
{
	int errnum = ask_kernel();

	*reason = errnum ? g_strdup(describe(errnum)) : NULL;
	return errnum == 0;
}

gboolean sched_core_check(const struct sched_definition *sched, const char *vm, GError **error)
{
	int errnum = sched->core_required ? ask_kernel() : 0;

	if (errnum == 0 || errnum == ENODEV)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: it requires core scheduling, which is %s: start it on a kernel that "
		    "has it, or take coreSchedulingRequired back",
		    vm, describe(errnum));
	return FALSE;
}
