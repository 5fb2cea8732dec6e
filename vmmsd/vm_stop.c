/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stop pulls the plug, and takes the VM over from any other job. */
#include "cleanup.h"
#include "duration.h"
#include "operation.h"

/* worker_stop asks, then kills within 10 s; what is left after this sits in the kernel. */
#define STOP_JOB_US SECONDS(30)

static void stop_deadline(struct job *job)
{
	struct vm *vm = job->vm;

	job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
				    "VM %s: its worker (pid %u) did not end within %d s; it is "
				    "probably stuck in the kernel",
				    vm->definition->name, vm->worker_pid,
				    (int)(STOP_JOB_US / G_USEC_PER_SEC)));
}

static void stop_ended(struct job *job, const struct vm_end *end)
{
	(void)end;
	job_finish(job, NULL);
}

static const struct job_ops stop_ops = {
	.kind = "stop",
	.deadline = stop_deadline,
	.ended = stop_ended,
};

/* A VM that is on its way up may not have a worker yet. */
static void stop_without_worker(struct service *service, struct job *job)
{
	GError *error = NULL;
	const char *reason;
	enum vm_event event = vm_stop_event(job->vm, FALSE, &reason);

	if (vm_apply(job->vm, event, reason, &error))
		vm_tell(service, job->vm, "stopped", reason);
	job_finish(job, error);
}

struct job *vm_stop(struct service *service, struct vm *vm, GError **error)
{
	struct job *job;

	if (vm->job && vm->job->ops == &stop_ops) {
		(void)vm_check_idle(vm, error);
		return NULL;
	}
	/* The store first: when it refuses, the other job goes on undisturbed. */
	if (!vm_apply(vm, VM_EVENT_STOP, NULL, error))
		return NULL;
	if (vm->job)
		job_take_over(vm->job, "a stop");
	job = job_new(service->jobs, &stop_ops, NULL, vm, NULL); /* vm is idle now */
	if (!vm->worker) {
		stop_without_worker(service, job);
		return job;
	}
	job_set_deadline(job, STOP_JOB_US);
	/* One that restores would hear of it when its guest runs: what is saved would be lost. */
	if (vm->saved.at_us > 0)
		worker_fail(vm->worker, g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_CANCELED,
							    "stopped before it was restored"));
	else
		worker_stop(vm->worker);
	return job;
}
