/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_ask.h"

#include "bus.h"
#include "cleanup.h"
#include "operation.h"
#include "worker.h"
#include "worker_link.h"

/* The slot of the question owns it, and the link the slot. */
struct asked {
	sd_bus_message *call; /* NULL: answered */
	struct service *service;
	char *uuid, *name; /* the VM may be gone when the answer comes */
	bus_answered answered;
};

static GError *ended(const struct asked *asked)
{
	return g_error_new(SERVICE_ERROR, SERVICE_ERROR_WORKER,
			   "VM %s ended before it had answered; see hvctl show for its state",
			   asked->name);
}

static void asked_free(struct asked *asked)
{
	sd_bus_message_unref(asked->call);
	g_free(asked->uuid);
	g_free(asked->name);
	g_free(asked);
}

void bus_answer_error(const struct bus_answer *answer, const GError *error)
{
	autobuserr out = SD_BUS_ERROR_NULL;

	(void)bus_error_set(&out, error);
	(void)sd_bus_reply_method_error(answer->call, &out);
}

/* The link was closed while the answer was under way. */
static void on_slot_gone(void *data)
{
	struct asked *asked = data;
	g_autoptr(GError) error = NULL;

	if (asked->call) {
		error = ended(asked);
		bus_answer_error(&(struct bus_answer){.call = asked->call}, error);
	}
	asked_free(asked);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct asked *asked = userdata;
	automsg call = g_steal_pointer(&asked->call);
	g_autoptr(GError) error = NULL;
	enum worker_reply verdict =
		worker_link_check_reply(reply, sd_bus_message_get_member(call), &error);
	struct vm *vm = vm_registry_find(asked->service->registry, asked->uuid);

	(void)unused;
	if (!vm && verdict == WORKER_REPLY_OK)
		verdict = WORKER_REPLY_GONE;
	if (verdict == WORKER_REPLY_GONE) {
		error = ended(asked);
	} else if (error) {
		g_autoptr(GError) unnamed = g_steal_pointer(&error);

		error = vm ? vm_error(vm, unnamed) : g_error_copy(unnamed);
	}
	asked->answered(&(struct bus_answer){
		.call = call,
		.service = asked->service,
		.vm = vm,
		.reply = verdict == WORKER_REPLY_OK ? reply : NULL,
		.error = error,
	});
	return 0;
}

gboolean bus_can_ask(const struct vm *vm)
{
	return vm->worker && vm->worker->link && !vm->worker->launching &&
	       vm->state != VM_STATE_STARTING;
}

gboolean bus_ask(sd_bus_message *call, struct service *service, const struct vm *vm,
		 sd_bus_message *question, uint64_t timeout_us, bus_answered answered,
		 GError **error)
{
	struct asked *asked = g_new0(struct asked, 1);
	sd_bus_slot *slot = NULL;

	asked->service = service;
	asked->uuid = g_strdup(vm->definition->uuid);
	asked->name = g_strdup(vm->definition->name);
	asked->answered = answered;
	if (!question ||
	    !worker_link_send(vm->worker->link, question, timeout_us, on_reply, asked, &slot,
			      error) ||
	    !slot) {
		asked_free(asked);
		if (error && !*error)
			g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
				    "VM %s: its worker cannot be asked; see hvctl show for its "
				    "state",
				    vm->definition->name);
		return FALSE;
	}
	asked->call = sd_bus_message_ref(call);
	(void)sd_bus_slot_set_destroy_callback(slot, on_slot_gone);
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return TRUE;
}
