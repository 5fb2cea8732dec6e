/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one path on which every VM ends, whoever or whatever ended it. */
#include <inttypes.h>

#include "cleanup.h"
#include "duration.h"
#include "operation.h"
#include "process.h"
#include "saved_state.h"
#include "sched_service.h"
#include "vm_serve.h"
#include "worker_dir.h"
#include "worker_result.h"
#include "worker_spawn.h"

#define STORE_RETRY_US SECONDS(2)
#define MIB	       (UINT64_C(1) << 20)

struct ending {
	enum vm_event event;
	gboolean crashed;
	char *reason;
};

GError *vm_error(const struct vm *vm, const GError *error)
{
	if (g_str_has_prefix(error->message, "VM "))
		return g_error_copy(error);
	return g_error_new(error->domain, error->code, "VM %s: %s", vm->definition->name,
			   error->message);
}

void vm_tell(struct service *service, const struct vm *vm, const char *event, const char *detail)
{
	events_add(service->events, vm->definition->uuid, vm->definition->name, event, detail);
	log_vm(service->log, g_str_equal(event, "crashed") ? LOG_WARNING : LOG_INFO, vm, "%s%s%s",
	       event, detail && *detail ? ": " : "", detail ? detail : "");
}

/* Takes reason. */
static void ending_set(struct ending *ending, enum vm_event event, gboolean crashed, char *reason)
{
	ending->event = event;
	ending->crashed = crashed;
	g_free(ending->reason);
	ending->reason = reason;
}

/* The worker wrote what nobody had asked for, or what was asked for, into a file. */
static void ending_keep_state(struct service *service, struct vm *vm, int directory,
			      struct ending *ending)
{
	g_autoptr(GError) error = NULL;
	uint64_t size = 0;

	if (vm->state != VM_STATE_SAVING) {
		ending_set(ending, VM_EVENT_CRASHED, TRUE,
			   g_strdup("the worker saved it, which nobody had asked for"));
	} else if (!saved_state_keep(service->options->state_dir, vm->definition->uuid, &size,
				     &error)) {
		ending_set(ending, VM_EVENT_CRASHED, TRUE, g_strdup(error->message));
	} else {
		vm_set_saved(vm, (uint64_t)g_get_real_time(), size,
			     definition_engine_name(
				     (worker_translates(vm) || worker_dir_translates(directory))
					     ? ENGINE_TRANSLATE
					     : ENGINE_DIRECT));
		ending_set(
			ending, VM_EVENT_SAVED, FALSE,
			g_strdup_printf("its state takes %" PRIu64 " MiB", (size + MIB - 1) / MIB));
	}
}

enum vm_event vm_stop_event(const struct vm *vm, gboolean ran, const char **reason)
{
	gboolean saved = vm->saved.at_us > 0 && !ran;

	*reason = saved ? "stopped before it was restored" : "turned off";
	return saved ? VM_EVENT_SAVED : VM_EVENT_ENDED;
}

/* A worker whose guest has not run yet says nothing. */
static void ending_stopped(const struct vm *vm, gboolean said, struct ending *ending)
{
	const char *reason;
	enum vm_event event = vm_stop_event(vm, said, &reason);

	ending_set(ending, event, FALSE, g_strdup(reason));
}

/* What was asked of the VM says what its end means. */
static void ending_judge(struct service *service, struct vm *vm, int directory, gboolean said,
			 const struct worker_result *result, struct ending *ending)
{
	if (vm->state == VM_STATE_STARTING || (vm->state == VM_STATE_RESTORING && !said))
		ending->event = VM_EVENT_START_FAILED;
	else if (vm->state == VM_STATE_STOPPING)
		ending_stopped(vm, said, ending);
	else if (said && result->saved)
		ending_keep_state(service, vm, directory, ending);
}

/* What the worker said of the end, or else what was seen of it: takes worker_end, "died". */
static struct ending ending_find(struct service *service, struct vm *vm, int directory,
				 const GError *failure, char *worker_end)
{
	struct worker_result result = {0};
	gboolean said = !failure && directory >= 0 && worker_result_read(directory, &result);
	struct ending ending = {.event = VM_EVENT_CRASHED, .crashed = TRUE};

	if (said) {
		ending.crashed = result.crashed;
		ending.event = result.crashed ? VM_EVENT_CRASHED : VM_EVENT_ENDED;
		ending.reason = g_steal_pointer(&result.reason);
	} else {
		ending.reason = failure ? g_strdup(failure->message)
					: g_strdup_printf("the worker %s", worker_end);
	}
	g_free(worker_end);
	ending_judge(service, vm, directory, said, &result, &ending);
	return ending;
}

static GError *ending_error(const struct vm *vm, const struct ending *ending, const GError *failure,
			    gboolean starting)
{
	if (failure && failure->code != SERVICE_ERROR_WORKER)
		return vm_error(vm, failure);
	return g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
			   "VM %s %s: %s; see the log of its worker", vm->definition->name,
			   starting ? "did not start" : "ended", ending->reason);
}

static void job_tell_end(struct vm *vm, const struct ending *ending, const GError *failure,
			 gboolean starting)
{
	const struct vm_end end = {
		.crashed = ending->crashed, .reason = ending->reason, .failure = failure};
	struct job *job = vm->job;

	if (!job)
		return;
	if (job->ops->ended)
		job->ops->ended(job, &end);
	if (vm->job == job)
		job_finish(job, ending_error(vm, ending, failure, starting));
}

/* The event that is told of it; before is the state until then. */
static const char *ending_name(const struct ending *ending, enum vm_state before)
{
	if (ending->event == VM_EVENT_START_FAILED)
		return vm_start_name(before, FALSE);
	if (ending->event == VM_EVENT_SAVED && before == VM_STATE_SAVING)
		return "saved";
	return ending->crashed ? "crashed" : "stopped";
}

/* FALSE: the store refused, nothing has changed. */
static gboolean vm_end_with(struct service *service, struct vm *vm, const struct ending *ending,
			    GError **error)
{
	enum vm_state before = vm->state;

	if (!vm_apply(vm, ending->event, ending->reason, error))
		return FALSE;
	if (vm->state != VM_STATE_SAVED)
		saved_state_remove(service->options->state_dir, vm->definition->uuid);
	vm_tell(service, vm, ending_name(ending, before), ending->reason);
	return TRUE;
}

static void on_gone(struct worker *worker);

static int on_store_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	on_gone(userdata);
	return 0;
}

/* Under systemd the worker is its child, not ours, and it is systemd that knows the status. */
static char *worker_describe_end(const struct worker *worker)
{
	g_autofree char *unit = NULL;

	if (worker->status != INT_MIN || !worker->service->units)
		return process_describe_end(worker->status);
	unit = worker_unit_name(worker->vm);
	return g_strdup_printf("ended without a word; see journalctl -u %s", unit);
}

static void on_gone(struct worker *worker)
{
	struct service *service = worker->service;
	struct vm *vm = worker->vm;
	struct ending ending = ending_find(service, vm, worker->directory, worker->failure,
					   worker_describe_end(worker));
	gboolean starting = ending.event == VM_EVENT_START_FAILED;
	g_autoptr(GError) error = NULL;

	worker->timer = sd_event_source_disable_unref(worker->timer);
	if (!vm_end_with(service, vm, &ending, &error)) {
		/* Until the end is on disk nothing is told; the result file keeps it for a restart.
		 */
		log_vm(service->log, LOG_ERR, vm, "its end cannot be stored: %s; trying again",
		       error->message);
		(void)sd_event_add_time_relative(service->event, &worker->timer, CLOCK_MONOTONIC,
						 STORE_RETRY_US, 0, on_store_retry, worker);
		g_free(ending.reason);
		return;
	}
	vm->worker = NULL;
	sched_remove(service->sched, vm);
	if (worker->settling)
		service_settled(service);
	worker_dir_end(worker->directory);
	job_tell_end(vm, &ending, worker->failure, starting);
	if (ending.crashed && !starting)
		vm_restart_crashed(service, vm);
	g_free(ending.reason);
	worker_free(worker);
}

void vm_ended_unseen(struct service *service, struct vm *vm)
{
	autofd int directory = worker_dir_open(service->options->runtime_dir, vm->definition->uuid);
	struct ending ending =
		ending_find(service, vm, directory, NULL, g_strdup("died while vmmsd was down"));
	g_autoptr(GError) error = NULL;

	/* Where the host restarted, what the worker may have left says nothing of that. */
	if (service->new_boot && ending.event == VM_EVENT_CRASHED) {
		ending.event = VM_EVENT_ENDED;
		ending.crashed = FALSE;
	}
	if (service->new_boot) {
		g_free(ending.reason);
		ending.reason = g_strdup("the host restarted");
	}
	if (!vm_end_with(service, vm, &ending, &error))
		log_vm(service->log, LOG_ERR, vm, "its end cannot be stored: %s", error->message);
	else if (directory >= 0)
		worker_dir_end(directory);
	g_free(ending.reason);
}

/* The worker has paused the VM by itself. What a job makes of a VM, it still can. */
static void on_disk_stopped(struct worker *worker, const char *text)
{
	struct vm *vm = worker->vm;
	g_autoptr(GError) error = NULL;

	/* These events are not rationed: one tells of a change, or is none. */
	if (vm->state != VM_STATE_RUNNING && vm->state != VM_STATE_PAUSING)
		return;
	if (vm->state == VM_STATE_RUNNING && (!vm_apply(vm, VM_EVENT_PAUSE, NULL, &error) ||
					      !vm_apply(vm, VM_EVENT_PAUSED, NULL, &error)))
		log_vm(worker->service->log, LOG_ERR, vm, "its pause cannot be stored: %s",
		       error->message);
	vm_tell(worker->service, vm, VMMS_GUEST_EVENT_DISK, text);
}

static void on_guest_event(struct worker *worker, const char *event, const char *detail)
{
	g_autofree char *name = g_strdup_printf("guest-%.32s", event);
	g_autofree char *text = g_strdup_printf("%.512s", detail);

	if (g_str_equal(event, VMMS_GUEST_EVENT_DISK)) {
		on_disk_stopped(worker, text);
		return;
	}
	if (g_str_equal(event, VMMS_GUEST_EVENT_SERVER)) {
		vm_serve_lost(worker, text);
		return;
	}
	/* The processors of a guest that began anew are new threads. */
	if (g_str_equal(event, "reset") || g_str_equal(event, "crash"))
		sched_threads_changed(worker->service->sched, worker->vm);
	vm_tell(worker->service, worker->vm, name, text);
	if (g_str_equal(event, "reset") || g_str_equal(event, "crash"))
		vm_began_anew(worker->vm, g_str_equal(event, "crash"), text);
}

static void on_copy_progress(struct worker *worker, uint32_t percent)
{
	vm_copy_progress(worker->vm, percent);
}

const struct worker_owner vm_worker_owner = {
	.launched = vm_start_launched,
	.gone = on_gone,
	.guest_event = on_guest_event,
	.copy_progress = on_copy_progress,
};
