/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache of unpacked kernels: one folder, files named SHA-256.elf after the kernel file that
 * they came from. An entry appears complete and synced, is never written again, and the later
 * of its times of access and modification is its last use: whoever opens it may set either. Several
 * processes may work on one folder: the names they link are the same for the same content, and
 * whoever comes second finds the first one's entry.
 */
#ifndef UNPACK_CACHE_H
#define UNPACK_CACHE_H

#include <glib.h>
#include <stdint.h>

#define UNPACK_CACHE_SUFFIX	".elf"
#define UNPACK_CACHE_KEY_LENGTH 64u
#define UNPACK_CACHE_ENTRY_SIZE (UNPACK_CACHE_KEY_LENGTH + sizeof(UNPACK_CACHE_SUFFIX))
/* Entries used in this time are not pruned: their user may be about to open them. */
#define UNPACK_CACHE_GRACE 60 /* seconds */

/* The largest kernel that is looked at; a bzImage has about 15 MB. */
#define UNPACK_KERNEL_MAX (256ull << 20)

/*
 * A sealed copy of all of fd in memory, or -1, and *key, its SHA-256 in hexadecimal (free with
 * g_free). What is unpacked must be this copy: with the file itself its owner could have one
 * content hashed and another one unpacked under that name.
 */
int unpack_cache_snapshot(int fd, const char *name, char **key, GError **error);

/* Whether a name is one of an entry: 64 hexadecimal digits and the suffix. */
gboolean unpack_cache_name_is_entry(const char *name);

/* Whether the entry exists; if so it is now the one used last, and *size is its bytes. */
gboolean unpack_cache_touch(int dir_fd, const char *entry, uint64_t *size);

/* An unnamed file in the folder to write an entry to, or -1. */
int unpack_cache_open_new(int dir_fd, GError **error);

/* Gives the file its name, read-only and synced. Another's entry of that name is as good. */
gboolean unpack_cache_commit(int dir_fd, int fd, const char *entry, GError **error);

/*
 * Removes the entries used longest ago while all entries together have more than limit bytes, but
 * never `keep` and never those used a moment ago. What cannot be removed is left for next time.
 * Links of unpack_index.h without an entry go too.
 */
void unpack_cache_prune(int dir_fd, const char *keep, uint64_t limit);

#endif
