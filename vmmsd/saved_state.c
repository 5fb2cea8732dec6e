/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved_state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "sched_threads.h"
#include "service_error.h"

#define DIRECTORY   "saved"
#define NEW_SUFFIX  ".new"
#define UUID_LENGTH 36u
#define BLOCK_BYTES 512u
#define MIB	    (UINT64_C(1) << 20)

static int directory_open(const char *state_dir, gboolean make)
{
	g_autofree char *path = g_build_filename(state_dir, DIRECTORY, NULL);
	int fd;

	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

static char *new_name(const char *uuid)
{
	return g_strconcat(uuid, NEW_SUFFIX, NULL);
}

static gboolean fail(GError **error, const char *state_dir, const char *what)
{
	return service_error_fail(error, SERVICE_ERROR_FAILED,
				  "the file for its state in %s/" DIRECTORY " cannot be %s: %s",
				  state_dir, what, g_strerror(errno));
}

int saved_state_create(const char *state_dir, const char *uuid, GError **error)
{
	autofd int directory = directory_open(state_dir, TRUE);
	g_autofree char *name = new_name(uuid);
	int fd = -1;

	if (directory >= 0) {
		(void)unlinkat(directory, uuid, 0);
		(void)unlinkat(directory, name, 0);
		fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    0600);
	}
	if (fd < 0)
		(void)fail(error, state_dir, "made");
	return fd;
}

gboolean saved_state_keep(const char *state_dir, const char *uuid, uint64_t *size, GError **error)
{
	autofd int directory = directory_open(state_dir, FALSE);
	g_autofree char *name = new_name(uuid);
	struct stat st;

	if (directory < 0 || (renameat(directory, name, directory, uuid) < 0 && errno != ENOENT) ||
	    fstatat(directory, uuid, &st, AT_SYMLINK_NOFOLLOW) < 0 || fsync(directory) < 0)
		return fail(error, state_dir, "kept");
	*size = (uint64_t)st.st_blocks * BLOCK_BYTES;
	return TRUE;
}

int saved_state_open(const char *state_dir, const char *uuid, GError **error)
{
	autofd int directory = directory_open(state_dir, FALSE);
	int fd = directory >= 0
			 ? openat(directory, uuid, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
			 : -1;

	if (fd < 0)
		(void)fail(error, state_dir, "opened");
	return fd;
}

void saved_state_remove_new(const char *state_dir, const char *uuid)
{
	autofd int directory = directory_open(state_dir, FALSE);
	g_autofree char *name = new_name(uuid);

	if (directory >= 0)
		(void)unlinkat(directory, name, 0);
}

void saved_state_remove(const char *state_dir, const char *uuid)
{
	autofd int directory = directory_open(state_dir, FALSE);

	if (directory >= 0)
		(void)unlinkat(directory, uuid, 0);
	saved_state_remove_new(state_dir, uuid);
}

void saved_state_clean(const char *state_dir, gboolean (*wanted)(void *context, const char *uuid),
		       void *context)
{
	g_autofree char *path = g_build_filename(state_dir, DIRECTORY, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *uuid = g_strndup(name, UUID_LENGTH);

		/* What has another name is not ours. */
		if (strlen(uuid) == UUID_LENGTH &&
		    (!name[UUID_LENGTH] || g_str_equal(name + UUID_LENGTH, NEW_SUFFIX)) &&
		    !wanted(context, uuid))
			saved_state_remove(state_dir, uuid);
	}
}

/* "RssAnon:	    1234 kB" */
static uint64_t status_field(const char *status, const char *field)
{
	const char *line = strstr(status, field);

	return line ? g_ascii_strtoull(line + strlen(field), NULL, 10) * 1024 : 0;
}

uint64_t saved_state_touched(const char *proc_root, pid_t pid)
{
	g_autoptr(GArray) processes = sched_processes_list(proc_root, pid);
	uint64_t bytes = 0;

	for (guint i = 0; i < processes->len; i++) {
		g_autofree char *path = g_strdup_printf("%s/%d/status", proc_root,
							g_array_index(processes, pid_t, i));
		g_autofree char *status = NULL;

		if (g_file_get_contents(path, &status, NULL, NULL))
			bytes += status_field(status, "\nRssAnon:") +
				 status_field(status, "\nRssShmem:");
	}
	return bytes;
}

uint64_t saved_state_room(const char *state_dir)
{
	struct statvfs fs;

	return statvfs(state_dir, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

/* Pages of zeroes take no room, and nobody knows how many there are. */
gboolean saved_state_fits(uint64_t touched, uint64_t room, const char *state_dir, GError **error)
{
	if (room >= touched / 2)
		return TRUE;
	return service_error_fail(error, SERVICE_ERROR_FAILED,
				  "its state may take %" PRIu64 " MiB, and %s has only %" PRIu64
				  " MiB left; make room there",
				  touched / MIB, state_dir, room / MIB);
}
