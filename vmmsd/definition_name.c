/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "definition.h"
#include "json_text.h"
#include "service_error.h"

#define UUID_LENGTH 36

bool definition_is_uuid(const char *text)
{
	size_t i = 0;

	for (; i < UUID_LENGTH && text[i]; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
			return false;
	}
	return i == UUID_LENGTH && text[i] == '\0';
}

static bool fail(const char *name, const char *what, GError **error)
{
	g_autofree char *shown = json_text_excerpt(name);

	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_NAME,
		    "\"%s\" is not a name for a VM: %s", shown, what);
	return false;
}

bool definition_check_name(const char *name, GError **error)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-_.";

	if (!*name)
		return fail(name, "it is empty; give 1 to 64 of A-Z a-z 0-9 - _ .", error);
	if (name[strspn(name, allowed)] != '\0')
		return fail(name, "use only A-Z a-z 0-9 - _ .", error);
	if (strlen(name) > VMMS_NAME_MAX)
		return fail(name, "it has more than 64 characters", error);
	if (g_str_equal(name, ".") || g_str_equal(name, ".."))
		return fail(name, "it means a directory; choose another", error);
	if (*name == '-')
		return fail(name, "a leading - would be taken for an option; choose another",
			    error);
	if (definition_is_uuid(name))
		return fail(name, "it looks like a uuid; choose another", error);
	return true;
}
