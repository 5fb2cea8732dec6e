/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_stats.h"

#include "bus.h"
#include "cleanup.h"
#include "duration.h"
#include "sched_stats.h"
#include "worker.h"
#include "worker_link.h"

#define STATS_CALL_US SECONDS(5)

/* A client's call while the worker is asked; the slot owns it. */
struct stats_call {
	sd_bus_message *call;
	struct service *service;
	char *uuid; /* the VM may be gone when the answer comes */
};

static void stats_call_free(void *data)
{
	struct stats_call *stats = data;

	/* The link went away with the worker before it answered. */
	if (stats->call)
		(void)sd_bus_reply_method_errorf(stats->call, VMMS_ERROR_PREFIX "Worker",
						 "the VM ended before its counters were read");
	sd_bus_message_unref(stats->call);
	g_free(stats->uuid);
	g_free(stats);
}

static int on_statistics(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct stats_call *stats = userdata;
	struct vm *vm = vm_registry_find(stats->service->registry, stats->uuid);
	autobuserr out = SD_BUS_ERROR_NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	(void)unused;
	if (worker_link_check_reply(reply, "GetStatistics", &error) == WORKER_REPLY_OK && vm)
		text = sched_stats_describe(stats->service->sched, vm, reply, &error);
	if (text) {
		(void)sd_bus_reply_method_return(stats->call, "s", text);
		stats->call = sd_bus_message_unref(stats->call);
		return 0;
	}
	if (!error)
		error = g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
					    "the VM ended before its counters were read");
	(void)bus_error_set(&out, error);
	(void)sd_bus_reply_method_error(stats->call, &out);
	stats->call = sd_bus_message_unref(stats->call);
	return 0;
}

gboolean bus_stats_get(sd_bus_message *call, struct service *service, const struct vm *vm,
		       GError **error)
{
	struct stats_call *stats = NULL;
	sd_bus_slot *slot = NULL;

	if (!vm->worker || !vm->worker->link || vm->state == VM_STATE_STARTING) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
			    "VM %s is %s and counts nothing: start it first", vm->definition->name,
			    vm_state_name(vm->state));
		return FALSE;
	}
	stats = g_new0(struct stats_call, 1);
	stats->call = sd_bus_message_ref(call);
	stats->service = service;
	stats->uuid = g_strdup(vm->definition->uuid);
	if (!worker_link_call(vm->worker->link, "GetStatistics", STATS_CALL_US, on_statistics,
			      stats, &slot, error) ||
	    !slot) {
		stats->call = sd_bus_message_unref(stats->call); /* the caller answers */
		stats_call_free(stats);
		if (error && !*error)
			g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
				    "VM %s: its worker is ending", vm->definition->name);
		return FALSE;
	}
	/* The link owns the slot from now on, and the slot the client's call. */
	(void)sd_bus_slot_set_destroy_callback(slot, stats_call_free);
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return TRUE;
}
