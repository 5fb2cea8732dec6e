/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors and answers at the edge: GError in, D-Bus out. */
#include <string.h>

#include "bus.h"

int bus_error_set(sd_bus_error *out, const GError *error)
{
	enum service_error code = error->domain == SERVICE_ERROR ? (enum service_error)error->code
								 : SERVICE_ERROR_FAILED;
	g_autofree char *bounded = g_strndup(error->message, BUS_SENTENCE_MAX);
	/* Foreign text in a sentence must not make the answer unsendable. */
	g_autofree char *sentence = g_utf8_make_valid(bounded, -1);

	return sd_bus_error_set(out, service_error_bus_name(code), sentence);
}

gboolean bus_check_length(const char *text, size_t max, const char *what, GError **error)
{
	size_t size = strlen(text);

	if (size <= max)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
		    "%s has %zu bytes and may have %zu; give a shorter one", what, size, max);
	return FALSE;
}

int bus_reply_job(sd_bus_message *call, struct job *job, sd_bus_error *out, const GError *error)
{
	g_autofree char *path = NULL;

	if (!job)
		return bus_error_set(out, error);
	path = job_path(job);
	return sd_bus_reply_method_return(call, "o", path);
}
