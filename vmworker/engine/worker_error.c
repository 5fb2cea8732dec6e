/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_error.h"

G_DEFINE_QUARK(vmms - worker - error, worker_error)

static const char *const bus_names[WORKER_ERROR_N] = {
#define X(sym, name) [WORKER_ERROR_##sym] = VMMS_ERROR_PREFIX name,
	VMMS_ERRORS(X)
#undef X
};

const char *worker_error_bus_name(const GError *error)
{
	if (error->domain != WORKER_ERROR || error->code < 0 || error->code >= WORKER_ERROR_N)
		return bus_names[WORKER_ERROR_FAILED];
	return bus_names[error->code];
}
