// SPDX-License-Identifier: LGPL-2.1-or-later
#include "disk_name.h"

#include <stdbool.h>
#include <string.h>

#include "options.h"

/* CONTROLLER:LUN; a file of such a name is "./0:1". */
static bool is_place(const char *text)
{
	const char *colon = strchr(text, ':');

	return colon && colon > text && colon[1] &&
	       strspn(text, "0123456789") == (size_t)(colon - text) &&
	       strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

char *disk_name(const char *text)
{
	return is_place(text) ? strdup(text) : parse_path(text);
}
