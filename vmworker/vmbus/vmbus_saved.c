/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bus in a saved state. Everything runs on the control thread, which waits for those of the
 * devices; what the guest knows by a number keeps it.
 */
#include <string.h>

#include "vmbus_private.h"

/* ---- holding --------------------------------------------------------------------------------- */

/* Sub-channels first. */
static void device_hold(void *context)
{
	struct vmbus_device *device = context;

	for (uint32_t i = device->config.max_sub_channels + 1u; i-- > 0;)
		if (device->slots[i].state == SLOT_OPEN)
			channel_hold(device->slots[i].channel);
}

static void device_release(void *context)
{
	struct vmbus_device *device = context;

	for (uint32_t i = 0; i <= device->config.max_sub_channels; i++)
		if (device->slots[i].state == SLOT_OPEN)
			channel_release(device->slots[i].channel);
}

static void bus_call_devices(struct vmbus *bus, void (*call)(void *device))
{
	for (guint i = 0; i < bus->devices->len; i++) {
		struct vmbus_device *device = bus->devices->pdata[i];

		io_thread_call(device->config.thread, call, device);
	}
}

/* As much as may be while the guest takes no answers; the rest is saved as it is. */
static void bus_serve_inbox(struct vmbus *bus)
{
	struct posted *message;

	while (bus->outbox.length < OUTBOX_PATIENCE) {
		g_mutex_lock(&bus->lock);
		message = g_queue_pop_head(&bus->inbox);
		g_mutex_unlock(&bus->lock);
		if (!message)
			return;
		connection_receive(bus, message->bytes, message->size);
		g_free(message);
	}
}

static void bus_hold(void *context)
{
	struct vmbus *bus = context;

	if (atomic_exchange(&bus->held, true))
		return;
	bus_serve_inbox(bus);
	bus_call_devices(bus, device_hold);
}

void vmbus_hold(struct vmbus *bus)
{
	io_thread_call(bus->config.thread, bus_hold, bus);
	/* Sub-channels that a device asked for meanwhile are offered. */
	io_thread_call(bus->config.thread, bus_nothing, NULL);
}

static void bus_release(void *context)
{
	struct vmbus *bus = context;

	if (!atomic_exchange(&bus->held, false))
		return;
	bus_call_devices(bus, device_release);
	g_mutex_lock(&bus->lock);
	bus_wake(bus);
	g_mutex_unlock(&bus->lock);
}

void vmbus_release(struct vmbus *bus)
{
	io_thread_call(bus->config.thread, bus_release, bus);
}

/* ---- saving ---------------------------------------------------------------------------------- */

struct saving {
	struct vmbus *bus;
	struct vmbus_device *device;
	struct state_writer *writer;
};

static void save_inbox(struct vmbus *bus, struct state_writer *writer)
{
	g_mutex_lock(&bus->lock);
	state_put_u32(writer, bus->inbox.length);
	for (const GList *at = bus->inbox.head; at; at = at->next) {
		const struct posted *message = at->data;

		/* One that is too long stays too long. */
		state_put_u32(writer, (uint32_t)MIN(message->size, VMBUS_MESSAGE_SIZE_MAX + 1));
		state_put_bytes(writer, message->bytes, MIN(message->size, sizeof(message->bytes)));
	}
	g_mutex_unlock(&bus->lock);
}

static void save_outbox(const struct vmbus *bus, struct state_writer *writer)
{
	state_put_u32(writer, bus->outbox.length);
	for (const GList *at = bus->outbox.head; at; at = at->next) {
		const struct outgoing *message = at->data;

		state_put_u32(writer, message->vp);
		state_put_u32(writer, message->size);
		state_put_bytes(writer, message->bytes, message->size);
	}
}

static void save_ghosts(const struct vmbus *bus, struct state_writer *writer)
{
	uint32_t n = 0;

	for (uint32_t relid = 0; relid < VMBUS_RELIDS; relid++)
		n += bus->ghost[relid];
	state_put_u32(writer, n);
	for (uint32_t relid = 0; relid < VMBUS_RELIDS; relid++)
		if (bus->ghost[relid])
			state_put_u32(writer, relid);
}

static void save_channels(void *context)
{
	const struct saving *saving = context;
	const struct vmbus_device *device = saving->device;

	for (uint32_t i = 0; i <= device->config.max_sub_channels; i++)
		if (device->slots[i].state == SLOT_OPEN)
			channel_save(device->slots[i].channel, saving->writer);
}

static void save_device(struct saving *saving, struct vmbus_device *device)
{
	const struct vmbus_device_config *config = &device->config;
	struct state_writer *writer = saving->writer;

	state_begin(writer, "vmbus.device", 1);
	state_put_bytes(writer, config->class_id.bytes, sizeof(config->class_id.bytes));
	state_put_bytes(writer, config->instance_id.bytes, sizeof(config->instance_id.bytes));
	state_put_u32(writer, device->relid);
	state_put_bool(writer, config->ops->save != NULL);
	state_put_u32(writer, config->max_sub_channels + 1u);
	for (uint32_t i = 0; i <= config->max_sub_channels; i++) {
		state_put_u8(writer, (uint8_t)device->slots[i].state);
		state_put_bool(writer, device->slots[i].wanted);
	}
	saving->device = device;
	io_thread_call(config->thread, save_channels, saving);
	state_end(writer);
}

static void bus_save(void *context)
{
	struct saving *saving = context;
	struct vmbus *bus = saving->bus;
	struct state_writer *writer = saving->writer;

	state_begin(writer, "vmbus", 1);
	state_put_u32(writer, atomic_load(&bus->version));
	state_put_u32(writer, bus->message_vp);
	state_put_bool(writer, bus->offers_requested);
	save_inbox(bus, writer);
	save_outbox(bus, writer);
	gpadl_table_save(bus->gpadls, writer);
	save_ghosts(bus, writer);
	state_put_u32(writer, bus->devices->len);
	for (guint i = 0; i < bus->devices->len; i++)
		save_device(saving, bus->devices->pdata[i]);
	state_end(writer);
}

void vmbus_save(struct vmbus *bus, struct state_writer *writer)
{
	struct saving saving = {.bus = bus, .writer = writer};

	g_assert(atomic_load(&bus->held));
	io_thread_call(bus->config.thread, bus_save, &saving);
}
