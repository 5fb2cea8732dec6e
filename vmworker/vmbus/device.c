/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Offers. A device has its relids from vmbus_offer until it is rescinded, one for each channel it
 * may ever have, so that an offer is the same one after a reset of the guest.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmbus_private.h"

struct vmbus_device *device_ref(struct vmbus_device *device)
{
	atomic_fetch_add(&device->refs, 1);
	return device;
}

void device_unref(struct vmbus_device *device)
{
	if (atomic_fetch_sub(&device->refs, 1) > 1)
		return;
	g_ptr_array_unref(device->channels);
	g_free(device->slots);
	g_free(device->name);
	g_free(device);
}

struct slot *device_slot(struct vmbus *bus, uint32_t relid, struct vmbus_device **device,
			 uint16_t *index)
{
	struct vmbus_device *owner = relid < VMBUS_RELIDS ? bus->owner[relid] : NULL;

	if (!owner)
		return NULL;
	if (device)
		*device = owner;
	if (index)
		*index = (uint16_t)(relid - owner->relid);
	return &owner->slots[relid - owner->relid];
}

/* ---- slots ---------------------------------------------------------------------------------- */

/* An eventfd for the guest's signals, from the first offer for the life of the device: binding one
 * is slow, and a guest that never asks for offers should not have to wait for it. */
bool device_bind_slot(struct vmbus_device *device, uint16_t index)
{
	const struct vmbus_config *config = &device->bus->config;
	struct slot *slot = &device->slots[index];
	int fd;

	if (slot->fd >= 0)
		return true;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return false;
	if (!config->hypervisor->bind_connection(config->hypervisor_context,
						 VMBUS_CHANNEL_CONNECTION(device->relid + index),
						 fd)) {
		close(fd);
		errno = ENOSPC;
		return false;
	}
	slot->fd = fd;
	return true;
}

void device_unbind_slot(struct vmbus_device *device, uint16_t index)
{
	const struct vmbus_config *config = &device->bus->config;
	struct slot *slot = &device->slots[index];

	if (slot->fd < 0)
		return;
	config->hypervisor->unbind_connection(config->hypervisor_context,
					      VMBUS_CHANNEL_CONNECTION(device->relid + index),
					      slot->fd);
	close(slot->fd);
	slot->fd = -1;
}

void device_offer_slot(struct vmbus_device *device, uint16_t index)
{
	const struct vmbus_device_config *config = &device->config;
	struct wire_offer offer = {.header.type = VMBUS_OFFERCHANNEL,
				   .class_id = config->class_id,
				   .instance_id = config->instance_id,
				   .flags = config->offer_flags,
				   .mmio_megabytes = config->mmio_megabytes,
				   .sub_channel_index = index,
				   .relid = device->relid + index,
				   .is_dedicated_interrupt = 1,
				   .connection_id =
					   VMBUS_CHANNEL_CONNECTION(device->relid + index)};

	if (!device_bind_slot(device, index)) {
		bus_complain(device->bus, &device->bus->undelivered,
			     "%s has a channel less: %s; check the limit on open files",
			     device->name, g_strerror(errno));
		return;
	}
	memcpy(offer.user_defined, config->user_defined, sizeof(offer.user_defined));
	device->slots[index].state = SLOT_OFFERED;
	device->slots[index].wanted = false;
	bus_send(device->bus, &offer, sizeof(offer));
}

void device_rescind_slot(struct vmbus_device *device, uint16_t index)
{
	struct wire_relid rescind = {.header.type = VMBUS_RESCIND, .relid = device->relid + index};

	device->slots[index].state = SLOT_RESCINDED;
	bus_send(device->bus, &rescind, sizeof(rescind));
}

static void close_on_device_thread(void *context)
{
	channel_close(context);
}

static void slot_close(struct vmbus_device *device, uint16_t index)
{
	struct slot *slot = &device->slots[index];

	if (slot->state != SLOT_OPEN)
		return;
	io_thread_call(device->config.thread, close_on_device_thread, slot->channel);
	slot->channel = NULL;
	slot->state = SLOT_OFFERED;
}

void device_close_slot(struct vmbus_device *device, uint16_t index)
{
	for (uint16_t i = device->config.max_sub_channels; index == 0 && i > 0; i--) {
		slot_close(device, i);
		if (device->slots[i].state == SLOT_OFFERED)
			device_rescind_slot(device, i);
		device->slots[i].wanted = false;
	}
	slot_close(device, index);
}

void device_release_slot(struct vmbus_device *device, uint16_t index)
{
	struct slot *slot = &device->slots[index];

	slot->state = SLOT_IDLE;
	if (slot->wanted)
		device_offer_slot(device, index);
}

void device_forget(struct vmbus_device *device)
{
	for (uint32_t i = device->config.max_sub_channels + 1u; i-- > 0;) {
		slot_close(device, (uint16_t)i);
		device->slots[i].state = SLOT_IDLE;
		device->slots[i].wanted = false;
	}
}

/* ---- sub-channels --------------------------------------------------------------------------- */

struct sub_offer {
	struct vmbus_device *device; /* a reference */
	uint32_t opening;	     /* of the primary, when it was asked */
	uint16_t first, n;
};

static void offer_sub_channels(void *context)
{
	struct sub_offer *offer = context;
	struct vmbus_device *device = offer->device;
	bool current = !device->gone && device->slots[0].state == SLOT_OPEN &&
		       device->opening == offer->opening;

	for (uint16_t i = 0; current && i < offer->n; i++) {
		uint16_t index = (uint16_t)(offer->first + i);
		struct slot *slot = &device->slots[index];

		if (slot->state == SLOT_RESCINDED)
			slot->wanted = true;
		else if (slot->state == SLOT_IDLE)
			device_offer_slot(device, index);
	}
	device_unref(device);
	g_free(offer);
}

/* On the device's thread, which never waits for the control thread. `opening` changes only while
 * the control thread waits for this one. */
uint16_t vmbus_device_offer_sub_channels(struct vmbus_device *device, uint16_t n)
{
	struct sub_offer *offer;

	n = MIN(n, (uint16_t)(device->config.max_sub_channels - device->n_asked));
	if (n == 0)
		return 0;
	offer = g_new(struct sub_offer, 1);
	*offer = (struct sub_offer){.device = device_ref(device),
				    .opening = device->opening,
				    .first = (uint16_t)(device->n_asked + 1),
				    .n = n};
	device->n_asked = (uint16_t)(device->n_asked + n);
	io_thread_post(device->bus->config.thread, offer_sub_channels, offer);
	return n;
}

/* ---- offering and rescinding ---------------------------------------------------------------- */

uint32_t device_find_relids(const struct vmbus *bus, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t relid = 1; relid < VMBUS_RELIDS; relid++) {
		run = bus->owner[relid] || bus->ghost[relid] ? 0 : run + 1;
		if (run == n)
			return relid - n + 1;
	}
	return 0;
}

void device_place(struct vmbus_device *device, uint32_t relid)
{
	device->relid = relid;
	for (uint32_t i = 0; i <= device->config.max_sub_channels; i++)
		device->bus->owner[relid + i] = device;
}

struct announcement {
	struct vmbus_device *device;
	GError **error;
	bool done;
};

static void device_announce(void *context)
{
	struct announcement *a = context;
	struct vmbus_device *device = a->device;
	struct vmbus *bus = device->bus;
	uint32_t n = device->config.max_sub_channels + 1u, relid = device_find_relids(bus, n);

	if (relid == 0) {
		g_set_error(
			a->error, G_FILE_ERROR, G_FILE_ERROR_NOSPC,
			"Device %s does not fit: the bus has no %u channels left; remove a device",
			device->name, n);
		return;
	}
	device->relid = relid;
	if (bus->offers_requested && !device_bind_slot(device, 0)) {
		int saved = errno;

		g_set_error(a->error, G_FILE_ERROR, (gint)g_file_error_from_errno(saved),
			    "Device %s cannot be signalled: %s; check the limit on open files",
			    device->name, g_strerror(saved));
		return;
	}
	device_place(device, relid);
	g_ptr_array_add(bus->devices, device);
	if (bus->offers_requested)
		device_offer_slot(device, 0);
	a->done = true;
}

struct vmbus_device *vmbus_offer(struct vmbus *bus, const struct vmbus_device_config *config,
				 GError **error)
{
	struct vmbus_device *device = g_new0(struct vmbus_device, 1);
	struct announcement announcement = {.device = device, .error = error};
	uint32_t n = config->max_sub_channels + 1u;

	g_assert(config->thread && config->name && config->max_packet > 0);
	g_assert(config->ops->opened && config->ops->closed && config->ops->ready);
	atomic_init(&device->refs, 1);
	device->bus = bus;
	device->config = *config;
	device->config.name = device->name = g_strdup(config->name);
	device->channels = g_ptr_array_new();
	device->slots = g_new0(struct slot, n);
	for (uint32_t i = 0; i < n; i++)
		device->slots[i].fd = -1;
	io_thread_call(bus->config.thread, device_announce, &announcement);
	if (announcement.done)
		return device;
	device_unref(device);
	return NULL;
}

static void device_withdraw(void *context)
{
	struct vmbus_device *device = context;
	struct vmbus *bus = device->bus;

	g_ptr_array_remove(bus->devices, device);
	device_close_slot(device, 0);
	if (device->slots[0].state == SLOT_OFFERED)
		device_rescind_slot(device, 0);
	device->gone = true;
	for (uint32_t i = 0; i <= device->config.max_sub_channels; i++) {
		device_unbind_slot(device, (uint16_t)i);
		bus->owner[device->relid + i] = NULL;
		bus->ghost[device->relid + i] = device->slots[i].state == SLOT_RESCINDED;
	}
}

void vmbus_rescind(struct vmbus_device *device)
{
	if (!device)
		return;
	io_thread_call(device->bus->config.thread, device_withdraw, device);
	device_unref(device);
}
