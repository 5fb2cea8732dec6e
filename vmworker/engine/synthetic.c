/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "synthetic.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "disk_set.h"
#include "guest.h"
#include "hvsock.h"
#include "ic.h"
#include "synthetic_nics.h"
#include "vmbus_bus.h"
#include "worker_error.h"

/* Where guests post to: 1 before VMBus 5.0, 4 since then. */
#define CONNECTION_OLD 1u
#define CONNECTION_NEW 4u
#define MESSAGE_TYPE   1u /* HvMessageType of channel messages */
#define VMBUS_SINT     2u

/* The parts, in the order in which they are made. */
struct synthetic {
	struct synthetic_config config;
	struct io_thread *thread; /* of the bus, the services and the keyboard */
	struct vmbus *bus;
	struct ic_clock clock;
	struct guest *guest;
	struct hvsock *hvsock; /* NULL without a socket */
	struct hvsock *served; /* the same, as the control thread knows it */
	struct synthetic_nics *nics;
};

/* ---- the hypervisor under the bus ------------------------------------------------------------ */

static enum vmbus_post_result synthetic_post(void *context, uint32_t vp, uint32_t sint,
					     const void *payload, size_t size)
{
	const struct synthetic *synthetic = context;
	const struct hv_message message = {
		.type = MESSAGE_TYPE, .size = (uint32_t)size, .payload = payload};

	switch (hv_message_post(synthetic->config.hv, vp, sint, &message)) {
	case HV_POST_DELIVERED:
	case HV_POST_QUEUED: /* in order, and the interface keeps it */
		return VMBUS_POST_DONE;
	case HV_POST_REFUSED:
		break;
	}
	return VMBUS_POST_BUSY;
}

static void synthetic_signal(void *context, uint32_t vp, uint32_t sint, uint32_t flag)
{
	const struct synthetic *synthetic = context;

	(void)hv_event_set(synthetic->config.hv, vp, sint, flag);
}

static bool synthetic_bind(void *context, uint32_t connection_id, int fd)
{
	const struct synthetic *synthetic = context;

	return hv_signal_bind(synthetic->config.hv, connection_id, fd) == HV_STATUS_SUCCESS;
}

static void synthetic_unbind(void *context, uint32_t connection_id, int fd)
{
	const struct synthetic *synthetic = context;

	(void)fd;
	hv_signal_unbind(synthetic->config.hv, connection_id);
}

static const struct vmbus_hypervisor synthetic_hypervisor = {
	.post_message = synthetic_post,
	.signal_event = synthetic_signal,
	.bind_connection = synthetic_bind,
	.unbind_connection = synthetic_unbind,
};

static hv_status synthetic_on_message(void *context, uint32_t vp, uint32_t type,
				      const uint8_t *payload, uint32_t size)
{
	const struct synthetic *synthetic = context;

	(void)vp;
	if (type != MESSAGE_TYPE)
		return HV_STATUS_INVALID_PARAMETER;
	return vmbus_post(synthetic->bus, payload, size) ? HV_STATUS_SUCCESS
							 : HV_STATUS_INSUFFICIENT_BUFFERS;
}

static void synthetic_on_room(void *context, uint32_t vp)
{
	const struct synthetic *synthetic = context;

	(void)vp;
	vmbus_slot_freed(synthetic->bus);
}

static void synthetic_listen(struct synthetic *synthetic, bool listen)
{
	struct hv *hv = synthetic->config.hv;
	hv_message_handler handler = listen ? synthetic_on_message : NULL;

	hv_message_handle(hv, CONNECTION_OLD, handler, synthetic);
	hv_message_handle(hv, CONNECTION_NEW, handler, synthetic);
	hv_message_on_room(hv, VMBUS_SINT, listen ? synthetic_on_room : NULL, synthetic);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static uint64_t synthetic_time(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t synthetic_monotonic(void *context)
{
	(void)context;
	return synthetic_time(CLOCK_MONOTONIC);
}

static uint64_t synthetic_realtime(void *context)
{
	(void)context;
	return synthetic_time(CLOCK_REALTIME);
}

static uint64_t synthetic_reference(void *context)
{
	const struct synthetic *synthetic = context;

	return hv_reference_time(synthetic->config.hv);
}

/* ---- the devices ----------------------------------------------------------------------------- */

static void synthetic_on_connect(void *context, uint64_t number, uint32_t port)
{
	const struct synthetic *synthetic = context;
	const struct engine_events *events = &synthetic->config.events;

	if (events->connect_host)
		events->connect_host(events->context, number, port);
	else
		hvsock_connected(synthetic->hvsock, number, -1);
}

/* On the control thread. */
static bool synthetic_tl_connect(void *context, const struct vmbus_guid *endpoint,
				 const struct vmbus_guid *service)
{
	const struct synthetic *synthetic = context;

	return synthetic->served && hvsock_tl_connect(synthetic->served, endpoint, service);
}

static void synthetic_unserve_vsock(void *context)
{
	((struct synthetic *)context)->served = NULL;
}

static void synthetic_close_vsock(struct synthetic *synthetic)
{
	if (synthetic->hvsock)
		io_thread_call(synthetic->thread, synthetic_unserve_vsock, synthetic);
	hvsock_free(synthetic->hvsock);
}

void synthetic_host_connected(struct synthetic *synthetic, uint64_t number, int fd)
{
	if (synthetic->hvsock)
		hvsock_connected(synthetic->hvsock, number, fd);
	else if (fd >= 0)
		close(fd);
}

/* No path can be opened here any more: who serves a port of the host is connected to by vmmsd. */
static bool synthetic_open_vsock(struct synthetic *synthetic, GError **error)
{
	struct hvsock_config config = {
		.bus = synthetic->bus,
		.thread = synthetic->thread,
		.event = synthetic->config.event,
		.connect = synthetic_on_connect,
		.context = synthetic,
	};

	if (synthetic->config.vsock_fd < 0)
		return true;
	/* A reset makes another. */
	config.listen_fd = fcntl(synthetic->config.vsock_fd, F_DUPFD_CLOEXEC, 3);
	if (config.listen_fd < 0) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "the socket for connections to the guest: %s", g_strerror(errno));
		return false;
	}
	/* The control thread does not run yet. */
	synthetic->hvsock = synthetic->served = hvsock_new(&config, error);
	return synthetic->hvsock != NULL;
}

/* The guest is asked for the addresses of each. */
static void synthetic_tell_adapters(struct synthetic *synthetic)
{
	uint8_t macs[VMMS_MAX_NICS][6];
	unsigned int n = nic_cables_macs(synthetic->config.cables, macs);

	guest_set_adapters(synthetic->guest, (const uint8_t(*)[6])macs, n);
}

static bool synthetic_offer(struct synthetic *synthetic, GError **error)
{
	const struct guest_config config = {
		.bus = synthetic->bus,
		.thread = synthetic->thread,
		.event = synthetic->config.event,
		.clock = &synthetic->clock,
		.press_button = synthetic->config.press_button,
		.button = synthetic->config.button,
		.events = synthetic->config.events,
	};

	synthetic->guest = guest_new(&config, error);
	if (!synthetic->guest)
		return false;
	synthetic_tell_adapters(synthetic);
	return synthetic_open_vsock(synthetic, error);
}

struct synthetic *synthetic_start(const struct synthetic_config *config, GError **error)
{
	struct synthetic *synthetic = g_new0(struct synthetic, 1);
	struct vmbus_config bus = {
		.partition = config->partition,
		.vp_count = config->vp_count,
		.hypervisor = &synthetic_hypervisor,
		.hypervisor_context = synthetic,
		.tl_connect = synthetic_tl_connect,
		.context = synthetic,
	};
	g_autoptr(GError) failure = NULL;

	synthetic->config = *config;
	synthetic->clock = (struct ic_clock){
		.monotonic_ns = synthetic_monotonic,
		.realtime_ns = synthetic_realtime,
		.reference_100ns = synthetic_reference,
		.context = synthetic,
	};
	synthetic->thread = io_thread_prepare("vmbus", &failure);
	if (synthetic->thread) {
		bus.thread = synthetic->thread;
		synthetic->bus = vmbus_new(&bus);
		synthetic_listen(synthetic, true);
		if (synthetic_offer(synthetic, &failure) &&
		    (!config->disks ||
		     disk_set_offer(config->disks, synthetic->bus, config->vp_count, &failure)) &&
		    (synthetic->nics = synthetic_nics_start(config->cables, synthetic->bus,
							    config->vp_count, &failure)) &&
		    io_thread_start(synthetic->thread, &failure))
			return synthetic;
	}
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "the synthetic devices cannot be made: %s", failure->message);
	synthetic_stop(synthetic);
	return NULL;
}

void synthetic_stop(struct synthetic *synthetic)
{
	if (!synthetic)
		return;
	if (synthetic->config.disks)
		disk_set_withdraw(synthetic->config.disks);
	synthetic_nics_stop(synthetic->nics);
	synthetic_close_vsock(synthetic);
	guest_free(synthetic->guest);
	if (synthetic->bus) {
		synthetic_listen(synthetic, false);
		vmbus_free(synthetic->bus);
	}
	io_thread_free(synthetic->thread);
	g_free(synthetic);
}

struct guest *synthetic_guest(struct synthetic *synthetic)
{
	return synthetic->guest;
}

uint32_t synthetic_vmbus_version(const struct synthetic *synthetic)
{
	return vmbus_version(synthetic->bus);
}

/* ---- saved states ---------------------------------------------------------------------------- */

static bool synthetic_may_save(struct synthetic *synthetic, GError **error)
{
	GError *failure = NULL;

	if (!guest_may_save(synthetic->guest, &failure)) {
		g_propagate_prefixed_error(error, failure, "VM %s: ", synthetic->config.vm_name);
		return false;
	}
	return !synthetic->config.disks || disk_set_may_save(synthetic->config.disks, error);
}

bool synthetic_save(struct synthetic *synthetic, struct state_writer *writer, GError **error)
{
	if (!synthetic_may_save(synthetic, error))
		return false;
	vmbus_hold(synthetic->bus);
	/* A disk may have stopped while it was waited for. */
	if (!synthetic_may_save(synthetic, error)) {
		vmbus_release(synthetic->bus);
		return false;
	}
	vmbus_save(synthetic->bus, writer);
	return true;
}

void synthetic_release(struct synthetic *synthetic)
{
	vmbus_release(synthetic->bus);
}

bool synthetic_restore(struct synthetic *synthetic, struct state_reader *reader, GError **error)
{
	if (vmbus_restore(synthetic->bus, reader))
		return true;
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE, reader->fault);
	return false;
}

/* ---- adapters that come and go --------------------------------------------------------------- */

bool synthetic_attach_nic(struct synthetic *synthetic, const struct engine_nic *nic, GError **error)
{
	if (!synthetic_nics_attach(synthetic->config.cables, synthetic->nics, nic, error))
		return false;
	synthetic_tell_adapters(synthetic);
	return true;
}

bool synthetic_detach_nic(struct synthetic *synthetic, const uint8_t mac[6], GError **error)
{
	if (!synthetic_nics_detach(synthetic->config.cables, synthetic->nics, mac, error))
		return false;
	synthetic_tell_adapters(synthetic);
	return true;
}

/* ---- statistics ------------------------------------------------------------------------------ */

void synthetic_statistics(struct synthetic *synthetic,
			  void (*visit)(void *context, const char *name, uint64_t value),
			  void *context)
{
	struct vmbus_counters bus;

	vmbus_get_counters(synthetic->bus, &bus);
	visit(context, "vmbus.version", vmbus_version(synthetic->bus));
	visit(context, "vmbus.messages", bus.messages);
	visit(context, "vmbus.refused", bus.refused);
	visit(context, "vmbus.undefined", bus.undefined);
	visit(context, "vmbus.malformed", bus.malformed);
	visit(context, "vmbus.undelivered", bus.undelivered);
	visit(context, "vmbus.faults", bus.faults);
	synthetic_nics_statistics(synthetic->nics, visit, context);
}
