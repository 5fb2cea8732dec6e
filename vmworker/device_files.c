/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "definition_devices.h"
#include "worker_error.h"

void device_files_init(struct device_files *files)
{
	for (size_t i = 0; i < VMMS_MAX_DISKS; i++)
		files->disk[i] = files->disk_life[i] = -1;
	for (size_t i = 0; i < VMMS_MAX_NICS; i++)
		for (size_t q = 0; q < VMMS_MAX_NIC_QUEUES; q++)
			files->nic[i][q] = -1;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void device_files_close(struct device_files *files)
{
	for (size_t i = 0; i < VMMS_MAX_DISKS; i++) {
		fd_close(&files->disk[i]);
		fd_close(&files->disk_life[i]);
	}
	for (size_t i = 0; i < VMMS_MAX_NICS; i++)
		for (size_t q = 0; q < VMMS_MAX_NIC_QUEUES; q++)
			fd_close(&files->nic[i][q]);
}

/* Plain digits below limit, without a leading zero; *end is what follows. */
static gboolean index_parse(const char *text, size_t limit, size_t *ret, const char **end)
{
	size_t value = 0;

	if (!g_ascii_isdigit(text[0]) || (text[0] == '0' && g_ascii_isdigit(text[1])))
		return FALSE;
	for (; g_ascii_isdigit(*text); text++) {
		value = value * 10 + (size_t)(*text - '0');
		if (value >= limit)
			return FALSE;
	}
	*ret = value;
	*end = text;
	return TRUE;
}

int *device_files_place(struct device_files *files, const char *tag)
{
	size_t index, queue;
	const char *end;

	if (g_str_has_prefix(tag, VMMS_FILE_DISK) &&
	    index_parse(tag + strlen(VMMS_FILE_DISK), VMMS_MAX_DISKS, &index, &end)) {
		if (!*end)
			return &files->disk[index];
		return strcmp(end, VMMS_FILE_DISK_LIFE) == 0 ? &files->disk_life[index] : NULL;
	}
	if (g_str_has_prefix(tag, VMMS_FILE_NIC) &&
	    index_parse(tag + strlen(VMMS_FILE_NIC), VMMS_MAX_NICS, &index, &end) && *end == '.' &&
	    index_parse(end + 1, VMMS_MAX_NIC_QUEUES, &queue, &end) && !*end)
		return &files->nic[index][queue];
	return NULL;
}

static gboolean fault(GError **error, const char *tag, const char *what)
{
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT, "file \"%s\": %s", tag,
		    what);
	return FALSE;
}

/* ---- disks ----------------------------------------------------------------------------------- */

static const char *disk_fault(int fd, bool read_only)
{
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	int access = flags & O_ACCMODE;
	struct stat st;

	if (flags < 0)
		return "it is missing; pass it with Start";
	if (flags & O_PATH)
		return "it is not open for reading; open it so";
	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return "this is neither a regular file nor a block device; name one";
	if (read_only)
		return access == O_RDONLY ? NULL
					  : "it is open for writing and the disk is read-only; "
					    "open it for reading";
	return access == O_RDWR ? NULL : "it is not open for reading and writing; open it so";
}

static bool is_socket(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static const char *server_fault(int fd, int life_fd)
{
	if (is_socket(fd) && is_socket(life_fd))
		return NULL;
	return "a disk of this format needs the sockets of a server; pass both with Start";
}

static const char *disk_pair_fault(const struct engine_disk *disk, int fd, int life_fd)
{
	if (disk->format != ENGINE_DISK_RAW)
		return server_fault(fd, life_fd);
	return life_fd < 0 ? disk_fault(fd, disk->read_only)
			   : "a raw disk has no server; leave out what keeps one";
}

static gboolean lend_disks(const struct device_files *files, struct device_list *devices,
			   GError **error)
{
	char tag[32];

	for (size_t i = 0; i < VMMS_MAX_DISKS; i++) {
		const char *what = NULL;
		if (i < devices->n_disks)
			what = disk_pair_fault(&devices->disks[i], files->disk[i],
					       files->disk_life[i]);
		else if (files->disk[i] >= 0 || files->disk_life[i] >= 0)
			what = "the definition has no such disk; leave it out";
		g_snprintf(tag, sizeof(tag), VMMS_FILE_DISK "%zu", i);
		if (what)
			return fault(error, tag, what);
		if (i < devices->n_disks) {
			devices->disks[i].fd = files->disk[i];
			devices->disks[i].life_fd = files->disk_life[i];
		}
	}
	return TRUE;
}

/* ---- adapters -------------------------------------------------------------------------------- */

static size_t queue_count(const int *fds)
{
	size_t n = 0;

	while (n < VMMS_MAX_NIC_QUEUES && fds[n] >= 0)
		n++;
	return n;
}

static gboolean queue_beyond(const int *fds, size_t n)
{
	for (size_t q = n; q < VMMS_MAX_NIC_QUEUES; q++) {
		if (fds[q] >= 0)
			return TRUE;
	}
	return FALSE;
}

/* One socket, one or more queues of a TAP (a character device), or nothing. */
static const char *nic_fault(const struct engine_nic *nic)
{
	static const mode_t modes[] = {
		[ENGINE_NIC_USER] = S_IFSOCK,
		[ENGINE_NIC_BRIDGE] = S_IFCHR,
		[ENGINE_NIC_PRIVATE] = S_IFSOCK,
		[ENGINE_NIC_NONE] = 0,
	};
	struct stat st;

	if (nic->type == ENGINE_NIC_NONE)
		return nic->n_fds == 0 ? NULL
				       : "an adapter of the type none has no file; leave it out";
	if (nic->n_fds == 0)
		return "it is missing; pass it with Start";
	if (nic->n_fds > 1 && nic->type != ENGINE_NIC_BRIDGE)
		return "an adapter of this type has one file; pass one";
	for (size_t q = 0; q < nic->n_fds; q++) {
		if (fstat(nic->fds[q], &st) < 0 || (st.st_mode & S_IFMT) != modes[nic->type])
			return "this is not what an adapter of its type needs, a TAP or a socket; "
			       "open one";
	}
	return NULL;
}

static gboolean lend_nics(const struct device_files *files, struct device_list *devices,
			  GError **error)
{
	char tag[32];

	for (size_t i = 0; i < VMMS_MAX_NICS; i++) {
		size_t n = queue_count(files->nic[i]);
		const char *what = NULL;

		if (queue_beyond(files->nic[i], n))
			what = "the queues have a gap; number them from 0";
		else if (i >= devices->n_nics)
			what = n > 0 ? "the definition has no such adapter; leave it out" : NULL;
		if (!what && i < devices->n_nics) {
			struct engine_nic *nic = &devices->nics[i];
			memcpy(nic->fds, files->nic[i], sizeof(nic->fds));
			nic->n_fds = n;
			what = nic_fault(nic);
		}
		g_snprintf(tag, sizeof(tag), VMMS_FILE_NIC "%zu.0", i);
		if (what)
			return fault(error, tag, what);
	}
	return TRUE;
}

gboolean device_files_lend(const struct device_files *files, struct device_list *devices,
			   GError **error)
{
	return lend_disks(files, devices, error) && lend_nics(files, devices, error);
}
