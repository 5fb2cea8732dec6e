/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one GError domain of vmmsd. Codes are the bus errors of vmms1.h; bus_error.c maps them. */
#ifndef SERVICE_ERROR_H
#define SERVICE_ERROR_H

#include <glib.h>

#include "vmms1.h"

#define SERVICE_ERROR (service_error_quark())
GQuark service_error_quark(void);

enum service_error {
#define X(sym, name) SERVICE_ERROR_##sym,
	VMMS_ERRORS(X)
#undef X
		SERVICE_ERROR_N
};

/* Sets an error of that code; FALSE. */
gboolean service_error_fail(GError **error, enum service_error code, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* "org.vmms1.Error.NoSuchVm"; static. */
const char *service_error_bus_name(enum service_error code);
/* SERVICE_ERROR_FAILED for a name that is not ours. */
enum service_error service_error_from_bus_name(const char *name);

#endif
