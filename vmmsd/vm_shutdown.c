/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shutdown presses the power button and waits for the guest to end itself. */
#include "cleanup.h"
#include "duration.h"
#include "operation.h"
#include "worker_link.h"

#define BUTTON_CALL_US SECONDS(10)
#define PLUG_US	       SECONDS(30) /* as STOP_JOB_US: from the plug to the end */
#define TIMEOUT_MAX_US SECONDS(86400)

struct shutdown {
	uint64_t timeout_us;
	gboolean force;
	gboolean plugged; /* the time was over, and force was set */
};

static void shutdown_cancel(struct job *job)
{
	job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_CANCELED,
				    "VM %s: the wait for its shutdown was canceled; the guest may "
				    "still turn itself off",
				    job->vm->definition->name));
}

static void shutdown_plug(struct job *job)
{
	struct shutdown *shutdown = job->context;
	GError *error = NULL;

	if (!vm_apply(job->vm, VM_EVENT_STOP, NULL, &error)) {
		job_finish(job, error);
		return;
	}
	shutdown->plugged = TRUE;
	job_set_deadline(job, PLUG_US);
	worker_stop(job->vm->worker);
}

static void shutdown_deadline(struct job *job)
{
	const struct shutdown *shutdown = job->context;
	const char *name = job->vm->definition->name;

	if (shutdown->force && !shutdown->plugged) {
		shutdown_plug(job);
		return;
	}
	job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
				    "VM %s did not shut down within %" G_GUINT64_FORMAT
				    " s: it may ignore the power button; use --force or hvctl stop "
				    "%s",
				    name, shutdown->timeout_us / G_USEC_PER_SEC, name));
}

static void shutdown_ended(struct job *job, const struct vm_end *end)
{
	GError *error = NULL;

	if (end->crashed)
		error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
				    "VM %s crashed while it shut down: %s",
				    job->vm->definition->name, end->reason);
	job_finish(job, error);
}

static const struct job_ops shutdown_ops = {
	.kind = "shutdown",
	.cancel = shutdown_cancel,
	.deadline = shutdown_deadline,
	.ended = shutdown_ended,
	.free = g_free,
};

static int on_pressed(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	struct worker *worker = job->vm->worker;
	GError *error = NULL;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	switch (worker_link_check_reply(reply, "PowerButton", &error)) {
	case WORKER_REPLY_OK:
		job_set_progress(job, 10);
		break;
	case WORKER_REPLY_GONE:
		break;
	case WORKER_REPLY_TIMED_OUT:
		worker_fail(worker, error);
		break;
	case WORKER_REPLY_ERROR: {
		GError *named = vm_error(job->vm, error);

		g_error_free(error);
		job_finish(job, named);
		break;
	}
	}
	return 0;
}

gboolean vm_job_yields(const struct vm *vm)
{
	return vm->job && vm->job->ops->yields;
}

void vm_yield(struct vm *vm, const char *by)
{
	if (vm_job_yields(vm))
		job_take_over(vm->job, by);
}

gboolean vm_check_timeout(const struct vm *vm, uint64_t timeout_us, GError **error)
{
	if (timeout_us <= TIMEOUT_MAX_US)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
		    "VM %s: a timeout of %" G_GUINT64_FORMAT
		    " s is more than a day; give at most 86400 s",
		    vm->definition->name, timeout_us / G_USEC_PER_SEC);
	return FALSE;
}

struct job *vm_shutdown(struct service *service, struct vm *vm, uint64_t timeout_us, gboolean force,
			GError **error)
{
	struct shutdown *shutdown = NULL;
	GError *call_error = NULL;
	struct job *job;

	if ((!vm_job_yields(vm) && !vm_check_idle(vm, error)) ||
	    !vm_check(vm, VM_EVENT_SHUTDOWN, error) || !vm_check_timeout(vm, timeout_us, error))
		return NULL;
	vm_yield(vm, "a shutdown");
	shutdown = g_new0(struct shutdown, 1);
	shutdown->force = force;
	shutdown->timeout_us =
		timeout_us ? timeout_us : (uint64_t)vm->definition->stop_timeout_s * G_USEC_PER_SEC;
	job = job_new(service->jobs, &shutdown_ops, shutdown, vm, NULL); /* vm is idle */
	job_set_deadline(job, shutdown->timeout_us);
	if (!vm->worker->link || !worker_link_call(vm->worker->link, "PowerButton", BUTTON_CALL_US,
						   on_pressed, job, &job->call, &call_error))
		worker_fail(vm->worker,
			    call_error ? call_error
				       : g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
							     "the worker cannot be asked"));
	return job;
}
