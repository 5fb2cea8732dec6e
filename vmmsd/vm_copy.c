/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy is one call to the worker that lasts until the guest has the file. */
#include "bus_guest.h"
#include "cleanup.h"
#include "duration.h"
#include "operation.h"
#include "worker_link.h"

#define CANCEL_CALL_US SECONDS(10)
/* The worker gives the guest its own time for each part. */
#define COPY_CALL_US UINT64_MAX

static int on_cancel_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	/* The end of the copy tells. */
	(void)reply, (void)userdata, (void)unused;
	return 0;
}

static void copy_cancel(struct job *job)
{
	sd_bus_slot *slot = NULL;

	if (!job->vm->worker || !job->vm->worker->link ||
	    !worker_link_call(job->vm->worker->link, "CancelCopy", CANCEL_CALL_US, on_cancel_reply,
			      NULL, &slot, NULL) ||
	    !slot)
		return;
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
}

static const struct job_ops copy_ops = {
	.kind = "copy",
	.cancel = copy_cancel,
	.detach = copy_cancel,
	.yields = TRUE,
};

static int on_copied(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	g_autoptr(GError) error = NULL;

	(void)unused;
	job->call = sd_bus_slot_unref(job->call);
	if (worker_link_check_reply(reply, "Copy", &error) == WORKER_REPLY_GONE)
		return 0; /* the worker's end ends it */
	job_finish(job, error ? vm_error(job->vm, error) : NULL);
	return 0;
}

void vm_copy_progress(struct vm *vm, uint32_t percent)
{
	if (vm->job && vm->job->ops == &copy_ops)
		job_set_progress(vm->job, MIN(percent, 99));
}

struct job *vm_copy(struct service *service, struct vm *vm, int fd, const char *path,
		    gboolean overwrite, GError **error)
{
	g_autoptr(GError) fault = NULL;
	automsg call = NULL;
	struct job *job;

	if (!vm_check_idle(vm, error) || !bus_guest_check(vm, error))
		return NULL;
	call = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, "Copy");
	if (call && sd_bus_message_append(call, "hsb", fd, path, (int)overwrite) < 0)
		call = sd_bus_message_unref(call);
	job = job_new(service->jobs, &copy_ops, NULL, vm, NULL); /* vm is idle */
	if (worker_link_send(vm->worker->link, call, COPY_CALL_US, on_copied, job, &job->call,
			     &fault))
		return job;
	job_finish(job, g_error_copy(fault));
	g_propagate_error(error, g_steal_pointer(&fault));
	return NULL;
}
