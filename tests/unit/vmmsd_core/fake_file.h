/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of a directory that looks like sysfs or proc. */
#ifndef FAKE_FILE_H
#define FAKE_FILE_H

#include <glib.h>

/* Writes root/path, making its directories. */
G_GNUC_PRINTF(3, 4)
static inline void fake_put(const char *root, const char *path, const char *format, ...)
{
	g_autofree char *file = g_build_filename(root, path, NULL);
	g_autofree char *directory = g_path_get_dirname(file);
	g_autoptr(GError) error = NULL;
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_assert_cmpint(g_mkdir_with_parents(directory, 0700), ==, 0);
	g_file_set_contents(file, text, -1, &error);
	g_assert_no_error(error);
}

#endif
