/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks of the code and the whole sentence, since the sentence is what a person gets. */
#ifndef ASSERT_ERROR_H
#define ASSERT_ERROR_H

#include "service_error.h"

/* Takes the error. */
static inline void assert_message(GError *error, enum service_error code, const char *message)
{
	g_assert_error(error, SERVICE_ERROR, (int)code);
	g_assert_cmpstr(error->message, ==, message);
	g_error_free(error);
}

#endif
