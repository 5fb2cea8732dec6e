/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "result.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker_error.h"

static const char *const how_names[RESULT_HOW_N] = {
#define X(sym, word) [RESULT_HOW_##sym] = (word),
	RESULT_HOWS(X)
#undef X
};

const char *result_how_name(enum result_how how)
{
	return (unsigned int)how < RESULT_HOW_N ? how_names[how] : "error";
}

const char *result_state_name(const struct result *result)
{
	if (result->crashed)
		return "crashed";
	return result->how == RESULT_HOW_SAVE ? "saved" : "off";
}

/* RFC 8259, section 7; everything outside printable ASCII that could hurt a line reader is escaped.
 */
static void json_append(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	for (const char *c = valid; *c; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_printf(out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20 || *c == 0x7f)
			g_string_append_printf(out, "\\u%04x", (unsigned int)(unsigned char)*c);
		else
			g_string_append_c(out, *c);
	}
}

char *result_format(const struct result *result)
{
	GString *out = g_string_new("{\"state\":\"");

	g_string_append(out, result_state_name(result));
	g_string_append(out, "\",\"reason\":\"");
	json_append(out, result->reason ? result->reason : "");
	g_string_append(out, "\",\"how\":\"");
	g_string_append(out, result_how_name(result->how));
	g_string_append(out, "\"}\n");
	return g_string_free(out, FALSE);
}

gboolean result_write(int fd, const struct result *result, GError **error)
{
	g_autofree char *line = result_format(result);
	size_t size = strlen(line);
	ssize_t n = pwrite(fd, line, size, 0);

	if (n == (ssize_t)size)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "result file: the line could not be written (%s); see whether the disk is full",
		    n < 0 ? g_strerror(errno) : "short write");
	return FALSE;
}
