/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack_index.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unpack_cache.h"

#define PREFIX	      "at-"
#define SETTLE	      2 /* seconds */
#define NAME_ALPHABET "0123456789abcdef-"

char *unpack_index_name(const struct stat *st)
{
	return g_strdup_printf(PREFIX "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%lx-%" PRIx64
				      "-%lx",
			       (uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
			       (uint64_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
			       (uint64_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

gboolean unpack_index_name_is_valid(const char *name)
{
	return g_str_has_prefix(name, PREFIX) &&
	       name[strlen(PREFIX) + strspn(name + strlen(PREFIX), NAME_ALPHABET)] == '\0';
}

char *unpack_index_find(int dir_fd, const struct stat *st)
{
	g_autofree char *name = unpack_index_name(st);
	char entry[UNPACK_CACHE_ENTRY_SIZE];
	ssize_t length = readlinkat(dir_fd, name, entry, sizeof(entry));

	if (length <= 0 || (size_t)length >= sizeof(entry))
		return NULL;
	entry[length] = '\0';
	return unpack_cache_name_is_entry(entry) ? g_strdup(entry) : NULL;
}

static gboolean index_same(const struct stat *a, const struct stat *b)
{
	g_autofree char *left = unpack_index_name(a);
	g_autofree char *right = unpack_index_name(b);

	return strcmp(left, right) == 0;
}

void unpack_index_record(int dir_fd, int fd, const struct stat *before, const char *entry)
{
	g_autofree char *name = unpack_index_name(before);
	struct stat now;

	if (fstat(fd, &now) < 0 || !index_same(before, &now) ||
	    time(NULL) - before->st_ctim.tv_sec <= SETTLE)
		return;
	if (symlinkat(entry, dir_fd, name) < 0)
		g_debug("kernel cache: no link %s: %m", name);
}
