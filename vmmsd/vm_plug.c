/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that come to a VM that runs, and go. What it takes is opened, the new definition is
 * stored, then the worker is asked; whatever fails on the way leaves the definition as it was. When
 * the worker does not answer in time the job fails, and the definition has the device, which the
 * guest may have, until the worker's answer tells.
 */
#include "cleanup.h"
#include "definition_plug.h"
#include "duration.h"
#include "operation.h"
#include "sched_service.h"
#include "vm_disks.h"
#include "vm_nics.h"
#include "vm_plug_check.h"
#include "worker_link.h"

#define PLUG_OPEN_US   SECONDS(60)   /* what is opened before: passt, locks, servers */
#define PLUG_ANSWER_US SECONDS(20)   /* a disk that goes waits for what is in flight */
#define PLUG_LATE_US   SECONDS(3600) /* so long an answer is listened to that nobody waits for */

struct plug {
	unsigned references; /* the job, and a call that outlives it */
	struct service *service;
	struct job *job; /* NULL: it is over, and the worker has not answered yet */
	char *vm_uuid;
	struct definition *before, *after;
	gboolean stored; /* after is the VM's */
	enum plug_list list;
	const char *told; /* the event when it is done */
	char *name;	  /* of the device */
	char *place;	  /* of a disk; the address of an adapter */
	/* What the worker is asked: */
	const char *method;
	sd_bus_message *call;
	/* A device that comes: */
	struct vm_disks disks;
	struct vm_nics nics;
};

static void plug_unref(void *context)
{
	struct plug *plug = context;

	if (--plug->references > 0)
		return;
	vm_disks_clear(&plug->disks);
	vm_nics_clear(&plug->nics);
	sd_bus_message_unref(plug->call);
	definition_unref(plug->before);
	definition_unref(plug->after);
	g_free(plug->vm_uuid);
	g_free(plug->name);
	g_free(plug->place);
	g_free(plug);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void plug_undo(struct job *job)
{
	struct plug *plug = job->context;
	struct vm *vm = job->vm;
	g_autoptr(GError) error = NULL;

	if (!plug->stored)
		return;
	plug->stored = FALSE;
	if (!vm_registry_replace(vm->registry, vm, plug->before, &error))
		log_vm(plug->service->log, LOG_ERR, vm, "%s", error->message);
}

/* Takes error. */
static void plug_fail(struct job *job, GError *error)
{
	GError *named = vm_error(job->vm, error);

	g_error_free(error);
	plug_undo(job);
	job_finish(job, named);
}

static void plug_ended(struct job *job, const struct vm_end *end)
{
	(void)end; /* the job fails with it */
	plug_undo(job);
}

/* The call is the link's from now on, and ends with that. */
static void plug_leave(struct plug *plug)
{
	sd_bus_slot *call = g_steal_pointer(&plug->job->call);

	plug->references++;
	plug->job = NULL;
	vm_disks_clear(&plug->disks);
	vm_nics_clear(&plug->nics);
	(void)sd_bus_slot_set_destroy_callback(call, plug_unref);
	(void)sd_bus_slot_set_floating(call, 1);
	sd_bus_slot_unref(call);
}

/* The guest has the device, or will have it, or has it no more: only the worker knows. */
static void plug_unanswered(struct job *job)
{
	struct plug *plug = job->context;
	g_autoptr(GError) error = g_error_new(
		SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
		"%s: the worker has not answered within %d s; until it does the definition has the "
		"device: see hvctl show and hvctl events",
		plug->name, (int)(PLUG_ANSWER_US / G_USEC_PER_SEC));
	GError *named = vm_error(job->vm, error);

	if (g_str_equal(plug->told, "detached"))
		plug_undo(job);
	plug_leave(plug);
	job_finish(job, named);
}

static void plug_deadline(struct job *job)
{
	struct plug *plug = job->context;

	if (plug->stored)
		plug_unanswered(job);
	else
		plug_fail(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
					   "the device was not ready within %d s; the host may be "
					   "overloaded: try again",
					   (int)(PLUG_OPEN_US / G_USEC_PER_SEC)));
}

static const struct job_ops attach_ops = {
	.kind = "attach",
	.detach = plug_undo,
	.deadline = plug_deadline,
	.ended = plug_ended,
	.free = plug_unref,
};

static const struct job_ops detach_ops = {
	.kind = "detach",
	.detach = plug_undo,
	.deadline = plug_deadline,
	.ended = plug_ended,
	.free = plug_unref,
};

/* ---- the worker ------------------------------------------------------------------------------ */

/* A device that the guest does not have, as it turned out later. */
static void plug_forget(const struct plug *plug, struct vm *vm)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) definition = NULL;
	g_autofree char *patch = NULL;
	size_t index;

	if (!(plug->list == PLUG_DISK
		      ? definition_find_disk(vm->definition, plug->place, &index, NULL)
		      : definition_find_nic(vm->definition, plug->place, &index, NULL)))
		return;
	patch = definition_patch_without(vm->definition, plug->list, index);
	definition = vm_registry_propose(vm->registry, vm, patch, &error);
	if (!definition || !vm_registry_replace(vm->registry, vm, definition, &error))
		log_vm(plug->service->log, LOG_ERR, vm, "%s", error->message);
}

static void plug_tell(const struct plug *plug, struct vm *vm)
{
	sched_threads_changed(plug->service->sched, vm); /* the first device may bring one */
	vm_tell(plug->service, vm, plug->told, plug->name);
}

/* The answer that the job did not wait for. */
static int on_late(struct plug *plug, sd_bus_message *reply)
{
	struct vm *vm = vm_registry_find(plug->service->registry, plug->vm_uuid);
	gboolean comes = g_str_equal(plug->told, "attached");
	g_autoptr(GError) error = NULL;
	enum worker_reply how = worker_link_check_reply(reply, plug->method, &error);

	if (!vm || (how != WORKER_REPLY_OK && how != WORKER_REPLY_ERROR))
		return 0;
	if (how == WORKER_REPLY_ERROR)
		log_vm(plug->service->log, LOG_ERR, vm, "%s: not %s: %s", plug->name, plug->told,
		       error->message);
	if (comes == (how == WORKER_REPLY_ERROR))
		plug_forget(plug, vm);
	if (how == WORKER_REPLY_OK)
		plug_tell(plug, vm);
	return 0;
}

static int on_plugged(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct plug *plug = userdata;
	struct job *job = plug->job;
	GError *error = NULL;

	(void)unused;
	if (!job)
		return on_late(plug, reply);
	job->call = sd_bus_slot_unref(job->call);
	switch (worker_link_check_reply(reply, plug->method, &error)) {
	case WORKER_REPLY_ERROR:
		/* vmmsd may have died between the store and the worker: what the guest never got
		 * is gone as well. */
		if (job->ops != &detach_ops ||
		    !g_error_matches(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT)) {
			plug_fail(job, error);
			break;
		}
		g_error_free(error);
		/* fall through */
	case WORKER_REPLY_OK:
		plug_tell(plug, job->vm);
		job_finish(job, NULL);
		break;
	case WORKER_REPLY_TIMED_OUT: /* the job's deadline is earlier */
		plug_fail(job, error);
		break;
	case WORKER_REPLY_GONE:
		break;
	}
	return 0;
}

/* The store first: a device that a guest has is never unknown to it. */
static void plug_ask(struct plug *plug)
{
	struct vm *vm = plug->job->vm;
	GError *error = NULL;

	job_set_deadline(plug->job, PLUG_ANSWER_US);
	job_set_progress(plug->job, 50);
	if (!vm_registry_replace(vm->registry, vm, plug->after, &error)) {
		plug_fail(plug->job, error);
		return;
	}
	plug->stored = TRUE;
	if (!worker_link_send(vm->worker->link, plug->call, PLUG_LATE_US, on_plugged, plug,
			      &plug->job->call, &error))
		plug_fail(plug->job,
			  error ? error
				: g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER,
						      "the worker cannot be asked"));
}

/* ---- a device that comes --------------------------------------------------------------------- */

static int append_nic(const struct plug *plug)
{
	g_autofree char *device = definition_device(plug->after, PLUG_NIC, plug->after->n_nics - 1);
	int r;

	if ((r = sd_bus_message_append(plug->call, "s", device)) < 0 ||
	    (r = sd_bus_message_open_container(plug->call, 'a', "(sh)")) < 0 ||
	    (r = vm_nics_append(&plug->nics, plug->call)) < 0)
		return r;
	return sd_bus_message_close_container(plug->call);
}

static int append_device(const struct plug *plug)
{
	return plug->list == PLUG_DISK ? vm_disks_append_device(&plug->disks, plug->call)
				       : append_nic(plug);
}

/* Its files are open, locked and connected. Takes error. */
static void on_ready(void *context, GError *error)
{
	struct plug *plug = context;
	int r;

	if (error) {
		plug_fail(plug->job, error);
		return;
	}
	if (!vm_plug_is_up(plug->job->vm)) {
		plug_fail(plug->job, g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
							 "it has ended meanwhile; start it"));
		return;
	}
	plug->method = "Attach";
	plug->call =
		worker_link_new_call(plug->job->vm->worker->link, VMMS_IFACE_WORKER, plug->method);
	r = plug->call ? append_device(plug) : -ENOMEM;
	if (r < 0)
		plug_fail(plug->job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED,
						 "the files for the worker cannot be sent: %s",
						 g_strerror(-r)));
	else
		plug_ask(plug);
}

static char *place_of(const struct definition *definition, enum plug_list list, size_t index)
{
	char mac[MAC_ADDRESS_TEXT];

	if (list == PLUG_DISK)
		return g_strdup_printf("%u:%u", definition->disks[index].controller,
				       definition->disks[index].lun);
	mac_address_format(&definition->nics[index].mac, mac);
	return g_strdup(mac);
}

static gboolean plug_open(struct plug *plug, struct vm *vm, GError **error)
{
	g_autoptr(GError) local = NULL;
	gboolean ok;

	vm_disks_init_from(&plug->disks, plug->service, vm, plug->after, plug->before->n_disks,
			   plug->after->n_disks);
	vm_nics_init_from(&plug->nics, plug->service, vm, plug->after, plug->before->n_nics);
	ok = plug->list == PLUG_DISK ? vm_disks_open(&plug->disks, &local)
				     : vm_nics_open(&plug->nics, &local);
	if (!ok)
		g_propagate_error(error, vm_error(vm, local));
	return ok;
}

/* Takes patch. NULL: nothing has changed. */
static struct plug *plug_new(struct service *service, struct vm *vm, enum plug_list list,
			     char *patch, GError **error)
{
	struct definition *after = vm_registry_propose(vm->registry, vm, patch, error);
	struct plug *plug;

	g_free(patch);
	if (!after)
		return NULL;
	plug = g_new0(struct plug, 1);
	plug->references = 1;
	plug->service = service;
	plug->vm_uuid = g_strdup(vm->definition->uuid);
	plug->list = list;
	plug->before = definition_ref(vm->definition);
	plug->after = after;
	return plug;
}

struct job *vm_attach(struct service *service, struct vm *vm, enum plug_list list,
		      const char *device, GError **error)
{
	struct plug *plug;
	struct job *job;
	char *patch;
	size_t last;

	if (!vm_plug_check(vm, list, "attach", error))
		return NULL;
	patch = definition_patch_with(vm->definition, list, device, error);
	plug = patch ? plug_new(service, vm, list, patch, error) : NULL;
	if (!plug)
		return NULL;
	if (!plug_open(plug, vm, error)) {
		plug_unref(plug);
		return NULL;
	}
	last = list == PLUG_DISK ? plug->after->n_disks : plug->after->n_nics;
	plug->name = definition_device_name(plug->after, list, last - 1);
	plug->place = place_of(plug->after, list, last - 1);
	plug->told = "attached";
	plug->job = job = job_new(service->jobs, &attach_ops, plug, vm, NULL); /* vm is idle */
	job_set_deadline(job, PLUG_OPEN_US);
	if (list == PLUG_DISK)
		vm_disks_prepare(&plug->disks, on_ready, plug);
	else
		vm_nics_connect(&plug->nics, on_ready, plug);
	return job;
}

/* ---- a device that goes ---------------------------------------------------------------------- */

static int append_place(const struct plug *plug, size_t index)
{
	const struct definition *definition = plug->before;

	if (!plug->call)
		return -ENOMEM;
	if (plug->list == PLUG_DISK)
		return sd_bus_message_append(plug->call, "uu", definition->disks[index].controller,
					     definition->disks[index].lun);
	return sd_bus_message_append(plug->call, "s", plug->place);
}

struct job *vm_detach(struct service *service, struct vm *vm, enum plug_list list,
		      const char *which, GError **error)
{
	struct plug *plug;
	struct job *job;
	size_t index;
	int r;

	if (!vm_plug_check(vm, list, "detach", error) ||
	    !(list == PLUG_DISK ? definition_find_disk(vm->definition, which, &index, error)
				: definition_find_nic(vm->definition, which, &index, error)))
		return NULL;
	plug = plug_new(service, vm, list, definition_patch_without(vm->definition, list, index),
			error);
	if (!plug)
		return NULL;
	plug->name = definition_device_name(plug->before, list, index);
	plug->place = place_of(plug->before, list, index);
	plug->told = "detached";
	plug->method = list == PLUG_DISK ? "DetachDisk" : "DetachNic";
	plug->call = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, plug->method);
	r = append_place(plug, index);
	if (r < 0) {
		plug_unref(plug);
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
			    "VM %s: its worker cannot be asked (%s)", vm->definition->name,
			    g_strerror(-r));
		return NULL;
	}
	plug->job = job = job_new(service->jobs, &detach_ops, plug, vm, NULL); /* vm is idle */
	plug_ask(plug);
	return job;
}
