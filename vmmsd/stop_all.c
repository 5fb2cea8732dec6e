/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stops every VM, for the end of the host: highest stopOrder first, those of one order together,
 * each by its own stopAction. A VM that cannot be saved is shut down; a guest that does not end in
 * its stopTimeout has the plug pulled.
 */
#include "operation.h"

struct stop_all {
	struct service *service;
	struct job *job;  /* NULL once finished: sub-jobs may still report */
	GPtrArray *uuids; /* char *, in the order of stopping */
	guint next;	  /* the first one not yet begun */
	guint pending;	  /* sub-jobs of the present order that run */
	guint done, failed;
};

static void stop_all_clear(void *data)
{
	struct stop_all *all = data;

	g_ptr_array_unref(all->uuids);
}

static void stop_all_unref(void *data)
{
	g_rc_box_release_full(data, stop_all_clear);
}

static void stop_all_drop(void *context)
{
	struct stop_all *all = context;

	all->service->stop_all = NULL;
	all->job = NULL;
	stop_all_unref(all);
}

static void stop_all_cancel(struct job *job)
{
	job_finish(job,
		   g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_CANCELED,
				       "the stop of every VM was canceled; those already asked "
				       "to end go on ending"));
}

static const struct job_ops stop_all_ops = {
	.kind = "stop-all",
	.cancel = stop_all_cancel,
	.free = stop_all_drop,
};

static void stop_all_step(struct stop_all *all);
static gboolean stop_all_after_save(struct stop_all *all, const struct job *save);

static void on_sub_job(void *context, struct job *job)
{
	struct stop_all *all = context;

	all->pending--;
	if (stop_all_after_save(all, job)) {
		stop_all_unref(all);
		return;
	}
	all->done++;
	if (job->state == JOB_FAILED)
		all->failed++;
	if (all->job) {
		job_set_progress(all->job, all->done * 100 / MAX(all->uuids->len, 1));
		if (all->pending == 0)
			stop_all_step(all);
	}
	stop_all_unref(all);
}

/* A shutdown that a user waits for may end without the plug: ours does not. And no guest loses its
 * orderly shutdown to a device that it will not use any more. */
static gboolean gives_way(const struct job *job)
{
	static const char *const kinds[] = {"shutdown", "attach", "detach", "resize", NULL};

	return g_strv_contains(kinds, job->ops->kind);
}

/* NULL: it cannot be saved, and the log says why. */
static struct job *save_one(struct service *service, struct vm *vm)
{
	g_autoptr(GError) error = NULL;
	struct job *job;

	job = vm_check(vm, VM_EVENT_SAVE, NULL) ? vm_save(service, vm, &error) : NULL;
	if (error)
		log_vm(service->log, LOG_WARNING, vm, "%s; it is shut down instead",
		       error->message);
	return job;
}

/* The job that ends the VM: one that runs already, or a new one. NULL: it cannot be stopped. */
static struct job *stop_one(struct service *service, struct vm *vm, gboolean save)
{
	g_autoptr(GError) error = NULL;
	struct job *job = NULL;

	if (vm->job && (g_str_equal(vm->job->ops->kind, "stop") ||
			(save && g_str_equal(vm->job->ops->kind, "save"))))
		return vm->job;
	if (vm->job && gives_way(vm->job))
		job_take_over(vm->job, "the stop of every VM");
	vm_yield(vm, "the stop of every VM");
	if (save && vm->definition->stop_action == STOP_ACTION_SAVE)
		job = save_one(service, vm);
	if (!job && !vm->job && vm->definition->stop_action != STOP_ACTION_OFF &&
	    vm_check(vm, VM_EVENT_SHUTDOWN, NULL))
		job = vm_shutdown(service, vm, 0, TRUE, &error);
	if (!job) {
		g_clear_error(&error);
		job = vm_stop(service, vm, &error);
	}
	if (!job)
		log_vm(service->log, LOG_ERR, vm, "cannot be stopped: %s", error->message);
	return job;
}

static void stop_all_begin_one(struct stop_all *all, struct vm *vm, gboolean save)
{
	struct job *job = stop_one(all->service, vm, save);

	if (job && job->state == JOB_RUNNING) {
		all->pending++;
		job_watch(job, on_sub_job, g_rc_box_acquire(all));
		return;
	}
	all->done++;
	if (!job)
		all->failed++;
}

/* TRUE: the save came to nothing, and the VM is ended in another way. */
static gboolean stop_all_after_save(struct stop_all *all, const struct job *save)
{
	struct vm *vm = vm_registry_find(all->service->registry, save->vm_uuid);
	guint pending = all->pending;

	if (!all->job || save->state == JOB_DONE || !g_str_equal(save->ops->kind, "save") || !vm ||
	    !vm_state_is_active(vm->state))
		return FALSE;
	log_vm(all->service->log, LOG_WARNING, vm, "%s; it is shut down instead",
	       save->error->message);
	stop_all_begin_one(all, vm, FALSE);
	if (all->pending == pending)
		stop_all_step(all);
	return TRUE;
}

static void stop_all_end(struct stop_all *all)
{
	GError *error = NULL;

	if (all->failed)
		error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED,
				    "%u of %u VMs could not be stopped; see the log of vmmsd",
				    all->failed, all->uuids->len);
	job_finish(all->job, error);
}

/* Begins the next order that has something to wait for. */
static void stop_all_step(struct stop_all *all)
{
	while (all->job && all->pending == 0 && all->next < all->uuids->len) {
		gboolean first = TRUE;
		uint32_t order = 0;

		/* The first of them may end at once, and this function not be called again: hold
		 * it. */
		all->pending++;
		while (all->next < all->uuids->len) {
			struct vm *vm = vm_registry_find(all->service->registry,
							 all->uuids->pdata[all->next]);

			if (vm && vm_state_is_active(vm->state)) {
				if (!first && vm->definition->stop_order != order)
					break;
				first = FALSE;
				order = vm->definition->stop_order;
				stop_all_begin_one(all, vm, TRUE);
			} else {
				all->done++;
			}
			all->next++;
		}
		all->pending--;
	}
	if (all->job && all->pending == 0)
		stop_all_end(all);
}

static int compare_order(const void *a, const void *b)
{
	const struct vm *one = *(const struct vm *const *)a, *two = *(const struct vm *const *)b;

	return (one->definition->stop_order < two->definition->stop_order) -
	       (one->definition->stop_order > two->definition->stop_order);
}

struct job *stop_all(struct service *service, GError **error)
{
	const GPtrArray *sorted = vm_registry_sorted(service->registry);
	g_autoptr(GPtrArray) vms = g_ptr_array_new();
	struct stop_all *all = NULL;
	struct job *job;

	if (service->stop_all) {
		g_autofree char *path = job_path(service->stop_all);

		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_BUSY,
			    "every VM is being stopped already (%s); wait for that", path);
		return NULL;
	}
	for (guint i = 0; i < sorted->len; i++)
		if (vm_state_is_active(((struct vm *)sorted->pdata[i])->state))
			g_ptr_array_add(vms, sorted->pdata[i]);
	g_ptr_array_sort(vms, compare_order);
	all = g_rc_box_new0(struct stop_all);
	all->service = service;
	all->uuids = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < vms->len; i++)
		g_ptr_array_add(all->uuids,
				g_strdup(((struct vm *)vms->pdata[i])->definition->uuid));
	job = all->job = service->stop_all = job_new(service->jobs, &stop_all_ops, all, NULL, NULL);
	stop_all_step(all);
	return job;
}
