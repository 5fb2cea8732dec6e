/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_disks.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "definition_plug.h"
#include "disk_image.h"
#include "duration.h"
#include "worker_dir.h"
#include "worker_spawn.h"

#define RETRY_US  UINT64_C(50000)
#define TRIES_MAX 60u

void vm_disks_init(struct vm_disks *disks, struct service *service, struct vm *vm)
{
	vm_disks_init_from(disks, service, vm, vm->definition, 0, vm->definition->n_disks);
}

void vm_disks_init_from(struct vm_disks *disks, struct service *service, struct vm *vm,
			const struct definition *definition, size_t first, size_t end)
{
	*disks = (struct vm_disks){.service = service,
				   .vm = vm,
				   .definition = definition,
				   .first = first,
				   .end = end,
				   .n = first,
				   .locked = first,
				   .next = first};
	for (size_t i = 0; i < VMMS_MAX_DISKS; i++)
		disks->served[i] = disks->life[i] = -1;
}

void vm_disks_clear(struct vm_disks *disks)
{
	disks->retry = sd_event_source_disable_unref(disks->retry);
	image_server_cancel(g_steal_pointer(&disks->server));
	for (size_t i = disks->first; i < disks->n; i++) {
		disks->fds[i] = fd_close(disks->fds[i]);
		disks->served[i] = fd_close(disks->served[i]);
		disks->life[i] = fd_close(disks->life[i]);
	}
	disks->n = disks->locked = disks->next = disks->first;
}

static const struct definition_disk *disk_at(const struct vm_disks *disks, size_t index)
{
	return &disks->definition->disks[index];
}

/* "disk /x: …" */
static gboolean prefix(const struct vm_disks *disks, size_t index, GError **error)
{
	g_prefix_error(error, "disk %s: ", disk_at(disks, index)->path);
	return FALSE;
}

/* ---- who has it ------------------------------------------------------------------------------ */

static gboolean is_same_file(const struct definition_disk *disk, const struct stat *st)
{
	struct stat other;

	if (stat(disk->path, &other) < 0)
		return FALSE;
	if (S_ISBLK(st->st_mode)) /* a device may have several nodes */
		return S_ISBLK(other.st_mode) && other.st_rdev == st->st_rdev;
	return other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* Whether a VM that runs has a disk on that file, but for those that only read beside readers. */
static gboolean vm_uses(const struct vm *vm, const struct stat *st, gboolean read_only)
{
	const struct definition *definition = vm->definition;

	for (size_t i = 0; i < definition->n_disks; i++) {
		const struct definition_disk *disk = &definition->disks[i];
		if (!(read_only && disk->read_only) && is_same_file(disk, st))
			return TRUE;
	}
	return FALSE;
}

static const struct vm *find_user(const struct vm_disks *disks, const struct stat *st,
				  gboolean read_only)
{
	const GPtrArray *vms = vm_registry_sorted(disks->service->registry);

	for (guint i = 0; i < vms->len; i++) {
		const struct vm *vm = vms->pdata[i];
		if (vm != disks->vm && vm_state_is_active(vm->state) && vm_uses(vm, st, read_only))
			return vm;
	}
	return NULL;
}

/* A link may hide from the definition that two disks have one image. */
static const struct definition_disk *find_twin(const struct vm_disks *disks, size_t index,
					       const struct stat *st)
{
	const struct definition_disk *disk = disk_at(disks, index);

	for (size_t i = 0; i < index; i++) {
		const struct definition_disk *other = disk_at(disks, i);
		if (!(disk->read_only && other->read_only) && is_same_file(other, st))
			return other;
	}
	return NULL;
}

/* FALSE: whoever has the image is none of ours. Looked for only when somebody has it. */
static gboolean set_user(const struct vm_disks *disks, size_t index, GError **error)
{
	const struct definition_disk *disk = disk_at(disks, index), *twin;
	const struct vm *user;
	struct stat st;

	if (stat(disk->path, &st) < 0)
		return FALSE;
	twin = find_twin(disks, index, &st);
	if (twin) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE,
			    "it is the same as disk %s of this VM; give another, or make both "
			    "read-only",
			    twin->path);
		return TRUE;
	}
	user = find_user(disks, &st, disk->read_only);
	if (!user)
		return FALSE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "it is in use by VM %s; stop that, or give another image",
		    user->definition->name);
	return TRUE;
}

static void set_foreign(const struct vm_disks *disks, size_t index, GError **error)
{
	pid_t pid = disk_image_holder(disks->fds[index], disk_at(disks, index)->read_only);

	if (pid > 0)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "it is in use by process %d; end that, or give another image",
			    (int)pid);
	else
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
				    "it is in use by a program that vmms does not know; lslocks "
				    "may name it: end that, or give another image");
	(void)prefix(disks, index, error);
}

/* ---- opening and locking --------------------------------------------------------------------- */

/* FALSE and an error, or FALSE and none: somebody unknown has it for now. */
static gboolean lock_one(const struct vm_disks *disks, size_t index, GError **error)
{
	int r = disk_image_lock(disks->fds[index], disk_at(disks, index)->read_only);

	if (r == 0)
		return TRUE;
	if (r == -EAGAIN)
		return set_user(disks, index, error) && prefix(disks, index, error);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "it cannot be locked (%s); keep it on a file system that has locks",
		    g_strerror(-r));
	return prefix(disks, index, error);
}

static gboolean open_one(struct vm_disks *disks, size_t index, GError **error)
{
	g_autoptr(GError) local = NULL;
	const struct definition_disk *disk = disk_at(disks, index);
	int fd;

	if (disk->format != DISK_FORMAT_RAW && !image_server_check(disk->format, error))
		return prefix(disks, index, error);
	fd = disk_image_open(disk, &local);
	if (fd >= 0) {
		disks->fds[disks->n++] = fd;
		return TRUE;
	}
	/* Of a block device the claim fails before the lock can. */
	if (!g_error_matches(local, SERVICE_ERROR, SERVICE_ERROR_FAILED) ||
	    !set_user(disks, index, error))
		g_propagate_error(error, g_steal_pointer(&local));
	return prefix(disks, index, error);
}

/* Locks as many as can be locked now. FALSE: none of them ever will be. */
static gboolean lock_more(struct vm_disks *disks, GError **error)
{
	GError *local = NULL;

	while (disks->locked < disks->n && lock_one(disks, disks->locked, &local))
		disks->locked++;
	if (local)
		g_propagate_error(error, local);
	return !local;
}

gboolean vm_disks_open(struct vm_disks *disks, GError **error)
{
	for (size_t i = disks->first; i < disks->end; i++) {
		if (!open_one(disks, i, error))
			return FALSE;
	}
	return lock_more(disks, error);
}

/* ---- servers --------------------------------------------------------------------------------- */

static void serve_more(struct vm_disks *disks);

static void on_served(void *context, int fd, int life_fd, GError *error)
{
	struct vm_disks *disks = context;

	disks->server = NULL;
	if (error) {
		(void)prefix(disks, disks->next, &error);
		disks->done(disks->context, error);
		return;
	}
	disks->served[disks->next] = fd;
	disks->life[disks->next] = life_fd;
	disks->next++;
	serve_more(disks);
}

/* QEMU connects by itself, to what it finds there: a descriptor, or -1 for the other engine. */
static gboolean serve_place(const struct vm_disks *disks, int *ret_directory, GError **error)
{
	int r = -1;

	if (worker_translates(disks->vm)) {
		r = worker_dir_make(disks->service->options->runtime_dir, disks->definition->uuid);
		if (r < 0)
			return service_error_fail(error, SERVICE_ERROR_FAILED,
						  "its server's socket has no place (%s); see that "
						  "%s can be written to",
						  g_strerror(-r),
						  disks->service->options->runtime_dir);
	}
	*ret_directory = r;
	return TRUE;
}

static void serve_one(struct vm_disks *disks, GError **error)
{
	const struct definition_disk *disk = disk_at(disks, disks->next);
	struct image_chain chain;
	autofd int directory = -1;

	/* Not before it is locked: who had it until now may have changed what it is based on. */
	if (!serve_place(disks, &directory, error) ||
	    !image_chain_open(&chain, disk, disks->fds[disks->next], error))
		return;
	disks->server = image_server_start(
		disks->service, &(struct image_server_order){disk, &chain, disks->size, directory},
		on_served, disks, error);
	image_chain_close(&chain);
}

/* One after the other: a host that starts many VMs has enough to do. */
static void serve_more(struct vm_disks *disks)
{
	GError *error = NULL;

	while (disks->next < disks->n && disk_at(disks, disks->next)->format == DISK_FORMAT_RAW)
		disks->next++;
	if (disks->next < disks->n) {
		serve_one(disks, &error);
		if (!error)
			return; /* on_served goes on */
		(void)prefix(disks, disks->next, &error);
	}
	disks->done(disks->context, error);
}

/* ---- preparing ------------------------------------------------------------------------------- */

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct vm_disks *disks = userdata;

	(void)source;
	(void)usec;
	disks->retry = sd_event_source_disable_unref(disks->retry);
	vm_disks_prepare(disks, disks->done, disks->context);
	return 0;
}

void vm_disks_prepare(struct vm_disks *disks, void (*done)(void *context, GError *error),
		      void *context)
{
	GError *error = NULL;

	disks->done = done;
	disks->context = context;
	if (lock_more(disks, &error) && disks->locked == disks->n) {
		serve_more(disks);
		return;
	}
	if (!error) {
		if (disks->tries++ < TRIES_MAX &&
		    sd_event_add_time_relative(disks->service->event, &disks->retry,
					       CLOCK_MONOTONIC, RETRY_US, RETRY_US / 10, on_retry,
					       disks) >= 0)
			return;
		set_foreign(disks, disks->locked, &error);
	}
	done(context, error);
}

int vm_disks_append(const struct vm_disks *disks, sd_bus_message *call)
{
	char tag[32];
	int r = 0;

	for (size_t i = disks->first; i < disks->n && r >= 0; i++) {
		gboolean raw = disk_at(disks, i)->format == DISK_FORMAT_RAW;
		(void)g_snprintf(tag, sizeof(tag), VMMS_FILE_DISK "%zu", i - disks->first);
		r = sd_bus_message_append(call, "(sh)", tag,
					  raw ? disks->fds[i] : disks->served[i]);
		if (raw || r < 0)
			continue;
		(void)g_snprintf(tag, sizeof(tag), VMMS_FILE_DISK "%zu" VMMS_FILE_DISK_LIFE,
				 i - disks->first);
		r = sd_bus_message_append(call, "(sh)", tag, disks->life[i]);
	}
	return r;
}

int vm_disks_append_device(const struct vm_disks *disks, sd_bus_message *call)
{
	g_autofree char *device = definition_device(disks->definition, PLUG_DISK, disks->first);
	int r;

	if ((r = sd_bus_message_append(call, "s", device)) < 0 ||
	    (r = sd_bus_message_open_container(call, 'a', "(sh)")) < 0 ||
	    (r = vm_disks_append(disks, call)) < 0)
		return r;
	return sd_bus_message_close_container(call);
}
