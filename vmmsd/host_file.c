/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_file.h"

#include <string.h>

static char *read_file(const char *root, const char *format, va_list args)
{
	g_autofree char *name = g_strdup_vprintf(format, args);
	g_autofree char *path = g_build_filename(root, name, NULL);
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	/* cpuinfo ends in an empty line; what is inside a line stays. */
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	return g_steal_pointer(&text);
}

char *host_file_read(const char *root, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = read_file(root, format, args);
	va_end(args);
	return text;
}

int64_t host_file_read_number(const char *root, const char *format, ...)
{
	gint64 number;
	va_list args;

	va_start(args, format);
	g_autofree char *text = read_file(root, format, args);
	va_end(args);
	if (!text || !g_ascii_string_to_signed(text, 10, 0, INT32_MAX, &number, NULL))
		return -1;
	return number;
}

gboolean host_file_find_kb(const char *text, const char *key, uint64_t *ret_bytes)
{
	g_autofree char *label = g_strconcat(key, ":", NULL);
	const char *at = text;

	/* In a node's meminfo the line begins with "Node 0 ". */
	while ((at = strstr(at, label)) && at != text && at[-1] != '\n' && at[-1] != ' ')
		at++;
	if (!at)
		return FALSE;
	*ret_bytes = g_ascii_strtoull(at + strlen(label), NULL, 10) * 1024;
	return TRUE;
}
