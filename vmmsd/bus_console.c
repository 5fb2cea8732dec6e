/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_console.h"

#include "bus.h"
#include "cleanup.h"
#include "console_log.h"
#include "duration.h"
#include "operation.h"
#include "worker.h"
#include "worker_link.h"

#define CONSOLE_CALL_US SECONDS(10)
#define PORT_MAX	1u
#define FLAGS_ALL	(VMMS_CONSOLE_REPLAY | VMMS_CONSOLE_LOG_ONLY | VMMS_CONSOLE_READ_ONLY)

static void reply_fail(sd_bus_message *call, const GError *error)
{
	autobuserr out = SD_BUS_ERROR_NULL;

	(void)bus_error_set(&out, error);
	(void)sd_bus_reply_method_error(call, &out);
}

/* userdata: the client's call, owned by the slot of the call to the worker. */
static int on_stream(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	sd_bus_message *call = userdata;
	g_autoptr(GError) error = NULL;
	int fd;

	(void)unused;
	if (worker_link_check_reply(reply, "OpenConsole", &error) == WORKER_REPLY_OK &&
	    sd_bus_message_read(reply, "h", &fd) >= 0) {
		(void)sd_bus_reply_method_return(call, "h", fd);
		return 0;
	}
	if (!error)
		error = g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
					    "the VM ended before its console was open");
	reply_fail(call, error);
	return 0;
}

static void call_release(void *userdata)
{
	sd_bus_message_unref(userdata);
}

static gboolean console_from_worker(sd_bus_message *call, struct worker *worker, uint32_t port,
				    uint32_t flags, GError **error)
{
	automsg ask = worker_link_new_call(worker->link, VMMS_IFACE_WORKER, "OpenConsole");
	sd_bus_slot *slot = NULL;

	if (ask && sd_bus_message_append(ask, "uu", port, flags) < 0)
		ask = sd_bus_message_unref(ask);
	if (!worker_link_send(worker->link, ask, CONSOLE_CALL_US, on_stream, call, &slot, error))
		return FALSE;
	/* The link owns the slot from now on, and the slot the client's call. */
	sd_bus_message_ref(call);
	(void)sd_bus_slot_set_destroy_callback(slot, call_release);
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return TRUE;
}

static gboolean console_from_file(sd_bus_message *call, struct service *service,
				  const struct vm *vm, uint32_t port, GError **error)
{
	autofd int fd = -1;

	fd = console_log_open(service, vm, port, error);
	if (fd < 0)
		return FALSE;
	(void)sd_bus_reply_method_return(call, "h", fd);
	return TRUE;
}

gboolean bus_console_open(sd_bus_message *call, struct service *service, struct vm *vm,
			  uint32_t port, uint32_t flags, GError **error)
{
	const char *name = vm->definition->name;

	if (port > PORT_MAX || (flags & ~FLAGS_ALL) != 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
			    "VM %s: no console has port %u and flags 0x%x; ports are 0 and 1", name,
			    port, flags);
		return FALSE;
	}
	if (vm->worker && vm->worker->link && vm->state != VM_STATE_STARTING)
		return console_from_worker(call, vm->worker, port, flags, error);
	if (flags & VMMS_CONSOLE_LOG_ONLY)
		return console_from_file(call, service, vm, port, error);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
		    "VM %s is %s and has no console now; start it, or read the last output with "
		    "hvctl console --log %s",
		    name, vm_state_name(vm->state), name);
	return FALSE;
}
