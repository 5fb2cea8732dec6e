/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Core scheduling: the kernel keeps threads with different cookies off the siblings of one core. */
#ifndef SCHED_CORE_H
#define SCHED_CORE_H

#include <glib.h>

/* Whether this kernel has it, and this machine a use for it; else *reason, g_free. */
gboolean sched_core_available(char **reason);

#endif
