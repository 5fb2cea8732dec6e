/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "service_error.h"
#include "store_internal.h"

static char *damaged(const char *path, const char *detail)
{
	return g_strdup_printf("the store %s is damaged (%s): move it away to begin with an empty "
			       "one, or put a backup in its place",
			       path, detail);
}

static char *full(const char *path)
{
	g_autofree char *directory = g_path_get_dirname(path);

	return g_strdup_printf("the disk that holds %s is full: free space and try again",
			       directory);
}

static char *not_writable(const char *path, const char *detail)
{
	return g_strdup_printf("the store %s cannot be written (%s): give the user of vmmsd write "
			       "access to the file and its directory",
			       path, detail);
}

static char *describe_io(const char *path, int saved_errno)
{
	switch (saved_errno) {
	case ENOSPC:
		return full(path);
	case EDQUOT:
		return g_strdup_printf("the disk quota for %s is used up: free space or raise the "
				       "quota and try again",
				       path);
	case EFBIG:
		return g_strdup_printf("%s has reached the limit on the size of a file: raise the "
				       "limit (LimitFSIZE= of the unit) and try again",
				       path);
	default:
		return g_strdup_printf("the store %s cannot be read or written (%s): look at the "
				       "kernel log for errors of the disk",
				       path, saved_errno ? strerror(saved_errno) : "I/O error");
	}
}

/* What the system said about the file behind `pointer`; 0 when it said nothing. */
static int file_errno(sqlite3 *db, int pointer)
{
	sqlite3_file *file = NULL;
	int saved = 0;

	if (sqlite3_file_control(db, "main", pointer, &file) == SQLITE_OK && file && file->pMethods)
		(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &saved);
	return saved;
}

/* sqlite3_system_errno is not set by a step that fails, so the files are asked themselves. */
static int last_errno(sqlite3 *db)
{
	int saved = file_errno(db, SQLITE_FCNTL_JOURNAL_POINTER); /* the WAL */

	if (saved == 0)
		saved = file_errno(db, SQLITE_FCNTL_FILE_POINTER);
	return saved != 0 ? saved : sqlite3_system_errno(db);
}

static char *describe(sqlite3 *db, const char *path)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_FULL:
		return full(path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return damaged(path, sqlite3_errmsg(db));
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return not_writable(path, sqlite3_errmsg(db));
	case SQLITE_IOERR:
		return describe_io(path, last_errno(db));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return g_strdup_printf("the store %s is held by another program: end it (sqlite3, "
				       "a backup) and try again",
				       path);
	default:
		return g_strdup_printf("the store %s failed: %s", path, sqlite3_errmsg(db));
	}
}

void store_set_error(sqlite3 *db, const char *path, const char *purpose, GError **error)
{
	g_autofree char *what = describe(db, path);

	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_STORE, "%s: %s", purpose, what);
}
