/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "unpack_index.h"

#define READ_SIZE   (256u << 10)
#define LINKS_MAX   1024u /* more are removed: they only save time */
#define ENTRIES_MAX 4096u /* looked at in one pass */

static void cache_error(GError **error, const char *what, const char *remedy)
{
	int saved = errno;

	g_set_error(error, BOOT_ERROR, BOOT_ERROR_IO, "kernel cache: %s failed: %s; %s", what,
		    g_strerror(saved), remedy);
}

static gboolean snapshot_fail(GError **error, const char *name, const char *what)
{
	int saved = errno;

	g_set_error(error, BOOT_ERROR, BOOT_ERROR_IO,
		    "kernel %s: %s failed: %s; check the file and "
		    "the host's free memory",
		    name, what, g_strerror(saved));
	return FALSE;
}

static gboolean snapshot_write(int copy, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(copy, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FALSE;
		data += n;
		size -= (size_t)n;
	}
	return TRUE;
}

static gboolean snapshot_fill(int fd, const char *name, int copy, GChecksum *checksum,
			      GError **error)
{
	g_autofree uint8_t *data = g_malloc(READ_SIZE);
	uint64_t at = 0;

	while (at <= UNPACK_KERNEL_MAX) {
		ssize_t n = pread(fd, data, READ_SIZE, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return snapshot_fail(error, name, "reading");
		if (n == 0)
			return TRUE;
		if (!snapshot_write(copy, data, (size_t)n))
			return snapshot_fail(error, name, "copying it");
		g_checksum_update(checksum, data, n);
		at += (uint64_t)n;
	}
	g_set_error(
		error, BOOT_ERROR, BOOT_ERROR_IMAGE,
		"kernel %s: it has more than %llu MiB, which no bzImage has; use a Linux kernel "
		"(/boot/vmlinuz-…)",
		name, UNPACK_KERNEL_MAX >> 20);
	return FALSE;
}

int unpack_cache_snapshot(int fd, const char *name, char **key, GError **error)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	int copy = memfd_create("kernel", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (copy < 0) {
		snapshot_fail(error, name, "copying it");
		return -1;
	}
	if (!snapshot_fill(fd, name, copy, checksum, error)) {
		close(copy);
		return -1;
	}
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
		snapshot_fail(error, name, "sealing its copy");
		close(copy);
		return -1;
	}
	*key = g_strdup(g_checksum_get_string(checksum));
	return copy;
}

gboolean unpack_cache_touch(int dir_fd, const char *entry, uint64_t *size)
{
	struct stat st;

	if (fstatat(dir_fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return FALSE;
	*size = (uint64_t)st.st_size;
	/* Fails when somebody has just pruned it. */
	return utimensat(dir_fd, entry, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

int unpack_cache_open_new(int dir_fd, GError **error)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		cache_error(error, "creating a file",
			    "its folder must be writable and on a file system with O_TMPFILE");
	return fd;
}

gboolean unpack_cache_commit(int dir_fd, int fd, const char *entry, GError **error)
{
	char path[64];

	if (fchmod(fd, 0444) < 0 || fsync(fd) < 0) {
		cache_error(error, "syncing the payload", "make room in its file system");
		return FALSE;
	}
	g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, path, dir_fd, entry, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST) {
		cache_error(error, "naming the payload",
			    "its folder must be writable and /proc mounted");
		return FALSE;
	}
	if (fsync(dir_fd) < 0) {
		cache_error(error, "syncing the folder", "check its disk");
		return FALSE;
	}
	return TRUE;
}

struct cache_entry {
	char name[UNPACK_CACHE_ENTRY_SIZE];
	uint64_t size;
	struct timespec used;
};

gboolean unpack_cache_name_is_entry(const char *name)
{
	return strspn(name, "0123456789abcdef") == UNPACK_CACHE_KEY_LENGTH &&
	       strcmp(name + UNPACK_CACHE_KEY_LENGTH, UNPACK_CACHE_SUFFIX) == 0;
}

static int cache_entry_compare(const void *a, const void *b)
{
	const struct cache_entry *left = a, *right = b;

	if (left->used.tv_sec != right->used.tv_sec)
		return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
	return (left->used.tv_nsec > right->used.tv_nsec) -
	       (left->used.tv_nsec < right->used.tv_nsec);
}

static struct timespec timespec_later(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec > b.tv_sec ? a : b;
	return a.tv_nsec > b.tv_nsec ? a : b;
}

/* Adds an entry of the folder to the list; removes a link that leads nowhere, or is one too many.
 */
static void cache_visit(int dir_fd, const char *name, GArray *entries, guint *n_links)
{
	struct cache_entry entry;
	struct stat st;

	if (unpack_index_name_is_valid(name)) {
		if (fstatat(dir_fd, name, &st, 0) < 0 || ++*n_links > LINKS_MAX)
			unlinkat(dir_fd, name, 0);
		return;
	}
	if (!unpack_cache_name_is_entry(name) ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	g_strlcpy(entry.name, name, sizeof(entry.name));
	entry.size = (uint64_t)st.st_size;
	entry.used = timespec_later(st.st_atim, st.st_mtim);
	g_array_append_val(entries, entry);
}

/* All entries, oldest use first. */
static GArray *cache_list(int dir_fd)
{
	GArray *entries = g_array_new(FALSE, FALSE, sizeof(struct cache_entry));
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *file;
	guint n_links = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return entries;
	}
	while ((file = readdir(dir)) && entries->len < ENTRIES_MAX)
		cache_visit(dir_fd, file->d_name, entries, &n_links);
	closedir(dir);
	if (entries->len > 0)
		qsort(entries->data, entries->len, sizeof(struct cache_entry), cache_entry_compare);
	return entries;
}

void unpack_cache_prune(int dir_fd, const char *keep, uint64_t limit)
{
	g_autoptr(GArray) entries = cache_list(dir_fd);
	time_t now = time(NULL);
	uint64_t total = 0;

	for (guint i = 0; i < entries->len; i++)
		total += g_array_index(entries, struct cache_entry, i).size;
	for (guint i = 0; i < entries->len && total > limit; i++) {
		const struct cache_entry *entry = &g_array_index(entries, struct cache_entry, i);

		if (strcmp(entry->name, keep) == 0 || now - entry->used.tv_sec < UNPACK_CACHE_GRACE)
			continue;
		if (unlinkat(dir_fd, entry->name, 0) == 0)
			total -= entry->size;
	}
}
