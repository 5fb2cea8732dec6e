/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a JSON document no longer shows when json-c has parsed it: members given twice, NUL and raw
 * control characters in strings, names in single quotes.
 */
#ifndef JSON_MEMBERS_H
#define JSON_MEMBERS_H

#include <glib.h>

/*
 * text must be UTF-8 that json-c accepts, not nested deeper than JSON_TEXT_MAX_DEPTH. Errors are
 * SERVICE_ERROR_INVALID_DEFINITION: "$.boot: the member kernel is given twice".
 */
gboolean json_members_check(const char *text, GError **error);

#endif
