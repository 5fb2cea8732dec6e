/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another size of a disk: the image is given it here, then the worker looks, and its guest is told.
 * Without a size whoever has changed the image did the first part. An image that is not raw gets
 * its size from its next server.
 */
#include <inttypes.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "definition_plug.h"
#include "disk_image.h"
#include "duration.h"
#include "operation.h"
#include "qcow2_header.h"
#include "vm_disks.h"
#include "vm_plug_check.h"
#include "vm_serve.h"
#include "worker_link.h"

#define RESIZE_CALL_US SECONDS(20)
#define SECTOR_BYTES   512u

struct resize {
	struct service *service;
	char *name; /* of the disk */
	int fd;	    /* the image, when it was given another size; -1 */
	off_t before;
	uint64_t size;
	struct vm_disks disks; /* an image that is not raw, of a VM that is off */
	struct job *job;
};

static void resize_free(void *context)
{
	struct resize *resize = context;

	vm_disks_clear(&resize->disks);
	fd_close(resize->fd);
	g_free(resize->name);
	g_free(resize);
}

static const struct job_ops resize_ops = {.kind = "resize", .free = resize_free};

/* ---- the image ------------------------------------------------------------------------------- */

static gboolean check_disk(const struct definition_disk *disk, uint64_t size, GError **error)
{
	if (size == 0)
		return TRUE;
	if (disk->format == DISK_FORMAT_VHD || disk->format == DISK_FORMAT_VHDX)
		return service_error_fail(
			error, SERVICE_ERROR_NOT_SUPPORTED,
			"QEMU cannot resize %s images; convert it with qemu-img convert -O "
			"qcow2",
			definition_disk_format_name(disk->format));
	if (disk->read_only)
		return service_error_fail(
			error, SERVICE_ERROR_INVALID_ARGUMENT,
			"it is read-only; resize the image by other means, then without a "
			"SIZE");
	if (size % SECTOR_BYTES != 0 || size > INT64_MAX)
		return service_error_fail(error, SERVICE_ERROR_INVALID_ARGUMENT,
					  "%" PRIu64
					  " bytes is no size of a disk; give a multiple of %u",
					  size, SECTOR_BYTES);
	return TRUE;
}

/* Whether the file is the VM's to change: its worker's, or nobody's when it has none. */
static gboolean check_owner(const struct vm *vm, int fd, GError **error)
{
	int r = disk_image_lock(fd, FALSE);

	if (!vm_plug_is_up(vm) && r < 0)
		return service_error_fail(
			error, SERVICE_ERROR_FAILED,
			r == -EAGAIN ? "it is in use; stop what uses it"
				     : "it cannot be locked; keep it on a file system that has "
				       "locks");
	if (vm_plug_is_up(vm) && r == 0)
		return service_error_fail(
			error, SERVICE_ERROR_FAILED,
			"the file of that name is not the one that the VM has open; put that "
			"one back, or stop the VM");
	return TRUE;
}

static gboolean check_loss(uint64_t before, uint64_t size, gboolean force, GError **error)
{
	if (size >= before || force)
		return TRUE;
	return service_error_fail(
		error, SERVICE_ERROR_INVALID_ARGUMENT,
		"it has %" PRIu64 " bytes, and what is behind the first %" PRIu64
		" would be lost; shrink the guest's file systems, then use --force",
		before, size);
}

/* Of an image that is not raw: what can be said before its server resizes it. Of a VM that is off
 * it is locked then: the server of before may still be at its end. */
static gboolean check_served(const struct vm *vm, const struct definition_disk *disk, uint64_t size,
			     gboolean force, GError **error)
{
	struct qcow2_header header = {0};
	autofd int fd = disk_image_open(disk, error);
	gboolean ok = fd >= 0 && (!vm_plug_is_up(vm) || check_owner(vm, fd, error)) &&
		      qcow2_header_read(fd, &header, error) &&
		      check_loss(header.size, size, force, error);

	qcow2_header_clear(&header);
	return ok;
}

static gboolean image_resize(struct resize *resize, const struct vm *vm,
			     const struct definition_disk *disk, uint64_t size, gboolean force,
			     GError **error)
{
	if (disk->format != DISK_FORMAT_RAW)
		return check_served(vm, disk, size, force, error);
	autofd int fd = disk_image_open_size(disk, &resize->before, error);

	if (fd < 0 || !check_owner(vm, fd, error) ||
	    !check_loss((uint64_t)resize->before, size, force, error))
		return FALSE;
	if (ftruncate(fd, (off_t)size) < 0)
		return service_error_fail(error, SERVICE_ERROR_FAILED,
					  "it cannot have %" PRIu64
					  " bytes (%s); give less, or make room",
					  size, g_strerror(errno));
	resize->fd = fd_steal(&fd);
	return TRUE;
}

/* ---- the worker ------------------------------------------------------------------------------ */

/* What was appended goes again; what was cut off is lost. */
static void image_undo(const struct resize *resize, struct vm *vm)
{
	struct stat st;

	if (resize->fd >= 0 && fstat(resize->fd, &st) == 0 && st.st_size > resize->before &&
	    ftruncate(resize->fd, resize->before) < 0)
		log_vm(resize->service->log, LOG_ERR, vm, "%s keeps its new size: %s", resize->name,
		       g_strerror(errno));
}

static void resize_done(struct job *job, uint64_t size)
{
	const struct resize *resize = job->context;
	g_autofree char *detail =
		size > 0 ? g_strdup_printf("%s: %" PRIu64 " bytes", resize->name, size)
			 : g_strdup(resize->name);

	vm_tell(resize->service, job->vm, "resized", detail);
	job_finish(job, NULL);
}

static int on_refreshed(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	g_autoptr(GError) error = NULL;
	uint64_t size = 0;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	switch (worker_link_check_reply(reply, "RefreshDisk", &error)) {
	case WORKER_REPLY_OK:
		(void)sd_bus_message_read(reply, "t", &size);
		resize_done(job, size);
		break;
	case WORKER_REPLY_ERROR:
		image_undo(job->context, job->vm);
		/* fall through */
	case WORKER_REPLY_TIMED_OUT: /* its guest learns of it sooner or later */
		job_finish(job, vm_error(job->vm, error));
		break;
	case WORKER_REPLY_GONE:
		break;
	}
	return 0;
}

static void resize_ask(struct job *job, uint32_t controller, uint32_t lun)
{
	struct vm *vm = job->vm;
	automsg call = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, "RefreshDisk");
	g_autoptr(GError) error = NULL;

	if (call && sd_bus_message_append(call, "uu", controller, lun) >= 0 &&
	    worker_link_send(vm->worker->link, call, RESIZE_CALL_US, on_refreshed, job, &job->call,
			     &error))
		return;
	image_undo(job->context, vm);
	if (!error)
		error = g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
					    "its worker cannot be asked");
	job_finish(job, vm_error(vm, error));
}

/* ---- by a server ----------------------------------------------------------------------------- */

/* Of a worker's disk. Takes error. */
static void on_served(struct service *service, uint32_t job_id, GError *error)
{
	struct job *job = job_find(service->jobs, job_id);
	g_autoptr(GError) failure = error;

	/* What ended the VM in order may have taken the job's place. */
	if (!job || job->state != JOB_RUNNING)
		return;
	if (failure)
		job_finish(job, vm_error(job->vm, failure));
	else
		resize_done(job, ((const struct resize *)job->context)->size);
}

/* Of nobody's: it is served for a moment. Takes error. */
static void on_ready(void *context, GError *error)
{
	struct resize *resize = context;
	g_autoptr(GError) failure = error;

	if (failure)
		job_finish(resize->job, vm_error(resize->job->vm, failure));
	else
		resize_done(resize->job, resize->size);
}

static void resize_serve(struct job *job, size_t index)
{
	struct resize *resize = job->context;
	struct vm *vm = job->vm;
	GError *error = NULL;

	if (vm_plug_is_up(vm)) {
		if (!vm_serve_resize(vm->worker, index, resize->size, job->id, on_served, &error))
			on_served(resize->service, job->id, error);
		return;
	}
	vm_disks_init_from(&resize->disks, resize->service, vm, vm->definition, index, index + 1);
	resize->disks.size = resize->size;
	if (vm_disks_open(&resize->disks, &error))
		vm_disks_prepare(&resize->disks, on_ready, resize);
	else
		on_ready(resize, error);
}

/* ---- the operation --------------------------------------------------------------------------- */

/* A VM that is off, or that can be asked; none that comes or goes. */
static gboolean check_state(const struct vm *vm, uint64_t size, GError **error)
{
	if (!vm_check_idle(vm, error))
		return FALSE;
	if (vm_plug_is_up(vm) && g_str_equal(vm->engine, "translate")) {
		g_set_error(
			error, SERVICE_ERROR, SERVICE_ERROR_NOT_SUPPORTED,
			"VM %s is of the engine translate, whose guest cannot be told of another "
			"size: stop it first",
			vm->definition->name);
		return FALSE;
	}
	if (vm_plug_is_up(vm) ||
	    (size > 0 && !vm_state_is_active(vm->state) && vm->state != VM_STATE_SAVED))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE, "VM %s is %s: %s",
		    vm->definition->name, vm_state_name(vm->state),
		    size == 0 ? "its disks have the size of their images when it starts; give a "
				"SIZE to change one"
			      : "resize its disks while it runs, is paused or off");
	return FALSE;
}

struct job *vm_resize(struct service *service, struct vm *vm, const char *which, uint64_t size,
		      gboolean force, GError **error)
{
	g_autoptr(GError) local = NULL;
	const struct definition_disk *disk;
	struct resize *resize;
	struct job *job;
	size_t index;

	if (!check_state(vm, size, error) ||
	    !definition_find_disk(vm->definition, which, &index, error))
		return NULL;
	disk = &vm->definition->disks[index];
	resize = g_new0(struct resize, 1);
	resize->service = service;
	resize->fd = -1;
	resize->size = size;
	resize->name = definition_device_name(vm->definition, PLUG_DISK, index);
	if (!check_disk(disk, size, &local) ||
	    (size > 0 && !image_resize(resize, vm, disk, size, force, &local))) {
		g_prefix_error(&local, "disk %s: ", disk->path);
		g_propagate_error(error, vm_error(vm, local));
		resize_free(resize);
		return NULL;
	}
	resize->job = job = job_new(service->jobs, &resize_ops, resize, vm, NULL); /* vm is idle */
	if (size > 0 && disk->format != DISK_FORMAT_RAW)
		resize_serve(job, index);
	else if (vm_plug_is_up(vm))
		resize_ask(job, disk->controller, disk->lun);
	else
		resize_done(job, size);
	return job;
}
