/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_guest.h"

#include "bus.h"
#include "cleanup.h"
#include "duration.h"
#include "guest_info.h"
#include "json_text.h"
#include "operation.h"
#include "worker_dir.h"
#include "worker_link.h"

/* Both below what a client waits for an answer. */
#define DESCRIBE_CALL_US SECONDS(3)
#define FORWARD_CALL_US	 SECONDS(20)

struct question {
	sd_bus_message *call;
	struct service *service;
};

static void question_free(void *userdata)
{
	struct question *question = userdata;

	sd_bus_message_unref(question->call);
	g_free(question);
}

static gboolean can_be_asked(const struct vm *vm)
{
	return vm->worker && vm->worker->link && !vm->worker->launching &&
	       vm->state != VM_STATE_STARTING;
}

/* The link owns the slot from now on, and the slot the client's call. */
static gboolean ask(sd_bus_message *call, struct service *service, const struct vm *vm,
		    sd_bus_message *question, uint64_t timeout_us,
		    sd_bus_message_handler_t answered, GError **error)
{
	struct question *context = g_new0(struct question, 1);
	sd_bus_slot *slot = NULL;

	context->call = sd_bus_message_ref(call);
	context->service = service;
	if (!worker_link_send(vm->worker->link, question, timeout_us, answered, context, &slot,
			      error) ||
	    !slot) {
		question_free(context);
		return FALSE;
	}
	(void)sd_bus_slot_set_destroy_callback(slot, question_free);
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return TRUE;
}

/* ---- Describe -------------------------------------------------------------------------------- */

static int describe_reply(sd_bus_message *call, const struct vm *vm, struct json_object *guest)
{
	g_autofree char *text = vm_describe(vm, guest);

	return sd_bus_reply_method_return(call, "s", text);
}

static gboolean has_synic(struct json_object *guest)
{
	struct json_object *list = json_object_object_get(guest, "enlightenments");
	size_t n = json_object_array_length(list);

	for (size_t i = 0; i < n; i++)
		if (g_str_equal(json_object_get_string(json_object_array_get_idx(list, i)),
				"synic"))
			return TRUE;
	return FALSE;
}

/* Where programs of the host connect to the guest: by VMBus, which needs SynIC. */
static void add_vsock(struct json_object *guest, const struct service *service, const struct vm *vm)
{
	g_autofree char *path = g_build_filename(service->options->runtime_dir,
						 vm->definition->uuid, WORKER_DIR_VSOCK, NULL);
	gboolean there = has_synic(guest) && g_file_test(path, G_FILE_TEST_EXISTS);

	(void)json_object_object_add(guest, "vsock", there ? json_object_new_string(path) : NULL);
}

static int on_guest(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	const struct question *question = userdata;
	const struct vm *vm =
		bus_vm_find(question->service, sd_bus_message_get_path(question->call));
	g_autoptr(json_value_t) guest = NULL;
	g_autoptr(GError) error = NULL;

	(void)unused;
	if (!vm) {
		(void)sd_bus_reply_method_errorf(question->call,
						 service_error_bus_name(SERVICE_ERROR_NO_SUCH_VM),
						 "the VM does not exist any more");
		return 0;
	}
	if (worker_link_check_reply(reply, "GetGuest", &error) == WORKER_REPLY_OK)
		guest = guest_info_read(reply);
	if (guest)
		add_vsock(guest, question->service, vm);
	(void)describe_reply(question->call, vm, guest);
	return 0;
}

int bus_guest_describe(sd_bus_message *call, struct service *service, const struct vm *vm)
{
	automsg question = NULL;

	if (can_be_asked(vm))
		question = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, "GetGuest");
	if (question && ask(call, service, vm, question, DESCRIBE_CALL_US, on_guest, NULL))
		return 1;
	return describe_reply(call, vm, NULL);
}

/* ---- what is passed on ----------------------------------------------------------------------- */

gboolean bus_guest_check(const struct vm *vm, GError **error)
{
	const char *name = vm->definition->name;

	if (vm->state == VM_STATE_RUNNING && can_be_asked(vm))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
		    "VM %s is %s, so its guest cannot answer; %s it first", name,
		    vm_state_name(vm->state), vm->state == VM_STATE_PAUSED ? "resume" : "start");
	return FALSE;
}

static int on_forwarded(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	const struct question *question = userdata;
	const struct vm *vm =
		bus_vm_find(question->service, sd_bus_message_get_path(question->call));
	const char *method = sd_bus_message_get_member(question->call);
	g_autoptr(GError) error = NULL, named = NULL;
	autobuserr out = SD_BUS_ERROR_NULL;

	(void)unused;
	if (worker_link_check_reply(reply, method, &error) == WORKER_REPLY_OK) {
		(void)sd_bus_reply_method_return(question->call, NULL);
		return 0;
	}
	if (!error)
		error = g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
					    "it ended before its guest had answered");
	named = vm ? vm_error(vm, error) : g_error_copy(error);
	(void)bus_error_set(&out, named);
	(void)sd_bus_reply_method_error(question->call, &out);
	return 0;
}

gboolean bus_guest_forward(sd_bus_message *call, struct service *service, const struct vm *vm,
			   GError **error)
{
	automsg question = NULL;

	if (!bus_guest_check(vm, error))
		return FALSE;
	question = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER,
					sd_bus_message_get_member(call));
	if (question && sd_bus_message_rewind(call, 1) >= 0 &&
	    sd_bus_message_copy(question, call, 1) >= 0 &&
	    ask(call, service, vm, question, FORWARD_CALL_US, on_forwarded, error))
		return TRUE;
	if (error && !*error)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
			    "VM %s: its worker cannot be asked", vm->definition->name);
	return FALSE;
}
