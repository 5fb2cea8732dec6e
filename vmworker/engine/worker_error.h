/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one GError domain of vmworker. Codes are the bus errors of vmms1.h; control.c turns them into
 * bus names. A message is one sentence: the object, what was wrong, what to do.
 */
#ifndef WORKER_ERROR_H
#define WORKER_ERROR_H

#include <glib.h>

#include "vmms1.h"

#define WORKER_ERROR (worker_error_quark())
GQuark worker_error_quark(void);

enum worker_error {
#define X(sym, name) WORKER_ERROR_##sym,
	VMMS_ERRORS(X)
#undef X
		WORKER_ERROR_N
};

/* "org.vmms1.Error.Denied" for an error of any domain; those of other domains are Failed. Static.
 */
const char *worker_error_bus_name(const GError *error);

#endif
