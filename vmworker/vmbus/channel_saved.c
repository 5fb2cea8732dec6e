/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An open channel in a saved state. The rings are the guest's memory, and so are their indices. */
#include <string.h>
#include <unistd.h>

#include "vmbus_private.h"

void channel_hold(struct vmbus_channel *channel)
{
	struct vmbus_device *device = channel->device;
	const struct vmbus_device_ops *ops = device->config.ops;

	if (!channel->open)
		return;
	if (ops->hold && !channel->faulted)
		ops->hold(device->config.context, channel);
	/* From now on the indices that count are those in the guest's memory. */
	vmbus_channel_flush(channel);
	/* Its watch has not seen the fault yet. What was in flight is over afterwards. */
	if (channel->faulted) {
		channel_fail(channel);
		return;
	}
	io_timer_arm(channel->room_timer, 0);
	channel->held = true;
}

void channel_release(struct vmbus_channel *channel)
{
	uint64_t one = 1;

	if (!channel->open) {
		channel_interrupt(channel);
		return;
	}
	channel->held = false;
	/* `ready`, and the interrupt that was kept back. */
	(void)!write(channel->fd, &one, sizeof(one));
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* By its number, or as it is when the table has forgotten it. */
static void channel_save_ring(struct vmbus_channel *channel, struct state_writer *writer)
{
	const struct gpadl *ring = channel->ring_gpadl;
	struct gpadl *listed =
		gpadl_table_find_listed(channel->device->bus->gpadls, ring->id, ring->relid);

	state_put_bool(writer, listed == ring);
	if (listed == ring)
		state_put_u32(writer, ring->id);
	else
		gpadl_save(ring, writer);
	gpadl_unref(listed);
}

void channel_save(struct vmbus_channel *channel, struct state_writer *writer)
{
	const struct vmbus_device_config *config = &channel->device->config;
	bool open = channel->open && !channel->faulted;

	state_begin(writer, "vmbus.channel", 1);
	state_put_u32(writer, channel->target_vp);
	state_put_u32(writer, channel->to_guest_page);
	state_put_bytes(writer, channel->user_data, sizeof(channel->user_data));
	state_put_bool(writer, open);
	state_put_bool(writer, channel->interrupt);
	state_put_u16(writer, channel->index == 0 ? channel->device->n_asked : 0);
	channel_save_ring(channel, writer);
	if (open && config->ops->save) {
		state_begin(writer, "vmbus.vsp", 1);
		config->ops->save(config->context, channel, writer);
		state_end(writer);
	}
	state_end(writer);
}

/* ---- restoring ------------------------------------------------------------------------------- */

/* A reference; NULL with a fault. */
static struct gpadl *channel_restore_ring(const struct channel_opening *opening,
					  struct state_reader *reader)
{
	struct gpadl_table *table = opening->device->bus->gpadls;
	uint32_t relid = opening->device->relid + opening->index;
	struct gpadl *ring;

	if (!state_get_bool(reader))
		return gpadl_restore(table, reader);
	ring = gpadl_table_find_listed(table, state_get_u32(reader), relid);
	if (!ring)
		state_fail(reader, "a ring in memory that the guest did not name");
	return ring;
}

static void channel_restart(struct vmbus_channel *channel, uint16_t n_asked,
			    struct state_reader *reader)
{
	struct vmbus_device *device = channel->device;

	if (!channel_map_rings(channel) ||
	    (channel->index != 0 && !channel_device_is_open(device))) {
		bus_complain(device->bus, &device->bus->faults,
			     "channel %u of %s was closed: its rings are none any more",
			     channel->index, device->name);
		state_skip(reader, "vmbus.vsp");
		return;
	}
	if (!channel_start(channel)) {
		state_fail(reader, "a channel that its device does not take");
		return;
	}
	if (channel->index == 0)
		device->n_asked = n_asked;
	if (state_enter(reader, "vmbus.vsp", 1) == 0)
		return;
	device->config.ops->restore(device->config.context, channel, reader);
	state_leave(reader);
	/* An event that was under way is lost. */
	if (!ring_out_is_empty(&channel->out) || ring_in_guest_waits(&channel->in))
		channel->interrupt = true;
}

static struct vmbus_channel *channel_read(struct channel_opening *opening,
					  struct state_reader *reader)
{
	const struct vmbus_device *device = opening->device;
	struct vmbus_channel *channel;
	bool open, interrupt;
	uint16_t n_asked;

	opening->target_vp = state_get_u32(reader);
	opening->to_guest_page = state_get_u32(reader);
	state_get_bytes(reader, opening->user_data, sizeof(opening->user_data));
	open = state_get_bool(reader);
	interrupt = state_get_bool(reader);
	n_asked = state_get_u16(reader);
	opening->ring = channel_restore_ring(opening, reader);
	if (opening->target_vp >= device->bus->config.vp_count)
		state_fail(reader, "a processor that there is not");
	if (n_asked > device->config.max_sub_channels)
		state_fail(reader, "more channels than the device has");
	if (!state_ok(reader)) {
		gpadl_unref(opening->ring);
		return NULL;
	}
	channel = channel_new(opening);
	channel->held = true;
	channel->interrupt = interrupt;
	if (open)
		channel_restart(channel, n_asked, reader);
	return channel;
}

struct vmbus_channel *channel_restore(struct channel_opening *opening, struct state_reader *reader)
{
	struct vmbus_channel *channel;

	if (state_enter(reader, "vmbus.channel", 1) == 0)
		return NULL;
	channel = channel_read(opening, reader);
	state_leave(reader);
	if (channel && !state_ok(reader))
		channel_close(g_steal_pointer(&channel));
	return channel;
}
