/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reboot and hibernate: the worker asks the guest's driver, and what the guest agreed to is waited
 * for: its reset, which leaves the worker and its state as they are, or its end. What ends the VM
 * in order does not wait for either.
 */
#include "cleanup.h"
#include "duration.h"
#include "operation.h"
#include "worker_link.h"

/* The worker gives the guest ten seconds. */
#define ASK_CALL_US SECONDS(20)

struct ask_operation {
	struct job_ops ops;
	const char *method;
	const char *verb; /* "restart" */
};

struct ask {
	const struct ask_operation *operation;
	uint64_t timeout_us;
};

static void ask_cancel(struct job *job)
{
	const struct ask *ask = job->context;

	job_finish(job,
		   g_error_new(SERVICE_ERROR, SERVICE_ERROR_CANCELED,
			       "VM %s: the wait for the %s was canceled; the guest may still %s",
			       job->vm->definition->name, job->ops->kind, ask->operation->verb));
}

static void reboot_deadline(struct job *job)
{
	const struct ask *ask = job->context;
	const char *name = job->vm->definition->name;

	job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
				    "VM %s did not restart within %" G_GUINT64_FORMAT
				    " s, which it was asked for; wait, or use hvctl reset %s",
				    name, ask->timeout_us / G_USEC_PER_SEC, name));
}

static void hibernate_deadline(struct job *job)
{
	const struct ask *ask = job->context;
	const char *name = job->vm->definition->name;

	job_finish(job,
		   g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
			       "VM %s did not hibernate within %" G_GUINT64_FORMAT
			       " s: it may lack the swap space, or the udev rule for that; wait, "
			       "or use hvctl save %s",
			       name, ask->timeout_us / G_USEC_PER_SEC, name));
}

static GError *ask_crashed(const struct job *job, const char *reason)
{
	return g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
			   "VM %s crashed at its %s: %s; start it again if it does not run",
			   job->vm->definition->name, job->ops->kind, reason);
}

/* With onReboot stop that is how a restart ends. */
static void reboot_ended(struct job *job, const struct vm_end *end)
{
	const struct definition *definition = job->vm->definition;
	GError *error = NULL;

	if (end->crashed)
		error = ask_crashed(job, end->reason);
	else if (definition->on_reboot != POLICY_STOP)
		error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED,
				    "VM %s is off instead of restarting: %s; start it",
				    definition->name, end->reason);
	job_finish(job, error);
}

static void hibernate_ended(struct job *job, const struct vm_end *end)
{
	job_finish(job, end->crashed ? ask_crashed(job, end->reason) : NULL);
}

static const struct ask_operation reboot_operation = {
	.ops = {.kind = "reboot",
		.cancel = ask_cancel,
		.deadline = reboot_deadline,
		.ended = reboot_ended,
		.free = g_free,
		.yields = TRUE},
	.method = "Reboot",
	.verb = "restart",
};

static const struct ask_operation hibernate_operation = {
	.ops = {.kind = "hibernate",
		.cancel = ask_cancel,
		.deadline = hibernate_deadline,
		.ended = hibernate_ended,
		.free = g_free,
		.yields = TRUE},
	.method = "Hibernate",
	.verb = "hibernate",
};

void vm_began_anew(struct vm *vm, gboolean crashed, const char *detail)
{
	struct job *job = vm->job;

	if (!job || (job->ops != &reboot_operation.ops && job->ops != &hibernate_operation.ops))
		return;
	if (crashed)
		job_finish(job, ask_crashed(job, detail));
	else if (job->ops == &reboot_operation.ops)
		job_finish(job, NULL);
	else
		job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED,
					    "VM %s restarted instead of hibernating: %s; use "
					    "hvctl save %s",
					    vm->definition->name, detail, vm->definition->name));
}

static int on_agreed(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	const struct ask *ask = job->context;
	g_autoptr(GError) error = NULL;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	if (worker_link_check_reply(reply, ask->operation->method, &error) == WORKER_REPLY_GONE)
		return 0; /* the worker's end ends it */
	if (error)
		job_finish(job, vm_error(job->vm, error));
	else
		job_set_progress(job, 10);
	return 0;
}

static struct job *ask_begin(struct service *service, struct vm *vm,
			     const struct ask_operation *operation, uint64_t timeout_us,
			     GError **error)
{
	struct ask *ask = NULL;
	g_autoptr(GError) fault = NULL;
	struct job *job;

	if (!vm_check_idle(vm, error) || !vm_check(vm, VM_EVENT_SHUTDOWN, error) ||
	    !vm_check_timeout(vm, timeout_us, error))
		return NULL;
	ask = g_new0(struct ask, 1);
	ask->operation = operation;
	ask->timeout_us =
		timeout_us ? timeout_us : (uint64_t)vm->definition->stop_timeout_s * G_USEC_PER_SEC;
	job = job_new(service->jobs, &operation->ops, ask, vm, NULL); /* vm is idle */
	job_set_deadline(job, ask->timeout_us);
	if (!vm->worker->link || !worker_link_call(vm->worker->link, operation->method, ASK_CALL_US,
						   on_agreed, job, &job->call, &fault))
		job_finish(job, fault ? vm_error(vm, fault)
				      : g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
						    "VM %s: its worker cannot be asked; try again",
						    vm->definition->name));
	return job;
}

struct job *vm_reboot(struct service *service, struct vm *vm, uint64_t timeout_us, GError **error)
{
	return ask_begin(service, vm, &reboot_operation, timeout_us, error);
}

struct job *vm_hibernate(struct service *service, struct vm *vm, uint64_t timeout_us,
			 GError **error)
{
	return ask_begin(service, vm, &hibernate_operation, timeout_us, error);
}
