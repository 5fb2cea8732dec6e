/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bus that is taken up from a saved state, on the control thread. Devices were offered to it as
 * to any new bus, and are moved to where the guest knows them.
 */
#include <errno.h>
#include <string.h>

#include "vmbus_private.h"

/* Far more than can wait: a guest that reads nothing is asked nothing, and its relids run out. */
#define OUTBOX_RESTORED_MAX 65536u

struct restoring {
	struct vmbus *bus;
	struct state_reader *reader;
	bool done;
	/* The device at hand: */
	struct vmbus_device *device; /* NULL: it is gone */
	uint32_t relid, n;
	uint8_t states[VMBUS_RELIDS]; /* enum slot_state */
	bool wanted[VMBUS_RELIDS];
	struct channel_opening opening;
	struct vmbus_channel *channel;
};

/* ---- messages -------------------------------------------------------------------------------- */

static void restore_inbox(struct vmbus *bus, struct state_reader *reader)
{
	uint32_t n = state_get_count(reader, INBOX_MAX);

	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		uint32_t size = state_get_count(reader, VMBUS_MESSAGE_SIZE_MAX + 1);
		struct posted *message = g_new0(struct posted, 1);

		message->size = size;
		state_get_bytes(reader, message->bytes, MIN(size, sizeof(message->bytes)));
		g_mutex_lock(&bus->lock);
		g_queue_push_tail(&bus->inbox, message);
		g_mutex_unlock(&bus->lock);
	}
}

static void restore_outbox(struct vmbus *bus, struct state_reader *reader)
{
	uint32_t n = state_get_count(reader, OUTBOX_RESTORED_MAX);

	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		uint32_t vp = state_get_u32(reader);
		uint32_t size = state_get_count(reader, VMBUS_MESSAGE_SIZE_MAX);
		struct outgoing *message = g_new0(struct outgoing, 1);

		*message = (struct outgoing){.vp = vp, .size = size};
		state_get_bytes(reader, message->bytes, size);
		if (vp >= bus->config.vp_count)
			state_fail(reader, "a message to a processor that there is not");
		g_queue_push_tail(&bus->outbox, message);
	}
}

static void restore_head(struct vmbus *bus, struct state_reader *reader)
{
	uint32_t version = state_get_u32(reader);

	bus->message_vp = state_get_u32(reader);
	bus->offers_requested = state_get_bool(reader);
	if (version != 0 && !connection_version_is_known(version))
		state_fail(reader, "a version of the protocol that is not known here");
	if (version == 0 && bus->offers_requested)
		state_fail(reader, "offers to a guest that is not connected");
	if (bus->message_vp >= bus->config.vp_count)
		state_fail(reader, "a processor that there is not");
	if (!state_ok(reader)) {
		bus->message_vp = 0;
		return;
	}
	atomic_store(&bus->version, version);
	restore_inbox(bus, reader);
	restore_outbox(bus, reader);
	gpadl_table_restore(bus->gpadls, reader);
}

static void restore_ghosts(struct vmbus *bus, struct state_reader *reader)
{
	uint32_t n = state_get_count(reader, VMBUS_RELIDS);

	for (uint32_t i = 0; i < n && state_ok(reader); i++)
		bus->ghost[state_get_count(reader, VMBUS_RELIDS - 1)] = true;
}

/* ---- a device -------------------------------------------------------------------------------- */

static struct vmbus_device *find_device(const struct vmbus *bus, const struct vmbus_guid *class_id,
					const struct vmbus_guid *instance_id, uint32_t n)
{
	for (guint i = 0; i < bus->devices->len; i++) {
		struct vmbus_device *device = bus->devices->pdata[i];
		const struct vmbus_device_config *config = &device->config;

		/* With another number of channels it is another one. */
		if (device->relid == 0 && config->max_sub_channels + 1u == n &&
		    memcmp(&config->class_id, class_id, sizeof(*class_id)) == 0 &&
		    memcmp(&config->instance_id, instance_id, sizeof(*instance_id)) == 0)
			return device;
	}
	return NULL;
}

static bool relids_are_free(const struct vmbus *bus, uint32_t relid, uint32_t n)
{
	if (relid == 0 || n > VMBUS_RELIDS || relid > VMBUS_RELIDS - n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (bus->owner[relid + i] || bus->ghost[relid + i])
			return false;
	return true;
}

static void read_slots(struct restoring *r)
{
	struct state_reader *reader = r->reader;

	for (uint32_t i = 0; i < r->n; i++) {
		uint8_t state = state_get_u8(reader);

		r->wanted[i] = state_get_bool(reader);
		r->states[i] = state;
		if (state > SLOT_RESCINDED ||
		    (state != SLOT_IDLE && atomic_load(&r->bus->version) == 0))
			state_fail(reader, "a channel in a state that cannot be");
		if (state == SLOT_OPEN && r->states[0] != SLOT_OPEN)
			state_fail(reader, "a sub-channel without its channel");
	}
}

/* The guest is told that the device has gone, and says when it has let go of it. */
static void leave_ghosts(const struct restoring *r)
{
	for (uint32_t i = r->n; i-- > 0;) {
		struct wire_relid rescind = {.header.type = VMBUS_RESCIND, .relid = r->relid + i};

		r->bus->ghost[r->relid + i] = r->states[i] != SLOT_IDLE;
		if (r->states[i] == SLOT_OFFERED || r->states[i] == SLOT_OPEN)
			bus_send(r->bus, &rescind, sizeof(rescind));
	}
}

static void restore_on_device_thread(void *context)
{
	struct restoring *r = context;

	r->channel = channel_restore(&r->opening, r->reader);
}

static void restore_slot(struct restoring *r, uint16_t index, bool restorable)
{
	struct slot *slot = &r->device->slots[index];

	slot->wanted = r->wanted[index];
	if (r->states[index] == SLOT_RESCINDED)
		slot->state = SLOT_RESCINDED;
	if (r->states[index] != SLOT_OFFERED && r->states[index] != SLOT_OPEN)
		return;
	if (!device_bind_slot(r->device, index)) {
		state_fail(r->reader,
			   "a channel cannot be signalled; check the limit on open files");
		return;
	}
	slot->state = SLOT_OFFERED;
	if (r->states[index] == SLOT_OFFERED)
		return;
	if (!restorable) {
		state_skip(r->reader, "vmbus.channel");
		return;
	}
	r->opening = (struct channel_opening){.device = r->device, .index = index, .fd = slot->fd};
	io_thread_call(r->device->config.thread, restore_on_device_thread, r);
	slot->channel = r->channel;
	if (slot->channel)
		slot->state = SLOT_OPEN;
}

/* It comes back as soon as the guest has let go of it. */
static void give_up_device(struct vmbus_device *device)
{
	device_close_slot(device, 0);
	device_rescind_slot(device, 0);
	device->slots[0].wanted = true;
}

static void restore_slots(struct restoring *r, bool saved)
{
	bool restorable = saved && r->device && r->device->config.ops->restore;

	for (uint32_t i = 0; i < r->n && state_ok(r->reader); i++) {
		if (r->device)
			restore_slot(r, (uint16_t)i, restorable);
		else if (r->states[i] == SLOT_OPEN)
			state_skip(r->reader, "vmbus.channel");
	}
	if (r->device && !restorable && r->states[0] == SLOT_OPEN && state_ok(r->reader))
		give_up_device(r->device);
}

static void restore_device(struct restoring *r)
{
	struct state_reader *reader = r->reader;
	struct vmbus_guid class_id, instance_id;
	bool saved;

	state_get_bytes(reader, class_id.bytes, sizeof(class_id.bytes));
	state_get_bytes(reader, instance_id.bytes, sizeof(instance_id.bytes));
	r->relid = state_get_u32(reader);
	saved = state_get_bool(reader);
	r->n = state_get_count(reader, VMBUS_RELIDS - 1);
	if (r->n == 0 || !relids_are_free(r->bus, r->relid, r->n))
		state_fail(reader, "a device where it cannot be");
	if (!state_ok(reader))
		return;
	read_slots(r);
	if (!state_ok(reader))
		return;
	r->device = find_device(r->bus, &class_id, &instance_id, r->n);
	if (r->device)
		device_place(r->device, r->relid);
	else
		leave_ghosts(r);
	restore_slots(r, saved);
}

/* ---- the bus --------------------------------------------------------------------------------- */

/* Where the guest knows none of them. False: there is no place. */
static bool place_others(struct vmbus *bus, bool offer)
{
	for (guint i = 0; i < bus->devices->len; i++) {
		struct vmbus_device *device = bus->devices->pdata[i];
		uint32_t relid;

		if (device->relid != 0)
			continue;
		relid = device_find_relids(bus, device->config.max_sub_channels + 1u);
		if (relid == 0)
			return false;
		device_place(device, relid);
		if (offer)
			device_offer_slot(device, 0);
	}
	return true;
}

static void displace_all(struct vmbus *bus)
{
	memset(bus->owner, 0, sizeof(bus->owner));
	for (guint i = 0; i < bus->devices->len; i++) {
		struct vmbus_device *device = bus->devices->pdata[i];

		for (uint32_t k = 0; k <= device->config.max_sub_channels; k++)
			device_unbind_slot(device, (uint16_t)k);
		device->relid = 0;
	}
}

static bool restore_all(struct restoring *r)
{
	struct state_reader *reader = r->reader;
	uint32_t n;

	if (state_enter(reader, "vmbus", 1) == 0)
		return false;
	restore_head(r->bus, reader);
	restore_ghosts(r->bus, reader);
	n = state_get_count(reader, VMBUS_RELIDS);
	for (uint32_t i = 0; i < n && state_enter(reader, "vmbus.device", 1) != 0; i++) {
		restore_device(r);
		state_leave(reader);
	}
	state_leave(reader);
	if (state_ok(reader) && !place_others(r->bus, r->bus->offers_requested))
		state_fail(reader, "the bus has no channels left for a new device; remove it");
	return state_ok(reader);
}

static void bus_restore(void *context)
{
	struct restoring *r = context;
	struct vmbus *bus = r->bus;

	g_assert(atomic_load(&bus->version) == 0 && !atomic_load(&bus->held));
	atomic_store(&bus->held, true);
	displace_all(bus);
	r->done = restore_all(r);
	if (r->done) {
		gpadl_table_restored(bus->gpadls);
		connection_answer_torn(bus);
		return;
	}
	bus_forget(bus);
	displace_all(bus);
	/* They were there before. */
	(void)place_others(bus, false);
}

bool vmbus_restore(struct vmbus *bus, struct state_reader *reader)
{
	struct restoring restoring = {.bus = bus, .reader = reader};

	io_thread_call(bus->config.thread, bus_restore, &restoring);
	if (!restoring.done)
		vmbus_release(bus);
	return restoring.done;
}
