/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus itself: messages in and out, and whose turn it is. */
#include <stdarg.h>
#include <string.h>

#include "record.h"
#include "vmbus_private.h"

#define LOG_INTERVAL (10 * G_TIME_SPAN_SECOND)

void bus_complain(struct vmbus *bus, atomic_uint_fast64_t *counter, const char *format, ...)
{
	gint64 now = g_get_monotonic_time();
	uint64_t unlogged;
	va_list ap;

	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	if (!bus->config.log)
		return;
	g_mutex_lock(&bus->lock);
	if (bus->logged_at != 0 && now - bus->logged_at < LOG_INTERVAL) {
		bus->unlogged++;
		g_mutex_unlock(&bus->lock);
		return;
	}
	bus->logged_at = now;
	unlogged = bus->unlogged;
	bus->unlogged = 0;
	g_mutex_unlock(&bus->lock);

	va_start(ap, format);
	g_autofree char *what = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_autofree char *line = unlogged > 0 ? g_strdup_printf("VMBus: %s (and %" G_GUINT64_FORMAT
							       " complaints more since the last)",
							       what, unlogged)
					     : g_strdup_printf("VMBus: %s", what);
	bus->config.log(bus->config.context, line);
}

/* ---- to the guest --------------------------------------------------------------------------- */

static void bus_send_queued(struct vmbus *bus)
{
	const struct vmbus_config *config = &bus->config;
	struct outgoing *message;

	while (!bus->slot_busy && !atomic_load(&bus->held) &&
	       (message = g_queue_peek_head(&bus->outbox))) {
		switch (config->hypervisor->post_message(config->hypervisor_context, message->vp,
							 VMBUS_SINT, message->bytes,
							 message->size)) {
		case VMBUS_POST_BUSY:
			bus->slot_busy = true;
			return;
		case VMBUS_POST_NOWHERE:
			bus_complain(bus, &bus->undelivered,
				     "the guest has no place for messages on processor %u",
				     message->vp);
			break;
		case VMBUS_POST_DONE:
			break;
		}
		g_free(g_queue_pop_head(&bus->outbox));
	}
}

void bus_send(struct vmbus *bus, const void *message, size_t size)
{
	struct outgoing *outgoing = g_new0(struct outgoing, 1);

	g_assert(size <= sizeof(outgoing->bytes));
	outgoing->vp = bus->message_vp;
	outgoing->size = (uint32_t)size;
	memcpy(outgoing->bytes, message, size);
	g_queue_push_tail(&bus->outbox, outgoing);
	bus_send_queued(bus);
}

void bus_forget_outgoing(struct vmbus *bus)
{
	g_queue_clear_full(&bus->outbox, g_free);
}

/* ---- from the guest ------------------------------------------------------------------------- */

/*
 * Serves one message a turn, so that devices on the same thread have theirs, and none while many
 * answers wait: a guest that does not read them has its own posts refused in the end.
 */
static void bus_pump(void *context)
{
	struct vmbus *bus = context;
	struct posted *message = NULL;

	bus_send_queued(bus);
	g_mutex_lock(&bus->lock);
	if (bus->outbox.length < OUTBOX_PATIENCE && !atomic_load(&bus->held))
		message = g_queue_pop_head(&bus->inbox);
	bus->pumping = message && bus->inbox.length > 0;
	if (bus->pumping)
		io_thread_post(bus->config.thread, bus_pump, bus);
	g_mutex_unlock(&bus->lock);
	if (!message)
		return;
	record_traffic("message", 0, 0,
		       &(struct iovec){message->bytes, MIN(message->size, sizeof(message->bytes))},
		       NULL, 0);
	connection_receive(bus, message->bytes, message->size);
	g_free(message);
}

void bus_wake(struct vmbus *bus)
{
	if (bus->pumping)
		return;
	bus->pumping = true;
	io_thread_post(bus->config.thread, bus_pump, bus);
}

bool vmbus_post(struct vmbus *bus, const void *payload, size_t size)
{
	struct posted *message;
	bool room;

	g_mutex_lock(&bus->lock);
	room = bus->inbox.length < INBOX_MAX;
	if (room) {
		message = g_new(struct posted, 1);
		/* One that is too long for a message stays too long for the parser. */
		message->size = size;
		memcpy(message->bytes, payload, MIN(size, sizeof(message->bytes)));
		g_queue_push_tail(&bus->inbox, message);
		bus_wake(bus);
	}
	g_mutex_unlock(&bus->lock);
	atomic_fetch_add_explicit(room ? &bus->messages : &bus->refused, 1, memory_order_relaxed);
	return room;
}

static void bus_slot_freed(void *context)
{
	struct vmbus *bus = context;

	bus->slot_busy = false;
	bus_send_queued(bus);
	g_mutex_lock(&bus->lock);
	if (bus->inbox.length > 0)
		bus_wake(bus);
	g_mutex_unlock(&bus->lock);
}

void vmbus_slot_freed(struct vmbus *bus)
{
	io_thread_post(bus->config.thread, bus_slot_freed, bus);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void bus_answer_torn(void *context)
{
	connection_answer_torn(context);
}

/* On whichever thread had the last reference. */
static void bus_gpadl_released(void *context)
{
	struct vmbus *bus = context;

	io_thread_post(bus->config.thread, bus_answer_torn, bus);
}

struct vmbus *vmbus_new(const struct vmbus_config *config)
{
	struct vmbus *bus = g_new0(struct vmbus, 1);

	g_assert(config->partition && config->thread && config->vp_count > 0);
	g_assert(config->hypervisor->post_message && config->hypervisor->signal_event &&
		 config->hypervisor->bind_connection && config->hypervisor->unbind_connection);
	bus->config = *config;
	g_mutex_init(&bus->lock);
	g_queue_init(&bus->inbox);
	g_queue_init(&bus->outbox);
	bus->gpadls = gpadl_table_new(config->partition, bus_gpadl_released, bus);
	bus->devices = g_ptr_array_new();
	return bus;
}

struct tl_refusal {
	struct vmbus *bus;
	const struct vmbus_guid *endpoint, *service;
};

static void tl_refuse_on_thread(void *context)
{
	const struct tl_refusal *refusal = context;

	/* It may have let go of the bus meanwhile. */
	if (vmbus_version(refusal->bus) != 0)
		connection_tl_refuse(refusal->bus, refusal->endpoint, refusal->service);
}

void vmbus_tl_refuse(struct vmbus *bus, const struct vmbus_guid *endpoint,
		     const struct vmbus_guid *service)
{
	struct tl_refusal refusal = {bus, endpoint, service};

	io_thread_call(bus->config.thread, tl_refuse_on_thread, &refusal);
}

void bus_forget(struct vmbus *bus)
{
	g_mutex_lock(&bus->lock);
	g_queue_clear_full(&bus->inbox, g_free);
	g_mutex_unlock(&bus->lock);
	connection_end(bus);
}

static void bus_reset(void *context)
{
	bus_forget(context);
}

void vmbus_reset(struct vmbus *bus)
{
	io_thread_call(bus->config.thread, bus_reset, bus);
}

void bus_nothing(void *context G_GNUC_UNUSED)
{
}

void vmbus_free(struct vmbus *bus)
{
	if (!bus)
		return;
	g_assert(bus->devices->len == 0);
	vmbus_reset(bus);
	/* The second one runs when what the first one's turn posted has run. */
	io_thread_call(bus->config.thread, bus_nothing, NULL);
	io_thread_call(bus->config.thread, bus_nothing, NULL);
	gpadl_table_free(bus->gpadls);
	g_ptr_array_unref(bus->devices);
	g_mutex_clear(&bus->lock);
	g_free(bus);
}

void vmbus_get_counters(const struct vmbus *bus, struct vmbus_counters *out)
{
	*out = (struct vmbus_counters){
		.messages = atomic_load(&bus->messages),
		.refused = atomic_load(&bus->refused),
		.undefined = atomic_load(&bus->undefined),
		.malformed = atomic_load(&bus->malformed),
		.undelivered = atomic_load(&bus->undelivered),
		.faults = atomic_load(&bus->faults),
	};
}

uint32_t vmbus_version(const struct vmbus *bus)
{
	return atomic_load(&bus->version);
}
