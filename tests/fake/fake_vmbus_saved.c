/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saved states of the fake: the same guest on one bus and on another. */
#include <string.h>

#include "fake_vmbus_private.h"

/* The open channels by index: in which order they are restored, and held the other way round. */
static GPtrArray *device_open_channels(const struct vmbus_device *device)
{
	GPtrArray *open = g_ptr_array_new();

	for (unsigned int index = 0; index <= device->config.max_sub_channels; index++) {
		for (guint i = 0; i < device->channels->len; i++) {
			struct vmbus_channel *channel = device->channels->pdata[i];

			if (channel->open && channel->index == index)
				g_ptr_array_add(open, channel);
		}
	}
	return open;
}

static void device_run_hold(void *context)
{
	struct vmbus_device *device = context;
	g_autoptr(GPtrArray) open = device_open_channels(device);

	for (guint i = open->len; i-- > 0;) {
		struct vmbus_channel *channel = open->pdata[i];

		device->config.ops->hold(device->config.context, channel);
		channel->held = true;
	}
}

void fake_device_hold(struct vmbus_device *device)
{
	io_thread_call(device->config.thread, device_run_hold, device);
}

void fake_device_release(struct vmbus_device *device)
{
	g_autoptr(GPtrArray) open = device_open_channels(device);

	for (guint i = 0; i < open->len; i++) {
		struct vmbus_channel *channel = open->pdata[i];

		channel->held = false;
		fake_channel_kick(channel);
	}
}

struct fake_saving {
	struct vmbus_device *device, *held;
	struct state_writer *writer;
	struct state_reader *reader;
	struct vmbus_channel **channels;
	unsigned int n;
};

static void device_run_save(void *context)
{
	const struct fake_saving *saving = context;
	const struct vmbus_device *device = saving->device;
	g_autoptr(GPtrArray) open = device_open_channels(device);

	state_put_u16(saving->writer, device->n_sub_channels);
	state_put_u32(saving->writer, open->len);
	for (guint i = 0; i < open->len; i++) {
		struct vmbus_channel *channel = open->pdata[i];

		g_assert_true(channel->held);
		state_put_u16(saving->writer, channel->index);
		state_put_bytes(saving->writer, channel->user_data, sizeof(channel->user_data));
		device->config.ops->save(device->config.context, channel, saving->writer);
	}
}

void fake_device_save(struct vmbus_device *device, struct state_writer *writer)
{
	struct fake_saving saving = {.device = device, .writer = writer};

	io_thread_call(device->config.thread, device_run_save, &saving);
}

static void queue_move(GQueue *to, GQueue *from)
{
	gpointer entry;

	while ((entry = g_queue_pop_head(from)))
		g_queue_push_tail(to, entry);
}

/* Its rings are those of the same channel of the held device. */
static struct vmbus_channel *channel_move(struct vmbus_device *device, struct vmbus_device *held,
					  uint16_t index, const uint8_t *user_data)
{
	g_autoptr(GPtrArray) open = device_open_channels(held);
	struct vmbus_channel *channel = fake_channel_new(device, index), *old = NULL;

	for (guint i = 0; i < open->len && !old; i++)
		if (((struct vmbus_channel *)open->pdata[i])->index == index)
			old = open->pdata[i];
	memcpy(channel->user_data, user_data, sizeof(channel->user_data));
	channel->held = true;
	if (!old)
		return channel;
	channel->to_host = old->to_host;
	channel->to_guest = old->to_guest;
	channel->room = old->room;
	channel->wants_room = old->wants_room;
	queue_move(&channel->to_vsp, &old->to_vsp);
	queue_move(&channel->from_vsp, &old->from_vsp);
	return channel;
}

static void device_restore_channel(const struct fake_saving *saving)
{
	struct vmbus_device *device = saving->device;
	uint16_t index = state_get_u16(saving->reader);
	struct fake_opening opening = {0};

	state_get_bytes(saving->reader, opening.user_data, sizeof(opening.user_data));
	if (index >= saving->n || index > device->n_sub_channels || saving->channels[index])
		state_fail(saving->reader, "a channel that cannot be");
	if (!state_ok(saving->reader))
		return;
	opening.channel = channel_move(device, saving->held, index, opening.user_data);
	fake_channel_run_opened(&opening);
	if (!opening.channel->open) {
		state_fail(saving->reader, "a channel that the device refuses");
		return;
	}
	saving->channels[index] = opening.channel;
	device->config.ops->restore(device->config.context, opening.channel, saving->reader);
}

static void device_run_restore(void *context)
{
	const struct fake_saving *saving = context;
	struct vmbus_device *device = saving->device;
	uint32_t n;

	device->n_sub_channels = state_get_u16(saving->reader);
	n = state_get_count(saving->reader, saving->n);
	if (device->n_sub_channels > device->config.max_sub_channels) {
		state_fail(saving->reader, "more sub-channels than the device has");
		device->n_sub_channels = 0;
	}
	for (uint32_t i = 0; i < n && state_ok(saving->reader); i++)
		device_restore_channel(saving);
}

bool fake_device_restore(struct vmbus_device *device, struct vmbus_device *held,
			 struct state_reader *reader, struct vmbus_channel **channels,
			 unsigned int n)
{
	struct fake_saving saving = {
		.device = device, .held = held, .reader = reader, .channels = channels, .n = n};

	for (unsigned int i = 0; i < n; i++)
		channels[i] = NULL;
	g_assert_cmpuint(device->channels->len, ==, 0);
	g_hash_table_ref(held->gpadls);
	g_hash_table_unref(device->gpadls);
	device->gpadls = held->gpadls;
	io_thread_call(device->config.thread, device_run_restore, &saving);
	return state_ok(reader);
}
