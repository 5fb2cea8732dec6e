/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory for one test and all that is in it. */
#ifndef TEMPORARY_DIRECTORY_H
#define TEMPORARY_DIRECTORY_H

#include <ftw.h>
#include <glib.h>
#include <stdio.h>

typedef char temporary_directory_t;

static inline temporary_directory_t *temporary_directory_new(void)
{
	GError *error = NULL;
	char *path = g_dir_make_tmp("vmms-test-XXXXXX", &error);

	g_assert_no_error(error);
	return path;
}

static inline int temporary_directory_remove(const char *path, const struct stat *status, int flag,
					     struct FTW *where)
{
	(void)status, (void)flag, (void)where;
	return remove(path);
}

static inline void temporary_directory_free(temporary_directory_t *path)
{
	if (!path)
		return;
	nftw(path, temporary_directory_remove, 16, FTW_DEPTH | FTW_PHYS);
	g_free(path);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(temporary_directory_t, temporary_directory_free)

#endif
