/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pause, resume and reset: operations that are one call to the worker, and differ in a table. */
#include "cleanup.h"
#include "duration.h"
#include "operation.h"
#include "sched_service.h"
#include "worker_link.h"

#define CALL_US SECONDS(10)

#define NO_EVENT VM_EVENT_N

struct call_operation {
	struct job_ops ops;
	const char *method;
	const char *told;     /* the event when it is done */
	enum vm_event intent; /* stored before the call */
	enum vm_event done;   /* stored after it, or NO_EVENT */
	gboolean (*undo)(struct vm *vm, enum vm_state before, GError **error); /* the intent */
};

struct call_context {
	struct service *service;
	const struct call_operation *operation;
	enum vm_state before;
};

static gboolean pause_undo(struct vm *vm, enum vm_state before, GError **error)
{
	(void)before;
	return vm_apply(vm, VM_EVENT_RESUME_FAILED, NULL, error);
}

/* The way back to paused, for a resume or a reset of a paused VM that the worker refused. */
static gboolean resume_undo(struct vm *vm, enum vm_state before, GError **error)
{
	return before != VM_STATE_PAUSED || (vm_apply(vm, VM_EVENT_PAUSE, NULL, error) &&
					     vm_apply(vm, VM_EVENT_PAUSED, NULL, error));
}

static const struct call_operation pause_operation = {
	.ops = {.kind = "pause", .free = g_free},
	.method = "Pause",
	.told = "paused",
	.intent = VM_EVENT_PAUSE,
	.done = VM_EVENT_PAUSED,
	.undo = pause_undo,
};

static const struct call_operation resume_operation = {
	.ops = {.kind = "resume", .free = g_free},
	.method = "Resume",
	.told = "resumed",
	.intent = VM_EVENT_RESUME,
	.done = NO_EVENT,
	.undo = resume_undo,
};

static const struct call_operation reset_operation = {
	.ops = {.kind = "reset", .free = g_free},
	.method = "Reset",
	.told = "reset",
	.intent = VM_EVENT_RESET,
	.done = NO_EVENT,
	.undo = resume_undo,
};

static void call_refused(struct job *job, const GError *error)
{
	const struct call_context *call = job->context;
	g_autoptr(GError) store_error = NULL;

	if (!call->operation->undo(job->vm, call->before, &store_error))
		log_vm(call->service->log, LOG_ERR, job->vm, "%s", store_error->message);
	job_finish(job, vm_error(job->vm, error));
}

static void call_succeeded(struct job *job)
{
	const struct call_context *call = job->context;
	GError *error = NULL;

	sched_threads_changed(call->service->sched, job->vm); /* a reset makes them anew */
	if (call->operation->done == NO_EVENT ||
	    vm_apply(job->vm, call->operation->done, NULL, &error))
		vm_tell(call->service, job->vm, call->operation->told, NULL);
	job_finish(job, error);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	const struct call_context *call = job->context;
	GError *error = NULL;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	switch (worker_link_check_reply(reply, call->operation->method, &error)) {
	case WORKER_REPLY_OK:
		call_succeeded(job);
		break;
	case WORKER_REPLY_ERROR:
		call_refused(job, error);
		g_error_free(error);
		break;
	case WORKER_REPLY_TIMED_OUT:
		/* Nobody knows any more what the worker does: it ends as one that died. */
		worker_fail(job->vm->worker, error);
		break;
	case WORKER_REPLY_GONE:
		break;
	}
	return 0;
}

static struct job *call_begin(struct service *service, struct vm *vm,
			      const struct call_operation *operation, GError **error)
{
	enum vm_state before = vm->state;
	struct call_context *call = NULL;
	GError *call_error = NULL;
	struct job *job;

	if (!vm_check_idle(vm, error) || !vm_apply(vm, operation->intent, NULL, error))
		return NULL;
	call = g_new0(struct call_context, 1);
	call->service = service;
	call->operation = operation;
	call->before = before;
	job = job_new(service->jobs, &operation->ops, call, vm, NULL); /* vm is idle */
	if (!vm->worker->link || !worker_link_call(vm->worker->link, operation->method, CALL_US,
						   on_reply, job, &job->call, &call_error))
		worker_fail(vm->worker,
			    call_error ? call_error
				       : g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
							     "the worker cannot be asked"));
	return job;
}

struct job *vm_pause(struct service *service, struct vm *vm, GError **error)
{
	return call_begin(service, vm, &pause_operation, error);
}

struct job *vm_resume(struct service *service, struct vm *vm, GError **error)
{
	return vm->state == VM_STATE_SAVED ? vm_start(service, vm, error)
					   : call_begin(service, vm, &resume_operation, error);
}

struct job *vm_reset(struct service *service, struct vm *vm, GError **error)
{
	return call_begin(service, vm, &reset_operation, error);
}
