/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a parsed JSON document no longer shows: members given twice, and NUL in strings. */
#ifndef JSON_MEMBERS_H
#define JSON_MEMBERS_H

#include <glib.h>

/*
 * text must be well-formed JSON in UTF-8, not nested deeper than JSON_TEXT_MAX_DEPTH. Errors are
 * SERVICE_ERROR_INVALID_DEFINITION: "$.boot: the member kernel is given twice".
 */
gboolean json_members_check(const char *text, GError **error);

#endif
