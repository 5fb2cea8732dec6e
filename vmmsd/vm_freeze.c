/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Freeze and thaw: one call to the worker each, which lasts until the guest has answered. Neither
 * changes the VM's state: a guest whose file systems are frozen runs. */
#include "bus_guest.h"
#include "cleanup.h"
#include "duration.h"
#include "operation.h"
#include "worker_link.h"

/* The worker gives the guest less. */
#define FREEZE_CALL_US SECONDS(90)

struct freeze_operation {
	struct job_ops ops;
	const char *method;
	const char *told; /* the event when it is done */
};

struct freeze {
	struct service *service;
	const struct freeze_operation *operation;
};

/* Whoever takes the VM over ends the guest, which the worker thaws for that. */
static const struct freeze_operation freeze_operation = {
	.ops = {.kind = "freeze", .free = g_free, .yields = TRUE},
	.method = "Freeze",
	.told = "frozen",
};

static const struct freeze_operation thaw_operation = {
	.ops = {.kind = "thaw", .free = g_free, .yields = TRUE},
	.method = "Thaw",
	.told = "thawed",
};

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	const struct freeze *freeze = job->context;
	g_autoptr(GError) error = NULL;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	if (worker_link_check_reply(reply, freeze->operation->method, &error) == WORKER_REPLY_GONE)
		return 0; /* the worker's end ends it */
	if (!error)
		vm_tell(freeze->service, job->vm, freeze->operation->told, NULL);
	job_finish(job, error ? vm_error(job->vm, error) : NULL);
	return 0;
}

static struct job *freeze_begin(struct service *service, struct vm *vm,
				const struct freeze_operation *operation, const uint64_t *timeout,
				GError **error)
{
	g_autoptr(GError) fault = NULL;
	struct freeze *freeze = NULL;
	automsg call = NULL;
	struct job *job;

	if (!vm_check_idle(vm, error) || !bus_guest_check(vm, error))
		return NULL;
	call = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, operation->method);
	if (call && timeout && sd_bus_message_append(call, "t", *timeout) < 0)
		call = sd_bus_message_unref(call);
	freeze = g_new0(struct freeze, 1);
	*freeze = (struct freeze){service, operation};
	job = job_new(service->jobs, &operation->ops, freeze, vm, NULL); /* vm is idle */
	if (worker_link_send(vm->worker->link, call, FREEZE_CALL_US, on_reply, job, &job->call,
			     &fault))
		return job;
	job_finish(job, g_error_copy(fault));
	g_propagate_error(error, g_steal_pointer(&fault));
	return NULL;
}

struct job *vm_freeze(struct service *service, struct vm *vm, uint64_t timeout, GError **error)
{
	return freeze_begin(service, vm, &freeze_operation, &timeout, error);
}

struct job *vm_thaw(struct service *service, struct vm *vm, GError **error)
{
	return freeze_begin(service, vm, &thaw_operation, NULL, error);
}
