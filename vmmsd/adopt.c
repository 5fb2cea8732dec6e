/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a restart of vmmsd: every VM that the store calls active is asked for at its control
 * socket, all at once. Who answers is taken over with its true state; who is not there has ended.
 */
#include <string.h>

#include "cleanup.h"
#include "duration.h"
#include "operation.h"
#include "saved_state.h"
#include "sched_service.h"
#include "socket_at.h"
#include "worker_dir.h"
#include "worker_link.h"

#define QUERY_US    SECONDS(5)
#define QUERIES_MAX 12u /* a worker that has not answered for a minute is given up */

static void worker_settled(struct worker *worker)
{
	if (!worker->settling)
		return;
	worker->settling = FALSE;
	service_settled(worker->service);
}

/* The events that lead from what the store says to what the worker says. */
static gboolean vm_catch_up(struct vm *vm, gboolean paused, GError **error)
{
	switch (vm->state) {
	case VM_STATE_STARTING:
	case VM_STATE_RESTORING:
		if (!vm_apply(vm, VM_EVENT_STARTED, NULL, error))
			return FALSE;
		break;
	case VM_STATE_SAVING: /* it failed, or was never asked for */
		return vm_apply(vm, paused ? VM_EVENT_PAUSED : VM_EVENT_SAVE_FAILED, NULL, error);
	case VM_STATE_PAUSING:
		return vm_apply(vm, paused ? VM_EVENT_PAUSED : VM_EVENT_RESUME_FAILED, NULL, error);
	case VM_STATE_PAUSED:
		return paused || vm_apply(vm, VM_EVENT_RESUME, NULL, error);
	default:
		break;
	}
	return vm->state != VM_STATE_RUNNING || !paused ||
	       (vm_apply(vm, VM_EVENT_PAUSE, NULL, error) &&
		vm_apply(vm, VM_EVENT_PAUSED, NULL, error));
}

static void worker_take(struct worker *worker, gboolean paused, uint64_t started_us)
{
	struct vm *vm = worker->vm;
	g_autoptr(GError) error = NULL;

	vm_set_worker(vm, (uint32_t)worker->pid, started_us);
	if (vm->state == VM_STATE_STOPPING) {
		worker_stop(worker);
		return;
	}
	if (!vm_catch_up(vm, paused, &error))
		log_vm(worker->service->log, LOG_ERR, vm, "its state cannot be stored: %s",
		       error->message);
	else
		saved_state_remove(worker->service->options->state_dir, vm->definition->uuid);
	sched_add(worker->service->sched, worker);
	vm_tell(worker->service, vm, "adopted", "vmmsd was restarted and found it running");
}

static void worker_resolve(struct worker *worker, const char *state, uint64_t started_us)
{
	if (g_str_equal(state, "running") || g_str_equal(state, "paused"))
		worker_take(worker, g_str_equal(state, "paused"), started_us);
	else if (g_str_equal(state, "ended"))
		worker_stop(worker); /* it is about to exit, and is helped if it does not */
	else
		worker_fail(worker, g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
						"vmmsd was restarted before the worker had begun"));
}

/* Reads the answer to GetAll. FALSE: it is none, or another VM's. */
static gboolean properties_read(sd_bus_message *reply, char **state, uint64_t *started_us,
				const char *uuid)
{
	gboolean right = FALSE;
	const char *name, *text;

	if (sd_bus_message_enter_container(reply, 'a', "{sv}") < 0)
		return FALSE;
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		if (sd_bus_message_read(reply, "s", &name) < 0)
			return FALSE;
		if (g_str_equal(name, "Uuid") && sd_bus_message_read(reply, "v", "s", &text) >= 0)
			right = g_str_equal(text, uuid);
		else if (g_str_equal(name, "State") &&
			 sd_bus_message_read(reply, "v", "s", &text) >= 0) {
			g_free(*state);
			*state = g_strdup(text);
		} else if (g_str_equal(name, "Started")) {
			if (sd_bus_message_read(reply, "v", "t", started_us) < 0)
				return FALSE;
		} else if (sd_bus_message_skip(reply, "v") < 0) {
			return FALSE;
		}
		if (sd_bus_message_exit_container(reply) < 0)
			return FALSE;
	}
	return right && *state;
}

static void worker_query(struct worker *worker);

/* One that writes or reads the memory of its guest answers nothing meanwhile. */
static gboolean worker_is_busy(const struct worker *worker)
{
	const struct vm *vm = worker->vm;
	gint64 patience = (gint64)(SAVED_STATE_US(vm->definition->memory) + QUERIES_MAX * QUERY_US);

	return (vm->state == VM_STATE_SAVING || vm->state == VM_STATE_RESTORING) &&
	       g_get_monotonic_time() - worker->adopted_us < patience;
}

static void query_unanswered(struct worker *worker, GError *error)
{
	if (worker->queries < QUERIES_MAX || worker_is_busy(worker)) {
		log_vm(worker->service->log, LOG_WARNING, worker->vm,
		       "%s; it is asked again, its state is the last known one", error->message);
		g_error_free(error);
		worker_query(worker);
	} else {
		worker_fail(worker, error);
	}
	worker_settled(worker);
}

/* sd-bus gives a link up that the other end does not take up for long. One that goes sooner was
 * closed there, and its worker is about to end. */
static void worker_ask_again(struct worker *worker)
{
	g_autoptr(GError) error = NULL;

	if (!worker_is_busy(worker) || g_get_monotonic_time() - worker->asked_us < (gint64)QUERY_US)
		return;
	/* One that has ended cannot be reached, and its end tells more than this. */
	if (worker_relink(worker, &error))
		worker_query(worker);
}

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct worker *worker = userdata;
	g_autofree char *state = NULL;
	uint64_t started_us = 0;
	GError *error = NULL;

	(void)unused;
	worker->query = sd_bus_slot_unref(worker->query);
	switch (worker_link_check_reply(reply, "GetAll", &error)) {
	case WORKER_REPLY_OK:
		if (properties_read(reply, &state, &started_us, worker->vm->definition->uuid)) {
			worker_resolve(worker, state, started_us);
			worker_settled(worker);
			break;
		}
		error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
				    "the worker's answer makes no sense");
		/* fall through */
	case WORKER_REPLY_ERROR:
		worker_fail(worker, error);
		worker_settled(worker);
		break;
	case WORKER_REPLY_TIMED_OUT:
		query_unanswered(worker, error);
		break;
	case WORKER_REPLY_GONE: /* settled at its end */
		worker_ask_again(worker);
		break;
	}
	return 0;
}

static void worker_query(struct worker *worker)
{
	automsg call =
		worker_link_new_call(worker->link, "org.freedesktop.DBus.Properties", "GetAll");
	GError *error = NULL;

	worker->queries++;
	worker->asked_us = g_get_monotonic_time();
	if (!call || sd_bus_message_append(call, "s", VMMS_IFACE_WORKER) < 0 ||
	    !worker_link_send(worker->link, call, QUERY_US, on_properties, worker, &worker->query,
			      &error))
		worker_fail(worker, error ? error
					  : g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
							"the worker cannot be asked"));
}

static void adopt_one(struct service *service, struct vm *vm)
{
	g_autoptr(GError) error = NULL;

	if (service->new_boot) {
		vm_ended_unseen(service, vm);
		return;
	}
	if (!worker_adopt(service, vm, &vm_worker_owner, &vm->worker, &error))
		log_vm(service->log, LOG_ERR, vm, "%s", error->message);
	if (!vm->worker) {
		vm_ended_unseen(service, vm);
		return;
	}
	vm->worker->settling = TRUE;
	service->settling++;
	worker_query(vm->worker);
	/* Nobody waits for it: its state is the last known one. */
	if (worker_is_busy(vm->worker))
		worker_settled(vm->worker);
}

/* A worker without a definition is the administrator's to judge. */
static void warn_of_strangers(struct service *service)
{
	const char *runtime_dir = service->options->runtime_dir;
	g_autoptr(GDir) dir = g_dir_open(runtime_dir, 0, NULL);
	const char *uuid;

	while (dir && (uuid = g_dir_read_name(dir))) {
		autofd int directory = -1, fd = -1;

		if (strlen(uuid) != 36 || vm_registry_find(service->registry, uuid))
			continue;
		directory = worker_dir_open(runtime_dir, uuid);
		fd = directory >= 0 ? socket_connect_at(directory, WORKER_DIR_CONTROL) : -1;
		if (fd >= 0)
			log_service(service->log, LOG_WARNING,
				    "%s/%s: a worker runs there for a VM that is not in the store; "
				    "it is left alone",
				    runtime_dir, uuid);
	}
}

static gboolean state_is_wanted(void *context, const char *uuid)
{
	const struct service *service = context;
	const struct vm *vm = vm_registry_find(service->registry, uuid);

	return vm && (vm_state_is_active(vm->state) || vm->state == VM_STATE_SAVED) &&
	       vm->state != VM_STATE_RUNNING && vm->state != VM_STATE_PAUSED;
}

void adopt_all(struct service *service)
{
	const GPtrArray *vms = vm_registry_sorted(service->registry);

	for (guint i = 0; i < vms->len; i++) {
		struct vm *vm = vms->pdata[i];

		if (vm_state_is_active(vm->state))
			adopt_one(service, vm);
	}
	warn_of_strangers(service);
	saved_state_clean(service->options->state_dir, state_is_wanted, service);
}
