/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_serve.h"

#include <string.h>

#include "cleanup.h"
#include "definition_plug.h"
#include "duration.h"
#include "operation.h"
#include "vm_disks.h"
#include "vm_plug_check.h"
#include "worker_link.h"
#include "worker_spawn.h"

#define SERVE_CALL_US SECONDS(60) /* what is in flight ends, and is flushed */

struct serve {
	struct worker *worker;	       /* which has it */
	struct definition *definition; /* of when it began */
	size_t index;
	uint64_t size;	 /* that the image is to have; 0: as it is */
	GError *failure; /* why it could not have that size */
	struct vm_disks disks;
	sd_bus_slot *call;
	uint32_t job_id;
	void (*done)(struct service *service, uint32_t job_id, GError *error); /* or NULL */
};

void vm_serve_cancel(struct serve *serve)
{
	if (!serve)
		return;
	sd_bus_slot_unref(serve->call);
	vm_disks_clear(&serve->disks);
	definition_unref(serve->definition);
	g_clear_error(&serve->failure);
	g_free(serve);
}

static const struct definition_disk *serve_disk(const struct serve *serve)
{
	return &serve->definition->disks[serve->index];
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* Once, however often it is asked for. */
static void tell_lost(struct worker *worker, const char *place, size_t index)
{
	g_autofree char *name = definition_device_name(worker->vm->definition, PLUG_DISK, index);
	g_autofree char *detail =
		g_strdup_printf("%s: its server ended; another is being started", name);

	if (g_strcmp0(worker->unserved, place) == 0)
		return;
	g_free(worker->unserved);
	worker->unserved = g_strdup(place);
	vm_tell(worker->service, worker->vm, VMMS_GUEST_EVENT_SERVER, detail);
}

/* The worker of the other engine fails the guest's next flush instead. */
static gboolean may_lose_unseen(const struct serve *serve)
{
	const struct definition_disk *disk = serve_disk(serve);

	return worker_translates(serve->worker->vm) && !disk->read_only &&
	       disk->cache != DISK_CACHE_WRITETHROUGH;
}

static void tell_served(const struct serve *serve, const char *name)
{
	struct worker *worker = serve->worker;
	g_autofree char *detail = g_strdup_printf(
		"%s%s", name,
		may_lose_unseen(serve) ? ": what its guest had written and not flushed may be lost"
				       : "");

	g_clear_pointer(&worker->unserved, g_free);
	vm_tell(worker->service, worker->vm, "served-again", detail);
}

/* Takes error. */
static void serve_end(struct serve *serve, GError *error)
{
	struct worker *worker = serve->worker;
	g_autofree char *name = definition_device_name(serve->definition, PLUG_DISK, serve->index);
	g_autoptr(GError) failure = error ? error : g_steal_pointer(&serve->failure);

	worker->serve = NULL;
	if (serve->done)
		serve->done(worker->service, serve->job_id, g_steal_pointer(&failure));
	else if (error)
		log_vm(worker->service->log, LOG_ERR, worker->vm, "%s is not served: %s", name,
		       error->message);
	else
		tell_served(serve, name);
	vm_serve_cancel(serve);
}

/* A detach may have come in between: what it took is not brought back. */
static gboolean serve_is_wanted(const struct serve *serve)
{
	const struct definition *now = serve->worker->vm->definition;
	const struct definition_disk *disk = serve_disk(serve);

	for (size_t i = 0; i < now->n_disks; i++) {
		if (now->disks[i].controller == disk->controller && now->disks[i].lun == disk->lun)
			return g_str_equal(now->disks[i].path, disk->path);
	}
	return FALSE;
}

static GError *serve_error(const char *what)
{
	return g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_WORKER, what);
}

/* ---- to the worker --------------------------------------------------------------------------- */

static int on_attached(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct serve *serve = userdata;
	GError *error = NULL;

	(void)unused;
	if (worker_link_check_reply(reply, "Attach", &error) == WORKER_REPLY_GONE)
		return 0; /* it ends, and this with it */
	serve_end(serve, error);
	return 0;
}

static void serve_attach(struct serve *serve)
{
	sd_bus *link = serve->worker->link;
	automsg call = link ? worker_link_new_call(link, VMMS_IFACE_WORKER, "Attach") : NULL;
	GError *error = NULL;

	if (!call || !serve_is_wanted(serve) || vm_disks_append_device(&serve->disks, call) < 0)
		error = serve_error("the disk is not the worker's any more");
	else if (worker_link_send(link, call, SERVE_CALL_US, on_attached, serve, &serve->call,
				  &error))
		return;
	serve_end(serve, error);
}

/* ---- a server -------------------------------------------------------------------------------- */

static void serve_open(struct serve *serve);

/* Takes error. */
static void on_ready(void *context, GError *error)
{
	struct serve *serve = context;

	if (!error) {
		serve_attach(serve);
	} else if (serve->size > 0) {
		/* The guest gets its disk back as it was. */
		serve->failure = error;
		serve->size = 0;
		vm_disks_clear(&serve->disks);
		serve_open(serve);
	} else {
		serve_end(serve, error);
	}
}

static void serve_open(struct serve *serve)
{
	struct worker *worker = serve->worker;
	GError *error = NULL;

	vm_disks_init_from(&serve->disks, worker->service, worker->vm, serve->definition,
			   serve->index, serve->index + 1);
	serve->disks.size = serve->size;
	if (vm_disks_open(&serve->disks, &error))
		vm_disks_prepare(&serve->disks, on_ready, serve);
	else
		on_ready(serve, error);
}

static struct serve *serve_new(struct worker *worker, size_t index)
{
	struct serve *serve = g_new0(struct serve, 1);

	serve->worker = worker;
	serve->definition = definition_ref(worker->vm->definition);
	serve->index = index;
	return serve;
}

void vm_serve_lost(struct worker *worker, const char *place)
{
	size_t index;

	if (worker->serve || !vm_plug_is_up(worker->vm) ||
	    !definition_find_disk(worker->vm->definition, place, &index, NULL) ||
	    worker->vm->definition->disks[index].format == DISK_FORMAT_RAW)
		return;
	tell_lost(worker, place, index);
	worker->serve = serve_new(worker, index);
	serve_open(worker->serve);
}

/* ---- another size ---------------------------------------------------------------------------- */

static int on_suspended(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct serve *serve = userdata;
	GError *error = NULL;

	(void)unused;
	serve->call = sd_bus_slot_unref(serve->call);
	switch (worker_link_check_reply(reply, "SuspendDisk", &error)) {
	case WORKER_REPLY_OK:
		serve_open(serve);
		break;
	case WORKER_REPLY_GONE:
		break;
	default: /* one that is late asks for a server by itself */
		serve_end(serve, error);
	}
	return 0;
}

gboolean vm_serve_resize(struct worker *worker, size_t index, uint64_t size, uint32_t job_id,
			 void (*done)(struct service *service, uint32_t job_id, GError *error),
			 GError **error)
{
	const struct definition_disk *disk = &worker->vm->definition->disks[index];
	automsg call = worker_link_new_call(worker->link, VMMS_IFACE_WORKER, "SuspendDisk");
	struct serve *serve;

	if (worker->serve) {
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_BUSY,
				    "a server is just being started for a disk; try again");
		return FALSE;
	}
	serve = serve_new(worker, index);
	serve->size = size;
	serve->job_id = job_id;
	serve->done = done;
	if (call && sd_bus_message_append(call, "uu", disk->controller, disk->lun) >= 0 &&
	    worker_link_send(worker->link, call, SERVE_CALL_US, on_suspended, serve, &serve->call,
			     error)) {
		worker->serve = serve;
		return TRUE;
	}
	if (error && !*error)
		*error = serve_error("its worker cannot be asked");
	vm_serve_cancel(serve);
	return FALSE;
}
