/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Core scheduling: the kernel keeps threads with different cookies off the siblings of one core. */
#ifndef SCHED_CORE_H
#define SCHED_CORE_H

#include <glib.h>

#include "sched_definition.h"

/* Whether this kernel has it, and this machine a use for it; else *reason, g_free. */
gboolean sched_core_available(char **reason);
/* A start that requires it: where no core has siblings nothing is shared, and nothing is missing.
 * NO_CPU: this kernel cannot. */
gboolean sched_core_check(const struct sched_definition *sched, const char *vm, GError **error);

#endif
