/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that come to a VM that runs, and go. What it takes is opened, the new definition is
 * stored, then the worker is asked; whatever fails on the way leaves the definition as it was.
 */
#include "cleanup.h"
#include "definition_plug.h"
#include "duration.h"
#include "operation.h"
#include "vm_disks.h"
#include "vm_nics.h"
#include "vm_plug_check.h"
#include "worker_link.h"

#define PLUG_CALL_US SECONDS(30) /* a disk that goes waits for what is in flight */
#define PLUG_JOB_US  SECONDS(60) /* with what is opened before: passt, locks */

struct plug {
	struct service *service;
	struct job *job;
	struct definition *before, *after;
	gboolean stored; /* after is the VM's */
	enum plug_list list;
	const char *told; /* the event when it is done */
	char *name;	  /* of the device */
	/* What the worker is asked: */
	const char *method;
	sd_bus_message *call;
	/* A device that comes: */
	struct vm_disks disks;
	struct vm_nics nics;
};

static void plug_free(void *context)
{
	struct plug *plug = context;

	vm_disks_clear(&plug->disks);
	vm_nics_clear(&plug->nics);
	sd_bus_message_unref(plug->call);
	definition_unref(plug->before);
	definition_unref(plug->after);
	g_free(plug->name);
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

static void plug_deadline(struct job *job)
{
	plug_fail(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT,
				   "the device was not ready within %d s; the host may be "
				   "overloaded: try again",
				   (int)(PLUG_JOB_US / G_USEC_PER_SEC)));
}

static const struct job_ops attach_ops = {
	.kind = "attach",
	.detach = plug_undo,
	.deadline = plug_deadline,
	.ended = plug_ended,
	.free = plug_free,
};

static const struct job_ops detach_ops = {
	.kind = "detach",
	.detach = plug_undo,
	.ended = plug_ended,
	.free = plug_free,
};

/* ---- the worker ------------------------------------------------------------------------------ */

static int on_plugged(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct job *job = userdata;
	struct plug *plug = job->context;
	GError *error = NULL;

	(void)unused;
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
		vm_tell(plug->service, job->vm, plug->told, plug->name);
		job_finish(job, NULL);
		break;
	case WORKER_REPLY_TIMED_OUT:
		/* Nobody knows any more what the guest has: it ends as one that died. */
		worker_fail(job->vm->worker, error);
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

	job_set_deadline(plug->job, 0);
	job_set_progress(plug->job, 50);
	if (!vm_registry_replace(vm->registry, vm, plug->after, &error)) {
		plug_fail(plug->job, error);
		return;
	}
	plug->stored = TRUE;
	if (!worker_link_send(vm->worker->link, plug->call, PLUG_CALL_US, on_plugged, plug->job,
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
	plug->service = service;
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
		plug_free(plug);
		return NULL;
	}
	last = list == PLUG_DISK ? plug->after->n_disks : plug->after->n_nics;
	plug->name = definition_device_name(plug->after, list, last - 1);
	plug->told = "attached";
	plug->job = job = job_new(service->jobs, &attach_ops, plug, vm, NULL); /* vm is idle */
	job_set_deadline(job, PLUG_JOB_US);
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
	char mac[MAC_ADDRESS_TEXT];

	if (!plug->call)
		return -ENOMEM;
	if (plug->list == PLUG_DISK)
		return sd_bus_message_append(plug->call, "uu", definition->disks[index].controller,
					     definition->disks[index].lun);
	mac_address_format(&definition->nics[index].mac, mac);
	return sd_bus_message_append(plug->call, "s", mac);
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
	plug->told = "detached";
	plug->method = list == PLUG_DISK ? "DetachDisk" : "DetachNic";
	plug->call = worker_link_new_call(vm->worker->link, VMMS_IFACE_WORKER, plug->method);
	r = append_place(plug, index);
	if (r < 0) {
		plug_free(plug);
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
			    "VM %s: its worker cannot be asked (%s)", vm->definition->name,
			    g_strerror(-r));
		return NULL;
	}
	plug->job = job = job_new(service->jobs, &detach_ops, plug, vm, NULL); /* vm is idle */
	plug_ask(plug);
	return job;
}
