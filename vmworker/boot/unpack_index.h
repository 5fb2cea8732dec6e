/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What spares hashing a kernel file again: a symbolic link in the cache folder, named after the
 * file's device, inode, size and times, that points to the entry of its content. A file that is
 * written gets a new time of change, which nobody can set, so its link no longer fits; a link whose
 * entry is gone is removed by the prune.
 */
#ifndef UNPACK_INDEX_H
#define UNPACK_INDEX_H

#include <glib.h>
#include <sys/stat.h>

/* The name of the link for a file. Free with g_free. */
char *unpack_index_name(const struct stat *st);
gboolean unpack_index_name_is_valid(const char *name);

/* The entry that the link names ("….elf"), or NULL. Free with g_free. */
char *unpack_index_find(int dir_fd, const struct stat *st);

/*
 * Records that the file, which had this status before its content was read and fd now, has the
 * content of entry. Records nothing where the file may have been written meanwhile or in the last
 * two seconds (times are not finer than a tick). Only saves time: fails silently.
 */
void unpack_index_record(int dir_fd, int fd, const struct stat *before, const char *entry);

#endif
