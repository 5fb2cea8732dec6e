/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service_error.h"

G_DEFINE_QUARK(service_error, service_error)

static const char *const bus_names[SERVICE_ERROR_N] = {
#define X(sym, name) [SERVICE_ERROR_##sym] = VMMS_ERROR_PREFIX name,
	VMMS_ERRORS(X)
#undef X
};

const char *service_error_bus_name(enum service_error code)
{
	if ((unsigned)code >= SERVICE_ERROR_N)
		return bus_names[SERVICE_ERROR_FAILED];
	return bus_names[code];
}

enum service_error service_error_from_bus_name(const char *name)
{
	for (unsigned code = 0; code < SERVICE_ERROR_N; code++) {
		if (g_strcmp0(name, bus_names[code]) == 0)
			return (enum service_error)code;
	}
	return SERVICE_ERROR_FAILED;
}

gboolean service_error_fail(GError **error, enum service_error code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, SERVICE_ERROR, (int)code, what);
	return FALSE;
}
