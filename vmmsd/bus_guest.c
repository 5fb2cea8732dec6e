/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_guest.h"

#include "bus_ask.h"
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

static void on_guest(const struct bus_answer *answer)
{
	g_autoptr(json_value_t) guest = NULL;

	if (!answer->vm) {
		(void)sd_bus_reply_method_errorf(answer->call,
						 service_error_bus_name(SERVICE_ERROR_NO_SUCH_VM),
						 "the VM does not exist any more");
		return;
	}
	if (answer->reply)
		guest = guest_info_read(answer->reply);
	if (guest)
		add_vsock(guest, answer->service, answer->vm);
	(void)describe_reply(answer->call, answer->vm, guest);
}

int bus_guest_describe(sd_bus_message *call, struct service *service, const struct vm *vm)
{
	automsg question = NULL;

	if (bus_can_ask(vm))
		question = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, "GetGuest");
	if (question && bus_ask(call, service, vm, question, DESCRIBE_CALL_US, on_guest, NULL))
		return 1;
	return describe_reply(call, vm, NULL);
}

/* ---- what is passed on ----------------------------------------------------------------------- */

gboolean bus_guest_check(const struct vm *vm, GError **error)
{
	const char *name = vm->definition->name;

	if (vm->state == VM_STATE_RUNNING && bus_can_ask(vm))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
		    "VM %s is %s, so its guest cannot answer; %s it first", name,
		    vm_state_name(vm->state), vm->state == VM_STATE_PAUSED ? "resume" : "start");
	return FALSE;
}

static void on_forwarded(const struct bus_answer *answer)
{
	if (answer->reply)
		(void)sd_bus_reply_method_return(answer->call, NULL);
	else
		bus_answer_error(answer, answer->error);
}

gboolean bus_guest_forward(sd_bus_message *call, struct service *service, const struct vm *vm,
			   GError **error)
{
	automsg question = NULL;

	if (!bus_guest_check(vm, error))
		return FALSE;
	question = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER,
					sd_bus_message_get_member(call));
	if (question &&
	    (sd_bus_message_rewind(call, 1) < 0 || sd_bus_message_copy(question, call, 1) < 0))
		question = sd_bus_message_unref(question);
	return bus_ask(call, service, vm, question, FORWARD_CALL_US, on_forwarded, error);
}
