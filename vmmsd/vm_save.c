/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Save: the worker writes the machine into a file and ends, and the file is kept (vm_end.c). While
 * it writes it answers nothing, so that whoever wants it to break off takes the permissions of the
 * file away, which it looks at.
 */
#include <sys/stat.h>

#include "cleanup.h"
#include "operation.h"
#include "saved_state.h"
#include "worker_link.h"

#define LOOK_US	  (SECONDS(1) / 4) /* at how far it is */
#define END_US	  SECONDS(5)	   /* from the answer to the end of the process */
#define BREAK_US  SECONDS(30)	   /* from the wish to break off to the answer */
#define FILE_MODE 0600
#define BLOCK	  512u

struct save {
	struct service *service;
	enum vm_state before;
	int fd;
	uint64_t expected;  /* bytes, roughly */
	gint64 deadline_us; /* monotonic */
	GError *broken_off; /* why */
	gboolean written;
};

static void save_free(void *context)
{
	struct save *save = context;

	fd_close(save->fd);
	g_clear_error(&save->broken_off);
	g_free(save);
}

/* Takes why. */
static void save_break_off(struct save *save, GError *why)
{
	if (save->broken_off) {
		g_error_free(why);
		return;
	}
	save->broken_off = why;
	(void)fchmod(save->fd, 0);
	save->deadline_us = g_get_monotonic_time() + (gint64)BREAK_US;
}

static void save_cancel(struct job *job)
{
	save_break_off(job->context, g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_CANCELED,
							 "the save was canceled"));
}

static void save_detach(struct job *job)
{
	const struct save *save = job->context;

	(void)fchmod(save->fd, 0);
}

static void save_show_progress(struct job *job)
{
	const struct save *save = job->context;
	struct stat st;

	if (fstat(save->fd, &st) == 0)
		job_set_progress(job, (uint32_t)MIN((uint64_t)st.st_blocks * BLOCK * 100 /
							    MAX(save->expected, BLOCK),
						    99));
}

/* Every now and then. */
static void save_look(struct job *job)
{
	struct save *save = job->context;
	struct worker *worker = job->vm->worker;

	if (save->written) {
		worker_stop(worker);
		return;
	}
	if (g_get_monotonic_time() < save->deadline_us) {
		save_show_progress(job);
	} else if (save->broken_off) {
		worker_fail(worker, g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
							"the worker did not answer to Save in "
							"time"));
		return;
	} else {
		save_break_off(save, g_error_new_literal(
					     SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
					     "the save took too long and was broken off; is the "
					     "disk that it goes to overloaded?"));
	}
	job_set_deadline(job, LOOK_US);
}

static void save_ended(struct job *job, const struct vm_end *end)
{
	(void)end;
	if (job->vm->state == VM_STATE_SAVED)
		job_finish(job, NULL);
}

static const struct job_ops save_ops = {
	.kind = "save",
	.cancel = save_cancel,
	.detach = save_detach,
	.deadline = save_look,
	.ended = save_ended,
	.free = save_free,
};

/* The machine is as it was. */
static void save_failed(struct job *job, const GError *error)
{
	const struct save *save = job->context;
	struct vm *vm = job->vm;
	const GError *why = save->broken_off ? save->broken_off : error;
	g_autoptr(GError) store_error = NULL;
	GError *named = vm_error(vm, why);

	if (!vm_apply(vm, save->before == VM_STATE_PAUSED ? VM_EVENT_PAUSED : VM_EVENT_SAVE_FAILED,
		      NULL, &store_error))
		log_vm(save->service->log, LOG_ERR, vm, "%s", store_error->message);
	saved_state_remove_new(save->service->options->state_dir, vm->definition->uuid);
	vm_tell(save->service, vm, "save-failed", why->message);
	job_finish(job, named);
}

static int on_saved(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	struct save *save = job->context;
	g_autoptr(GError) error = NULL;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	switch (worker_link_check_reply(reply, "Save", &error)) {
	case WORKER_REPLY_OK: /* vm_end.c has the rest */
		save->written = TRUE;
		(void)fchmod(save->fd, FILE_MODE); /* a cancel that came too late */
		job_set_deadline(job, END_US);
		break;
	case WORKER_REPLY_ERROR:
		save_failed(job, error);
		break;
	case WORKER_REPLY_TIMED_OUT:
		worker_fail(job->vm->worker, g_steal_pointer(&error));
		break;
	case WORKER_REPLY_GONE:
		break;
	}
	return 0;
}

static gboolean save_send(struct job *job, GError **error)
{
	const struct save *save = job->context;
	sd_bus *link = job->vm->worker->link;
	automsg call = link ? worker_link_new_call(link, VMMS_IFACE_WORKER, "Save") : NULL;

	if (call && sd_bus_message_append(call, "h", save->fd) < 0)
		call = sd_bus_message_unref(call);
	return worker_link_send(link, call, UINT64_MAX, on_saved, job, &job->call, error);
}

static struct save *save_new(struct service *service, const struct vm *vm, GError **error)
{
	const char *directory = service->options->state_dir;
	uint64_t touched = saved_state_touched("/proc", vm->worker->pid);
	struct save *save;
	int fd;

	if (!saved_state_fits(touched, saved_state_room(directory), directory, error))
		return NULL;
	fd = saved_state_create(directory, vm->definition->uuid, error);
	if (fd < 0)
		return NULL;
	save = g_new0(struct save, 1);
	save->service = service;
	save->before = vm->state;
	save->fd = fd;
	save->expected = touched ? touched : vm->definition->memory;
	save->deadline_us = g_get_monotonic_time() + (gint64)SAVED_STATE_US(vm->definition->memory);
	return save;
}

struct job *vm_save(struct service *service, struct vm *vm, GError **error)
{
	g_autoptr(GError) local = NULL;
	struct save *save;
	struct job *job;

	if (!vm_check_idle(vm, error) || !vm_check(vm, VM_EVENT_SAVE, error))
		return NULL;
	save = save_new(service, vm, &local);
	if (!save) {
		g_propagate_error(error, vm_error(vm, local));
		return NULL;
	}
	if (!vm_apply(vm, VM_EVENT_SAVE, NULL, error)) {
		saved_state_remove_new(service->options->state_dir, vm->definition->uuid);
		save_free(save);
		return NULL;
	}
	job = job_new(service->jobs, &save_ops, save, vm, NULL); /* vm is idle */
	job_set_deadline(job, LOOK_US);
	if (!save_send(job, &local))
		worker_fail(vm->worker, g_steal_pointer(&local));
	return job;
}

static const struct job_ops discard_ops = {.kind = "discard"};

struct job *vm_discard(struct service *service, struct vm *vm, GError **error)
{
	struct job *job;

	if (!vm_check_idle(vm, error) || !vm_apply(vm, VM_EVENT_DISCARD, NULL, error))
		return NULL;
	job = job_new(service->jobs, &discard_ops, NULL, vm, NULL); /* vm is idle */
	saved_state_remove(service->options->state_dir, vm->definition->uuid);
	vm_tell(service, vm, "discarded", NULL);
	job_finish(job, NULL);
	return job;
}
