/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netvsp.h"

#include <string.h>
#include <time.h>

#include "netvsp_private.h"

#define NETVSP_PACKET_MAX 16384u
#define NETVSP_SPEED	  10000000000u

static const struct vmbus_guid nic_class = {{0x63, 0x51, 0x61, 0xf8, 0x3e, 0xdf, 0xc5, 0x46, 0x91,
					     0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e}};

uint64_t netvsp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void netvsp_fault(struct netvsp_channel *channel, const char *what)
{
	channel->netvsp->counters.faults++;
	channel->faulted = true;
	vmbus_channel_fault(channel->vmbus, what);
}

bool netvsp_channel_is_live(const struct netvsp_channel *channel)
{
	return channel->vmbus && !channel->held;
}

void netvsp_channel_flush(struct netvsp_channel *channel)
{
	if (!netvsp_channel_is_live(channel))
		return;
	if (channel->dirty)
		vmbus_channel_flush(channel->vmbus);
	channel->dirty = false;
}

/* ---- the turn of a channel ---- */

static void netvsp_packet(struct netvsp_channel *channel, const struct vmbus_packet *packet)
{
	struct nvsp_message message;
	const char *wrong;

	switch (packet->type) {
	case VMBUS_PACKET_COMPLETION:
		wrong = netvsp_receive_complete(channel, packet->transaction_id);
		break;
	case VMBUS_PACKET_DATA_INBAND:
	case VMBUS_PACKET_DATA_USING_GPA_DIRECT:
		wrong = nvsp_parse(&channel->netvsp->nvsp, packet->payload, packet->size, &message);
		if (!wrong && message.type == NVSP_SEND_RNDIS_PACKET)
			netvsp_send_begin(channel, packet, &message.rndis_packet);
		else if (!wrong)
			netvsp_control(channel, packet, &message);
		break;
	default:
		wrong = "a packet of a type that adapters do not get";
		break;
	}
	if (wrong)
		netvsp_fault(channel, wrong);
}

/* Goes on with the packet in work. False: it has to wait for something. */
static bool netvsp_channel_finish(struct netvsp_channel *channel)
{
	struct nvsp_rndis_packet_complete complete = {.type = NVSP_SEND_RNDIS_PACKET_COMPLETE,
						      .status = channel->status};
	struct iovec iov = {&complete, sizeof(complete)};

	if (channel->busy && !channel->owed) {
		if (!netvsp_send_continue(channel))
			return false;
		complete.status = channel->status;
		channel->owed = channel->wants_completion;
	}
	if (channel->owed) {
		if (!vmbus_channel_send(channel->vmbus, VMBUS_PACKET_COMPLETION, 0,
					channel->transaction, &iov, 1))
			return false;
		channel->dirty = true;
	}
	channel->busy = channel->owed = false;
	return true;
}

/* The channels that wait for their turn, beginning with the one behind that which had the last. */
static struct netvsp_channel *netvsp_turn_next(const struct netvsp *netvsp)
{
	for (unsigned int i = 0; i < netvsp->n_channels; i++) {
		struct netvsp_channel *channel =
			&netvsp->channels[(netvsp->turn + i) % netvsp->n_channels];

		if (channel->again)
			return channel;
	}
	return NULL;
}

static void netvsp_again(void *context);

static void netvsp_again_post(struct netvsp *netvsp)
{
	if (netvsp->again_posted)
		return;
	netvsp->again_posted = true;
	io_thread_post(netvsp->thread, netvsp_again, netvsp);
}

static void netvsp_turn(struct netvsp *netvsp)
{
	struct netvsp_channel *channel = netvsp_turn_next(netvsp);

	if (!channel)
		return;
	channel->again = false;
	netvsp->turn = channel->index + 1u;
	netvsp_channel_run(channel);
	if (netvsp_turn_next(netvsp))
		netvsp_again_post(netvsp);
}

static void netvsp_again(void *context)
{
	struct netvsp *netvsp = context;

	netvsp->again_posted = false;
	netvsp_turn(netvsp);
}

void netvsp_turns(struct netvsp *netvsp)
{
	for (unsigned int i = 0; i < netvsp->n_channels; i++)
		netvsp->channels[i].again = netvsp->channels[i].vmbus != NULL;
	netvsp_turn(netvsp);
}

static void netvsp_channel_take(struct netvsp_channel *channel)
{
	struct netvsp *netvsp = channel->netvsp;
	struct vmbus_packet packet;

	for (channel->spent = 0; channel->spent < NETVSP_BUDGET; channel->spent++) {
		if (channel->busy && !netvsp_channel_finish(channel)) {
			if (channel->spent < NETVSP_BUDGET)
				return;
			break;
		}
		if (channel->faulted)
			return;
		if (channel->index == 0 && netvsp_outbox_full(netvsp)) {
			netvsp_outbox_flush(netvsp);
			/* Sections come back by this very ring, so it must be read for them. */
			if (netvsp_outbox_full(netvsp) && netvsp->sections.n_free > 0)
				return;
		}
		if (!vmbus_channel_receive(channel->vmbus, &packet))
			return;
		netvsp_packet(channel, &packet);
	}
	channel->again = true;
	netvsp_again_post(netvsp);
}

void netvsp_channel_run(struct netvsp_channel *channel)
{
	struct netvsp *netvsp = channel->netvsp;

	/* The back end's events may lead here from below. */
	if (channel->running || channel->faulted || channel->held)
		return;
	channel->running = true;
	netvsp_channel_take(channel);
	channel->running = false;
	if (channel->faulted)
		return;
	netvsp_receive_flush(channel);
	netvsp_outbox_flush(netvsp);
	netvsp_receive_resume(netvsp);
	for (unsigned int i = 0; i < netvsp->n_channels; i++)
		netvsp_channel_flush(&netvsp->channels[i]);
}

/* ---- VMBus ---- */

/* The guest has all the channels that it asked for: spread what it sends over them. */
static void netvsp_spread(struct netvsp *netvsp)
{
	struct nvsp_indirection_table table;
	unsigned int n = 0;

	for (unsigned int i = 0; i < netvsp->n_channels; i++)
		n += netvsp->channels[i].vmbus != NULL;
	if (n != 1u + netvsp->sub_channels || netvsp->spread)
		return;
	netvsp->spread = true;
	nvsp_indirection_table(&table, n);
	netvsp_outbox_put(netvsp, VMBUS_PACKET_DATA_INBAND, 0, &table, sizeof(table));
	netvsp_outbox_flush(netvsp);
	netvsp_channel_flush(&netvsp->channels[0]);
}

static bool netvsp_opened(void *context, struct vmbus_channel *vmbus, uint16_t index,
			  const uint8_t user_data[120])
{
	struct netvsp *netvsp = context;
	struct netvsp_channel *channel;

	(void)user_data;
	if (index >= netvsp->n_channels || netvsp->channels[index].vmbus ||
	    (index > 0 && !netvsp->channels[0].vmbus))
		return false;
	channel = &netvsp->channels[index];
	*channel = (struct netvsp_channel){.netvsp = netvsp, .vmbus = vmbus, .index = index};
	if (index == 0)
		netvsp_control_reset(netvsp);
	else
		netvsp_spread(netvsp);
	return true;
}

struct netvsp_channel *netvsp_channel(struct netvsp *netvsp, struct vmbus_channel *vmbus)
{
	struct netvsp_channel *channel = &netvsp->channels[vmbus_channel_index(vmbus)];

	g_assert(channel->vmbus == vmbus);
	return channel;
}

static void netvsp_closed(void *context, struct vmbus_channel *vmbus)
{
	struct netvsp *netvsp = context;
	struct netvsp_channel *channel = netvsp_channel(netvsp, vmbus);

	channel->vmbus = NULL;
	channel->busy = channel->owed = false;
	channel->dirty = channel->held = channel->again = false;
	netvsp->spread = false;
	netvsp_receive_abandon(channel);
	if (channel->index == 0)
		netvsp_control_reset(netvsp);
	/* What waited for sections of this channel is dropped or goes elsewhere. */
	netvsp_receive_resume(netvsp);
}

static void netvsp_ready(void *context, struct vmbus_channel *vmbus)
{
	struct netvsp_channel *channel = netvsp_channel(context, vmbus);

	if (channel->held)
		netvsp_release(channel);
	netvsp_channel_run(channel);
}

static const struct vmbus_device_ops netvsp_ops = {
	.opened = netvsp_opened,
	.closed = netvsp_closed,
	.ready = netvsp_ready,
	.hold = netvsp_hold,
	.save = netvsp_save,
	.restore = netvsp_restore,
};

/* ---- life ---- */

static void netvsp_send_expired(void *context)
{
	netvsp_turns(context);
}

static void netvsp_receive_expired(void *context)
{
	struct netvsp *netvsp = context;

	net_backend_resume(netvsp->backend);
}

struct netvsp_start {
	struct netvsp *netvsp;
	const struct netvsp_config *config;
	GError **error;
	bool started;
};

static void netvsp_start(void *context)
{
	struct netvsp_start *start = context;
	struct netvsp *netvsp = start->netvsp;

	netvsp->send_timer = io_timer_new(netvsp->thread, netvsp_send_expired, netvsp);
	netvsp->receive_timer = io_timer_new(netvsp->thread, netvsp_receive_expired, netvsp);
	net_bucket_set(&netvsp->send_bucket, start->config->send_limit, netvsp_now());
	net_bucket_set(&netvsp->receive_bucket, start->config->receive_limit, netvsp_now());
	start->started = net_backend_attach(netvsp->backend, netvsp->thread, &netvsp_backend_events,
					    netvsp, start->error);
}

static void netvsp_stop(void *context)
{
	struct netvsp *netvsp = context;

	net_backend_detach(netvsp->backend);
	io_timer_free(netvsp->send_timer);
	io_timer_free(netvsp->receive_timer);
}

static void netvsp_destroy(struct netvsp *netvsp)
{
	/* Runs behind what was posted before, netvsp_again for one. */
	io_thread_call(netvsp->thread, netvsp_stop, netvsp);
	netvsp_outbox_clear(netvsp);
	netvsp_receive_clear(netvsp);
	net_buffer_clear(&netvsp->send_buffer);
	g_free(netvsp->channels);
	g_free(netvsp->name);
	g_free(netvsp);
}

static struct netvsp *netvsp_build(const struct netvsp_config *config)
{
	struct netvsp *netvsp = g_new0(struct netvsp, 1);

	g_assert(config->channels >= 1 && config->channels <= NETVSP_CHANNELS_MAX);
	netvsp->thread = config->thread;
	netvsp->backend = config->backend;
	netvsp->name = g_strdup(config->name);
	netvsp->link_wanted = netvsp->link_backend = true;
	netvsp->n_channels = config->channels;
	netvsp->channels = g_new0(struct netvsp_channel, config->channels);
	g_queue_init(&netvsp->outbox);
	memcpy(netvsp->rndis.permanent_mac, config->mac, 6);
	netvsp->rndis.fixed_mac = config->fixed_mac;
	netvsp->rndis.link_speed = config->link_speed ? config->link_speed : NETVSP_SPEED;
	netvsp->rndis.link_up = true;
	netvsp->rndis.n_channels = config->channels;
	for (unsigned int i = 0; i < config->channels; i++)
		netvsp->channels[i].netvsp = netvsp;
	netvsp_control_reset(netvsp);
	return netvsp;
}

struct netvsp *netvsp_new(const struct netvsp_config *config, GError **error)
{
	struct netvsp *netvsp = netvsp_build(config);
	struct netvsp_start start = {.netvsp = netvsp, .config = config, .error = error};
	struct vmbus_device_config device = {
		.class_id = nic_class,
		.instance_id = config->instance,
		.name = config->name,
		.max_sub_channels = (uint16_t)(config->channels - 1),
		.max_packet = NETVSP_PACKET_MAX,
		.thread = config->thread,
		.ops = &netvsp_ops,
		.context = netvsp,
	};

	io_thread_call(netvsp->thread, netvsp_start, &start);
	if (start.started)
		netvsp->device = vmbus_offer(config->bus, &device, error);
	if (!netvsp->device) {
		netvsp_destroy(netvsp);
		return NULL;
	}
	return netvsp;
}

void netvsp_free(struct netvsp *netvsp)
{
	if (!netvsp)
		return;
	vmbus_rescind(netvsp->device);
	netvsp_destroy(netvsp);
}

/* ---- from the main thread ---- */

struct netvsp_change {
	struct netvsp *netvsp;
	bool up;
	uint64_t send, receive;
	struct netvsp_state *state;
};

static void netvsp_change_link(void *context)
{
	struct netvsp_change *change = context;
	struct netvsp *netvsp = change->netvsp;

	netvsp->link_wanted = change->up;
	netvsp_control_link(netvsp);
	netvsp_outbox_flush(netvsp);
	netvsp_channel_flush(&netvsp->channels[0]);
}

void netvsp_set_link(struct netvsp *netvsp, bool up)
{
	struct netvsp_change change = {.netvsp = netvsp, .up = up};

	io_thread_call(netvsp->thread, netvsp_change_link, &change);
}

static void netvsp_change_limits(void *context)
{
	struct netvsp_change *change = context;
	struct netvsp *netvsp = change->netvsp;

	net_bucket_set(&netvsp->send_bucket, change->send, netvsp_now());
	net_bucket_set(&netvsp->receive_bucket, change->receive, netvsp_now());
	io_timer_arm(netvsp->send_timer, 0);
	io_timer_arm(netvsp->receive_timer, 0);
	netvsp_turns(netvsp);
	net_backend_resume(netvsp->backend);
}

void netvsp_set_limits(struct netvsp *netvsp, uint64_t send, uint64_t receive)
{
	struct netvsp_change change = {.netvsp = netvsp, .send = send, .receive = receive};

	io_thread_call(netvsp->thread, netvsp_change_limits, &change);
}

static void netvsp_read_state(void *context)
{
	struct netvsp_change *change = context;
	const struct netvsp *netvsp = change->netvsp;
	struct netvsp_state *state = change->state;

	*state = (struct netvsp_state){.counters = netvsp->counters,
				       .version = netvsp->nvsp.version,
				       .mtu = netvsp->rndis.mtu,
				       .link_up = netvsp->rndis.link_up};
	memcpy(state->mac, netvsp->rndis.mac, 6);
	for (unsigned int i = 0; i < netvsp->n_channels; i++)
		state->channels += netvsp->channels[i].vmbus != NULL;
}

void netvsp_state(struct netvsp *netvsp, struct netvsp_state *state)
{
	struct netvsp_change change = {.netvsp = netvsp, .state = state};

	io_thread_call(netvsp->thread, netvsp_read_state, &change);
}
