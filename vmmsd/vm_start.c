/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Start: check, open the boot files, record the intent, then image -> worker -> Worker.Start ->
 * running. Whatever fails on the way leaves the VM off, with the reason. A saved VM goes the same
 * way, with the file of its state, and whatever fails leaves it saved.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "duration.h"
#include "kernel_image.h"
#include "launch.h"
#include "operation.h"
#include "saved_state.h"
#include "sched_core.h"
#include "sched_service.h"
#include "socket_at.h"
#include "vm_disks.h"
#include "vm_nics.h"
#include "worker_dir.h"
#include "worker_link.h"
#include "worker_probe.h"
#include "worker_spawn.h"

#define START_CALL_US	  SECONDS(30)  /* for Worker.Start: the partition is built */
#define TRANSLATE_CALL_US SECONDS(120) /* the first one on a host probes QEMU */
#define START_JOB_US	  SECONDS(150) /* for everything together */
#define VSOCK_BACKLOG	  64

struct start {
	struct service *service;
	struct job *job;
	struct kernel_request *request;
	int kernel, initrd, payload; /* -1: none */
	int state;		     /* of a saved VM; -1: none */
	struct vm_disks disks;
	struct vm_nics nics;
};

static void start_free(void *context)
{
	struct start *start = context;

	worker_probe_forget(start->service, start);
	kernel_request_cancel(start->request);
	fd_close(start->kernel);
	fd_close(start->initrd);
	fd_close(start->payload);
	fd_close(start->state);
	vm_disks_clear(&start->disks);
	vm_nics_clear(&start->nics);
	g_free(start);
}

const char *vm_start_name(enum vm_state before, gboolean started)
{
	if (before == VM_STATE_RESTORING)
		return started ? "restored" : "restore-failed";
	return started ? "started" : "start-failed";
}

/* The end of a start that has no worker (yet). Takes error. */
static void start_fail(struct job *job, GError *error)
{
	struct start *start = job->context;
	struct vm *vm = job->vm;
	const char *name = vm_start_name(vm->state, FALSE);
	g_autoptr(GError) store_error = NULL;
	GError *named = vm_error(vm, error);

	if (!vm_apply(vm, VM_EVENT_START_FAILED, error->message, &store_error))
		log_vm(start->service->log, LOG_ERR, vm, "%s", store_error->message);
	vm_tell(start->service, vm, name, error->message);
	sched_remove(start->service->sched, vm); /* others may have been planned around it */
	g_error_free(error);
	job_finish(job, named);
}

static void start_break_off(struct job *job, GError *error)
{
	if (job->vm->worker)
		worker_fail(job->vm->worker, error);
	else
		start_fail(job, error);
}

static void start_cancel(struct job *job)
{
	start_break_off(job, g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_CANCELED,
						 "the start was canceled"));
}

/* A state has to be read, too. */
static uint64_t start_limit(const struct start *start, uint64_t usec)
{
	return start->state < 0 ? usec : usec + SAVED_STATE_US(start->job->vm->saved.size);
}

static void start_deadline(struct job *job)
{
	start_break_off(
		job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
				 "the start was not over within %d s; the host may be "
				 "overloaded: try again",
				 (int)(start_limit(job->context, START_JOB_US) / G_USEC_PER_SEC)));
}

static const struct job_ops start_ops = {
	.kind = "start",
	.cancel = start_cancel,
	.deadline = start_deadline,
	.free = start_free,
};

static const char *image_fault(int fd, struct stat *st)
{
	if (fd < 0)
		return g_strerror(errno);
	if (fstat(fd, st) < 0)
		return g_strerror(errno);
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_size == 0)
		return "the file is empty";
	return NULL;
}

/* O_NONBLOCK: a FIFO or a tape must not hold up the service before it is found to be one. */
static int image_open(const struct vm *vm, const char *what, const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	const char *fault = image_fault(fd, &st);

	if (!fault)
		return fd;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE,
		    "VM %s: %s %s: %s; give the right path with hvctl edit %s --%s FILE",
		    vm->definition->name, what, path, fault, vm->definition->name, what);
	fd_close(fd);
	return -1;
}

static gboolean start_open_images(struct start *start, const struct vm *vm, GError **error)
{
	const struct definition *definition = vm->definition;

	if (!definition->kernel) {
		g_set_error(
			error, SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE,
			"VM %s has no kernel to boot; give one with hvctl edit %s --kernel FILE",
			definition->name, definition->name);
		return FALSE;
	}
	start->kernel = image_open(vm, "kernel", definition->kernel, error);
	if (start->kernel < 0)
		return FALSE;
	if (!definition->initrd)
		return TRUE;
	start->initrd = image_open(vm, "initrd", definition->initrd, error);
	return start->initrd >= 0;
}

/* A guest that goes on remembers what its disks held. Of images that are not raw the servers'
 * bookkeeping is not the guest's writing. */
static gboolean check_disks_unchanged(const struct vm *vm, GError **error)
{
	const struct definition *definition = vm->definition;

	for (size_t i = 0; i < definition->n_disks; i++) {
		const struct definition_disk *disk = &definition->disks[i];
		struct stat st;

		if (disk->format != DISK_FORMAT_RAW || disk->read_only || !disk->path ||
		    stat(disk->path, &st) < 0 || !S_ISREG(st.st_mode) ||
		    (uint64_t)st.st_mtim.tv_sec * G_USEC_PER_SEC +
				    (uint64_t)st.st_mtim.tv_nsec / 1000 <=
			    vm->saved.at_us)
			continue;
		return service_error_fail(
			error, SERVICE_ERROR_FAILED,
			"VM %s: disk %s was written after the VM was saved, which its guest would "
			"not know; give the saved state up with hvctl discard %s",
			definition->name, disk->path, definition->name);
	}
	return TRUE;
}

static gboolean start_open_state(struct start *start, const struct vm *vm, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (vm->state != VM_STATE_SAVED)
		return TRUE;
	if (!check_disks_unchanged(vm, error))
		return FALSE;
	start->state =
		saved_state_open(start->service->options->state_dir, vm->definition->uuid, &local);
	if (start->state >= 0)
		return TRUE;
	g_set_error(error, local->domain, local->code,
		    "VM %s: %s; put it back, or give it up with hvctl discard %s",
		    vm->definition->name, local->message, vm->definition->name);
	return FALSE;
}

static gboolean start_open_devices(struct start *start, struct vm *vm, GError **error)
{
	g_autoptr(GError) local = NULL;

	vm_disks_init(&start->disks, start->service, vm);
	vm_nics_init(&start->nics, start->service, vm);
	if (vm_disks_open(&start->disks, &local) && vm_nics_open(&start->nics, &local))
		return TRUE;
	g_propagate_error(error, vm_error(vm, local));
	return FALSE;
}

/* The machine of the file runs now, and nobody may begin with that file again. */
static void start_use_up_state(const struct start *start, const struct vm *vm)
{
	if (start->state >= 0)
		saved_state_remove(start->service->options->state_dir, vm->definition->uuid);
}

static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	struct start *start = job->context;
	struct vm *vm = job->vm;
	const char *name = vm_start_name(vm->state, TRUE);
	GError *error = NULL;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	switch (worker_link_check_reply(reply, "Start", &error)) {
	case WORKER_REPLY_GONE: /* vm_end.c has the rest */
		return 0;
	case WORKER_REPLY_ERROR:
		/* Perhaps /dev/kvm went since the probe. */
		host_distrust(start->service->host);
		worker_fail(vm->worker, error);
		return 0;
	case WORKER_REPLY_TIMED_OUT:
		worker_fail(vm->worker, error);
		return 0;
	case WORKER_REPLY_OK:
		break;
	}
	/* A cancel that came while the answer was under way has killed the worker already. */
	if (vm->worker->ending)
		return 0;
	vm_set_worker(vm, (uint32_t)vm->worker->pid, (uint64_t)g_get_real_time());
	if (!vm_apply(vm, VM_EVENT_STARTED, NULL, &error)) {
		worker_fail(vm->worker, error);
		return 0;
	}
	start_use_up_state(start, vm);
	sched_threads_changed(start->service->sched, vm);
	vm_tell(start->service, vm, name, NULL);
	job_finish(job, NULL);
	return 0;
}

static int append_file(sd_bus_message *call, const char *tag, int fd)
{
	return fd < 0 ? 0 : sd_bus_message_append(call, "(sh)", tag, fd);
}

static int append_vsock(sd_bus_message *call, int directory)
{
	autofd int fd = socket_listen_at(directory, WORKER_DIR_VSOCK, VSOCK_BACKLOG);

	return fd < 0 ? fd : append_file(call, VMMS_FILE_VSOCK, fd);
}

/* The files that the worker fills are made here, so that it opens nothing by name. */
static int start_append_files(const struct start *start, int directory, sd_bus_message *call)
{
	static const char *const made[] = {VMMS_FILE_CONSOLE0, VMMS_FILE_CONSOLE1,
					   VMMS_FILE_RESULT};
	g_autofree char *document =
		sched_worker_document(start->service->sched, start->job->vm->definition);
	int r;

	if ((r = sd_bus_message_append(call, "s", document)) < 0 ||
	    (r = sd_bus_message_open_container(call, 'a', "(sh)")) < 0 ||
	    (r = append_file(call, VMMS_FILE_KERNEL, start->kernel)) < 0 ||
	    (r = append_file(call, VMMS_FILE_PAYLOAD, start->payload)) < 0 ||
	    (r = append_file(call, VMMS_FILE_INITRD, start->initrd)) < 0 ||
	    (r = append_file(call, VMMS_FILE_STATE, start->state)) < 0 ||
	    (r = vm_disks_append(&start->disks, call)) < 0 ||
	    (r = vm_nics_append(&start->nics, call)) < 0 || (r = append_vsock(call, directory)) < 0)
		return r;
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
		autofd int fd = worker_dir_create_file(directory, made[i]);

		if (fd < 0)
			return fd;
		r = append_file(call, made[i], fd);
		if (r < 0)
			return r;
	}
	return sd_bus_message_close_container(call);
}

void vm_start_launched(struct worker *worker)
{
	struct job *job = worker->vm->job;
	struct start *start;
	automsg call = NULL;
	GError *error = NULL;
	int r;

	if (!job || job->ops != &start_ops || worker->ending)
		return;
	start = job->context;
	job_set_progress(job, 60);
	sched_add(start->service->sched, worker);
	call = worker_link_new_call(worker->link, VMMS_IFACE_WORKER, "Start");
	r = call ? start_append_files(start, worker->directory, call) : -ENOMEM;
	if (r < 0)
		worker_fail(worker, g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED,
						"the files for the worker cannot be made: %s",
						g_strerror(-r)));
	else if (!worker_link_send(worker->link, call,
				   start_limit(start, worker_translates(worker->vm)
							      ? TRANSLATE_CALL_US
							      : START_CALL_US),
				   on_started, job, &job->call, &error))
		worker_fail(worker, error);
}

static void on_connected(void *context, GError *error)
{
	struct start *start = context;
	struct job *job = start->job;

	if (!error)
		job->vm->worker = worker_new(start->service, job->vm, &vm_worker_owner, &error);
	if (!job->vm->worker) {
		start_fail(job, error);
	} else {
		sched_prepare(start->service->sched, job->vm);
		worker_launch(job->vm->worker);
	}
}

static void on_disks(void *context, GError *error)
{
	struct start *start = context;

	if (error)
		start_fail(start->job, error);
	else
		vm_nics_connect(&start->nics, on_connected, start);
}

static void on_kernel(void *context, int payload_fd, const GError *error)
{
	struct start *start = context;
	struct job *job = start->job;

	start->request = NULL;
	start->payload = payload_fd;
	if (error) {
		start_fail(job, g_error_copy(error));
		return;
	}
	job_set_progress(job, 30);
	vm_disks_prepare(&start->disks, on_disks, start);
}

/* A state is restored by the engine that saved it, and by no other. */
static const char *engine_choose(const struct host *host, const struct vm *vm, char **reason,
				 GError **error)
{
	const char *saved = vm->saved.engine, *engine;
	g_autoptr(GError) local = NULL;

	if (!saved)
		return host_choose_engine_for(host, vm->definition, reason, error);
	engine = host_choose_engine(host,
				    g_str_equal(saved, definition_engine_name(ENGINE_TRANSLATE))
					    ? ENGINE_TRANSLATE
					    : ENGINE_DIRECT,
				    NULL, reason, &local);
	if (!engine) {
		g_set_error(error, local->domain, local->code,
			    "its state was saved by the engine %s, and only that can restore it: "
			    "%s; or give it up with hvctl discard %s",
			    saved, local->message, vm->definition->name);
		return NULL;
	}
	g_free(*reason);
	*reason = g_strdup("it was saved with it");
	return engine;
}

static void start_image(struct start *start)
{
	start->request = kernel_cache_get(start->service->kernels, start->kernel,
					  start->job->vm->definition->kernel, on_kernel, start);
}

/* The administrator may have given access to /dev/kvm since the last look. */
static void on_probed(void *context)
{
	struct start *start = context;
	struct vm *vm = start->job->vm;
	g_autofree char *reason = NULL;
	GError *error = NULL;
	const char *engine = engine_choose(start->service->host, vm, &reason, &error);

	if (!engine) {
		start_fail(start->job, error);
		return;
	}
	vm_set_engine(vm, engine, reason);
	start_image(start);
}

static gboolean start_check(const struct service *service, const struct vm *vm, GError **error)
{
	g_autoptr(GError) off = NULL;

	if (!vm_check_idle(vm, error) || !vm_check(vm, VM_EVENT_START, error))
		return FALSE;
	if (!launch_check(service, &off)) {
		g_propagate_error(error, vm_error(vm, off));
		return FALSE;
	}
	if (service->stop_all) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_BUSY,
			    "VM %s: not started while every VM is being stopped; wait for that to "
			    "end",
			    vm->definition->name);
		return FALSE;
	}
	return host_check_memory(service->host, vm->definition->memory, vm->definition->name,
				 error) &&
	       sched_core_check(&vm->definition->sched, vm->definition->name, error) &&
	       sched_check_start(service->sched, vm, error);
}

/* NULL without an error: what is known of the host is out of date. */
static const char *engine_choose_now(const struct service *service, const struct vm *vm,
				     char **reason, GError **error)
{
	if (vm->definition->engine != ENGINE_TRANSLATE && host_is_stale(service->host))
		return NULL;
	return engine_choose(service->host, vm, reason, error);
}

struct job *vm_start(struct service *service, struct vm *vm, GError **error)
{
	struct start *start = NULL;
	g_autofree char *reason = NULL;
	g_autoptr(GError) engine_error = NULL;
	const char *engine;

	if (!start_check(service, vm, error))
		return NULL;
	engine = engine_choose_now(service, vm, &reason, &engine_error);
	if (!engine && engine_error && engine_error->code != SERVICE_ERROR_NO_HYPERVISOR) {
		g_propagate_error(error, vm_error(vm, engine_error));
		return NULL;
	}
	start = g_new0(struct start, 1);
	start->service = service;
	start->kernel = start->initrd = start->payload = start->state = -1;
	if (!start_open_images(start, vm, error) || !start_open_state(start, vm, error) ||
	    !start_open_devices(start, vm, error) || !vm_apply(vm, VM_EVENT_START, NULL, error)) {
		start_free(start);
		return NULL;
	}
	start->job = job_new(service->jobs, &start_ops, start, vm, NULL); /* vm is idle */
	job_set_deadline(start->job, start_limit(start, START_JOB_US));
	if (engine) {
		struct job *job = start->job;

		vm_set_engine(vm, engine, reason);
		start_image(start);
		return job;
	}
	{
		struct job *job = start->job;

		worker_probe_run(service, on_probed, start);
		return job;
	}
}
