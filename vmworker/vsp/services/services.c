/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request is an object that travels: made on the main thread, started on the I/O thread, finished
 * there, answered and freed on the main thread.
 */
#include "services.h"

#include <unistd.h>

#include "ic_timesync.h"
#include "loop_queue.h"
#include "services_mailbox.h"

struct services {
	struct services_config config;
	struct loop_queue *queue;
	struct services_mailbox *mailbox;
	struct ic_shutdown *shutdown;
	struct ic_heartbeat *heartbeat;
	struct ic_timesync *timesync;
	struct ic_kvp *kvp;
	struct ic_vss *vss;
	struct ic_fcopy *fcopy;
};

struct service_request {
	struct services *services;
	void (*start)(struct service_request *request); /* I/O thread */
	services_done done;				/* main thread; NULL: it has no answer */
	void *context;
	int result;
	struct loop_call finish;

	char *text, *value;
	bool flag;
	unsigned int number;
	uint64_t first_ns, second_ns;
	int fd;
	uint8_t (*macs)[6];
	void (*progress)(void *context, uint64_t copied, uint64_t size);
	uint64_t percent;
	struct loop_call tell_progress;
	_Atomic uint64_t copied, size; /* as they are to be told */
};

/* ---- requests -------------------------------------------------------------------------------- */

/* Main thread: also when the queue is freed before the answer had its turn. */
static void request_free(void *context)
{
	struct service_request *request = context;

	if (request->done)
		request->done(request->context, request->result);
	g_free(request->text);
	g_free(request->value);
	g_free(request->macs);
	g_free(request);
}

static void request_nothing(void *context G_GNUC_UNUSED)
{
}

/* I/O thread. */
static void request_finish(struct service_request *request, int result)
{
	request->result = result;
	request->finish =
		(struct loop_call){.run = request_free, .drop = request_free, .context = request};
	loop_queue_post(request->services->queue, &request->finish);
}

static void request_start(void *context)
{
	struct service_request *request = context;

	request->start(request);
}

/* Goes to the I/O thread as a copy; the strings become the request's. */
static void request_send(const struct service_request *request)
{
	io_thread_post(request->services->config.thread, request_start,
		       g_memdup2(request, sizeof(*request)));
}

static void shutdown_done(void *context, enum ic_shutdown_result result)
{
	request_finish(context, (int)result);
}

static void start_shutdown(struct service_request *request)
{
	const struct ic_shutdown_request wish = {
		.kind = (enum ic_shutdown_kind)request->number,
		.force = request->flag,
		.message = request->text,
		.timeout_ns = request->first_ns,
		.done = shutdown_done,
		.context = request,
	};

	if (request->services->shutdown)
		ic_shutdown_request(request->services->shutdown, &wish);
	else
		request_finish(request, IC_SHUTDOWN_ABSENT);
}

void services_shutdown(struct services *services, enum ic_shutdown_kind kind, bool force,
		       const char *message, uint64_t timeout_ns, services_done done, void *context)
{
	request_send(&(struct service_request){.services = services,
					       .start = start_shutdown,
					       .done = done,
					       .context = context,
					       .text = g_strdup(message),
					       .flag = force,
					       .number = kind,
					       .first_ns = timeout_ns});
}

static void kvp_done(void *context, enum ic_kvp_result result)
{
	request_finish(context, (int)result);
}

static void start_pair(struct service_request *request)
{
	struct ic_kvp *kvp = request->services->kvp;

	if (!kvp)
		request_finish(request, IC_KVP_ABSENT);
	else if (request->value)
		ic_kvp_set(kvp, request->text, request->value, kvp_done, request);
	else
		ic_kvp_delete(kvp, request->text, kvp_done, request);
}

void services_set_pair(struct services *services, const char *key, const char *value,
		       services_done done, void *context)
{
	request_send(&(struct service_request){.services = services,
					       .start = start_pair,
					       .done = done,
					       .context = context,
					       .text = g_strdup(key),
					       .value = g_strdup(value)});
}

static void vss_done(void *context, enum ic_vss_result result)
{
	request_finish(context, (int)result);
}

static void start_freeze(struct service_request *request)
{
	if (request->services->vss)
		ic_vss_freeze(request->services->vss, request->first_ns, request->second_ns,
			      vss_done, request);
	else
		request_finish(request, IC_VSS_ABSENT);
}

void services_freeze(struct services *services, uint64_t answer_ns, uint64_t hold_ns,
		     services_done done, void *context)
{
	request_send(&(struct service_request){.services = services,
					       .start = start_freeze,
					       .done = done,
					       .context = context,
					       .first_ns = answer_ns,
					       .second_ns = hold_ns});
}

static void start_thaw(struct service_request *request)
{
	if (request->services->vss)
		ic_vss_thaw(request->services->vss, vss_done, request);
	else
		request_finish(request, IC_VSS_ABSENT);
}

void services_thaw(struct services *services, services_done done, void *context)
{
	request_send(&(struct service_request){
		.services = services, .start = start_thaw, .done = done, .context = context});
}

/* ---- file copy ------------------------------------------------------------------------------- */

/* Before the request is finished, which is queued behind it. */
static void copy_tell(void *context)
{
	struct service_request *request = context;

	request->progress(request->context, request->copied, request->size);
}

static void copy_progressed(void *context, uint64_t copied, uint64_t size)
{
	struct service_request *request = context;
	uint64_t percent = size > 100 ? copied / (size / 100) : 100;

	if (!request->progress || percent == request->percent)
		return;
	request->percent = percent;
	request->copied = copied;
	request->size = size;
	loop_queue_post(request->services->queue, &request->tell_progress);
}

static void copy_done(void *context, enum ic_fcopy_result result)
{
	request_finish(context, (int)result);
}

static void start_copy(struct service_request *request)
{
	const struct ic_fcopy_request wish = {
		.source = request->fd,
		.path = request->text,
		.flags = request->number,
		.progress = copy_progressed,
		.done = copy_done,
		.context = request,
	};

	request->tell_progress = (struct loop_call){.run = copy_tell, .context = request};
	if (request->services->fcopy) {
		ic_fcopy_start(request->services->fcopy, &wish);
	} else {
		close(request->fd);
		request_finish(request, IC_FCOPY_ABSENT);
	}
}

void services_copy(struct services *services, int fd, const char *path, uint32_t flags,
		   void (*progress)(void *context, uint64_t copied, uint64_t size),
		   services_done done, void *context)
{
	request_send(&(struct service_request){.services = services,
					       .start = start_copy,
					       .done = done,
					       .context = context,
					       .text = g_strdup(path),
					       .number = flags,
					       .fd = fd,
					       .progress = progress});
}

static void start_cancel_copy(struct service_request *request)
{
	if (request->services->fcopy)
		ic_fcopy_cancel(request->services->fcopy);
	request_finish(request, 0);
}

void services_cancel_copy(struct services *services)
{
	request_send(&(struct service_request){.services = services, .start = start_cancel_copy});
}

/* ---- what has no answer ---------------------------------------------------------------------- */

static void start_paused(struct service_request *request)
{
	struct services *services = request->services;

	if (services->heartbeat)
		ic_heartbeat_set_paused(services->heartbeat, request->flag);
	if (services->timesync && !request->flag)
		ic_timesync_sync(services->timesync);
	request_finish(request, 0);
}

void services_set_paused(struct services *services, bool paused)
{
	request_send(&(struct service_request){
		.services = services, .start = start_paused, .flag = paused});
}

static void start_sync(struct service_request *request)
{
	if (request->services->timesync)
		ic_timesync_sync(request->services->timesync);
	request_finish(request, 0);
}

void services_sync_time(struct services *services)
{
	request_send(&(struct service_request){.services = services, .start = start_sync});
}

struct frozen_look {
	const struct ic_vss *vss;
	bool is;
};

static void look_frozen(void *context)
{
	struct frozen_look *look = context;

	look->is = look->vss && ic_vss_is_frozen(look->vss);
}

bool services_is_frozen(struct services *services)
{
	struct frozen_look look = {.vss = services->vss};

	io_thread_call(services->config.thread, look_frozen, &look);
	return look.is;
}

static void start_adapters(struct service_request *request)
{
	if (request->services->kvp)
		ic_kvp_set_adapters(request->services->kvp, (const uint8_t(*)[6])request->macs,
				    request->number);
	request_finish(request, 0);
}

void services_set_adapters(struct services *services, const uint8_t (*macs)[6], unsigned int n)
{
	request_send(&(struct service_request){.services = services,
					       .start = start_adapters,
					       .macs = g_memdup2(macs, n * sizeof(*macs)),
					       .number = n});
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool services_offer(struct services *services, const struct ic_env *env, GError **error)
{
	struct services_mailbox *mailbox = services->mailbox;
	const struct ic_kvp_events kvp_events = {.changed = services_mailbox_facts,
						 .context = mailbox};
	unsigned int offered = services->config.offered;

	if (offered & SERVICES_SHUTDOWN &&
	    !(services->shutdown =
		      ic_shutdown_new(env, services_mailbox_available, mailbox, error)))
		return false;
	if (offered & SERVICES_HEARTBEAT &&
	    !(services->heartbeat =
		      ic_heartbeat_new(env, services_mailbox_heartbeat, mailbox, error)))
		return false;
	if (offered & SERVICES_TIMESYNC && !(services->timesync = ic_timesync_new(env, error)))
		return false;
	if (offered & SERVICES_KVP && !(services->kvp = ic_kvp_new(env, &kvp_events, error)))
		return false;
	if (offered & SERVICES_VSS &&
	    !(services->vss = ic_vss_new(env, services_mailbox_file_systems, mailbox, error)))
		return false;
	return !(offered & SERVICES_FCOPY) || (services->fcopy = ic_fcopy_new(env, error));
}

struct services *services_new(const struct services_config *config, GError **error)
{
	const struct ic_env env = {
		.bus = config->bus,
		.thread = config->thread,
		.clock = config->clock,
		.epoch = config->clock->monotonic_ns(config->clock->context),
	};
	struct services *services = g_new0(struct services, 1);

	services->config = *config;
	services->queue = loop_queue_new(config->event, error);
	if (services->queue)
		services->mailbox = services_mailbox_new(services->queue, &config->events);
	if (!services->queue || !services_offer(services, &env, error)) {
		services_free(services);
		return NULL;
	}
	return services;
}

void services_free(struct services *services)
{
	if (!services)
		return;
	/* What was sent is started, or would find its service gone. */
	io_thread_call(services->config.thread, request_nothing, NULL);
	ic_shutdown_free(services->shutdown);
	ic_heartbeat_free(services->heartbeat);
	ic_timesync_free(services->timesync);
	ic_kvp_free(services->kvp);
	ic_vss_free(services->vss);
	ic_fcopy_free(services->fcopy);
	services_mailbox_free(services->mailbox);
	loop_queue_free(services->queue); /* answers what has no answer yet */
	g_free(services);
}
