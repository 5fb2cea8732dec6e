/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's console output, in pieces. */
#include <glib.h>
#include <string.h>

#include "line_watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_panic(void *context G_GNUC_UNUSED, const char *line)
{
	if (!g_str_has_prefix(line, "Kernel panic - not syncing") || strlen(line) >= LINE_WATCH_MAX)
		g_error("a report of something else");
	for (; *line; line++)
		if (!g_ascii_isprint(*line))
			g_error("a report that is not printable");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line_watch *watch = line_watch_new(on_panic, NULL);
	size_t half = size / 2;

	line_watch_feed(watch, data, half);
	line_watch_feed(watch, data + half, size - half);
	line_watch_free(watch);
	return 0;
}
