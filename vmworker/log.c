/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <string.h>
#include <unistd.h>

void log_line(const char *priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	/* One write, so that lines of several processes in one file stay whole. */
	g_autofree char *line = g_strconcat(priority, "vmworker: ", text, "\n", NULL);
	(void)!write(STDERR_FILENO, line, strlen(line));
}
