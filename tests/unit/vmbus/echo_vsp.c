/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "echo_vsp.h"

#include <string.h>

static bool echo_opened(void *context, struct vmbus_channel *channel, uint16_t index G_GNUC_UNUSED,
			const uint8_t user_data[120])
{
	struct echo_vsp *echo = context;
	uint32_t to_host, to_guest;

	g_assert_true(io_thread_is_current(echo->thread));
	vmbus_channel_ring_sizes(channel, &to_host, &to_guest);
	if (!echo->strangers) {
		g_assert_cmpstr((const char *)user_data, ==, "user data");
		g_assert_cmpuint(to_host, ==, 7u << 12);
		g_assert_cmpuint(to_guest, ==, 7u << 12);
	}
	if (atomic_load(&echo->refuse))
		return false;
	if (vmbus_channel_index(channel) == 0)
		echo->primary = channel;
	atomic_fetch_add(&echo->opened, 1);
	atomic_fetch_add(&echo->open_now, 1);
	return true;
}

static void echo_closed(void *context, struct vmbus_channel *channel)
{
	struct echo_vsp *echo = context;

	g_assert_true(io_thread_is_current(echo->thread));
	if (vmbus_channel_index(channel) == 0)
		g_assert_cmpuint(atomic_load(&echo->open_now), ==, 1); /* the others before */
	echo->holds = false;
	atomic_fetch_add(&echo->closed, 1);
	atomic_fetch_sub(&echo->open_now, 1);
}

static void echo_fault_late(void *context)
{
	struct echo_vsp *echo = context;

	vmbus_channel_fault(echo->late, "told to, later");
}

static void echo_gpadl(struct vmbus_channel *channel, uint8_t *answer)
{
	const struct iovec *parts;
	uint32_t id, n;
	uint64_t size = 0, sum = 0;

	memcpy(&id, answer + 4, sizeof(id));
	parts = vmbus_channel_gpadl(channel, id, &n, &size);
	for (uint32_t i = 0; parts && i < n; i++) {
		memset(parts[i].iov_base, 0x5a, parts[i].iov_len);
		sum += parts[i].iov_len;
	}
	g_assert_cmpuint(sum, ==, size);
	memcpy(answer + 8, &size, sizeof(size));
}

static void echo_release(struct vmbus_channel *channel, const uint8_t *payload)
{
	uint32_t id;

	memcpy(&id, payload + 4, sizeof(id));
	vmbus_channel_gpadl_release(channel, id);
}

static bool echo_answer(struct vmbus_channel *channel, const struct vmbus_packet *p,
			uint8_t *answer)
{
	static const struct vmbus_xfer_range ranges[] = {{100, 0}, {200, 4096}};
	struct iovec parts[] = {{answer, p->size / 2},
				{answer + p->size / 2, p->size - p->size / 2}};

	if (p->size > 0 && answer[0] == ECHO_XFER)
		return vmbus_channel_send_xfer(channel, p->transaction_id, 0xcafe, ranges, 2, parts,
					       2);
	return vmbus_channel_send(channel, VMBUS_PACKET_COMPLETION, 0, p->transaction_id, parts, 2);
}

/* False: no answer. */
static bool echo_obey(struct echo_vsp *echo, struct vmbus_channel *channel,
		      const struct vmbus_packet *p, uint8_t *answer)
{
	if (p->size == 0)
		return true;
	switch (answer[0]) {
	case ECHO_SUB_CHANNELS:
		answer[0] = (uint8_t)vmbus_device_offer_sub_channels(vmbus_channel_device(channel),
								     answer[1]);
		return true;
	case ECHO_FAULT:
		vmbus_channel_fault(channel, "told to");
		return true;
	case ECHO_LATER:
		echo->late = channel;
		io_thread_post(echo->thread, echo_fault_late, echo);
		return true;
	case ECHO_GPADL:
		if (p->size >= 16)
			echo_gpadl(channel, answer);
		return true;
	case ECHO_RELEASE:
		if (p->size >= 8)
			echo_release(channel, answer);
		return true;
	case ECHO_MUTE:
		return false;
	default:
		return true;
	}
}

static void echo_ready(void *context, struct vmbus_channel *channel)
{
	struct echo_vsp *echo = context;
	struct vmbus_packet *p = &echo->held;

	g_assert_true(io_thread_is_current(echo->thread));
	echo->on_hold = false;
	if (echo->holds && !echo_answer(channel, p, echo->held_payload))
		return;
	echo->holds = false;
	while (!echo->holds && vmbus_channel_receive(channel, p)) {
		atomic_fetch_add(&echo->received, 1);
		g_free(echo->held_payload);
		echo->held_payload = g_memdup2(p->payload, MAX(p->size, 1));
		for (uint32_t i = 0; i < p->n_buffer; i++)
			memset(p->buffer[i].iov_base, 0xa5, p->buffer[i].iov_len);
		if (echo_obey(echo, channel, p, echo->held_payload))
			echo->holds = !echo_answer(channel, p, echo->held_payload);
	}
	vmbus_channel_flush(channel);
}

/* ---- saved states ---------------------------------------------------------------------------- */

static void echo_hold(void *context, struct vmbus_channel *channel)
{
	struct echo_vsp *echo = context;

	g_assert_true(io_thread_is_current(echo->thread));
	if (echo->farewell != 0)
		g_assert_true(vmbus_channel_send(channel, VMBUS_PACKET_DATA_INBAND, 0,
						 echo->farewell, NULL, 0));
	echo->on_hold = true;
	if (echo->fails && echo->fails != channel)
		vmbus_channel_fault(echo->fails, "told to, by a hold");
}

static void echo_save(void *context, struct vmbus_channel *channel, struct state_writer *writer)
{
	const struct echo_vsp *echo = context;

	g_assert_true(io_thread_is_current(echo->thread));
	g_assert_true(echo->on_hold);
	if (vmbus_channel_index(channel) != 0)
		return;
	state_put_bool(writer, echo->holds);
	if (!echo->holds)
		return;
	state_put_u64(writer, echo->held.transaction_id);
	state_put_u32(writer, echo->held.size);
	state_put_bytes(writer, echo->held_payload, echo->held.size);
}

static void echo_restore(void *context, struct vmbus_channel *channel, struct state_reader *reader)
{
	struct echo_vsp *echo = context;
	const uint8_t *payload;

	g_assert_true(io_thread_is_current(echo->thread));
	echo->on_hold = true;
	if (vmbus_channel_index(channel) != 0 || !state_get_bool(reader))
		return;
	echo->held = (struct vmbus_packet){.transaction_id = state_get_u64(reader),
					   .size = state_get_count(reader, 4096)};
	payload = state_get_view(reader, echo->held.size);
	if (!payload)
		return;
	g_free(echo->held_payload);
	echo->held_payload = g_memdup2(payload, MAX(echo->held.size, 1));
	echo->holds = true;
}

static const struct vmbus_device_ops echo_ops = {
	.opened = echo_opened,
	.closed = echo_closed,
	.ready = echo_ready,
	.hold = echo_hold,
	.save = echo_save,
	.restore = echo_restore,
};

struct echo_vsp *echo_vsp_new(struct vmbus *bus, struct io_thread *thread, const char *name,
			      uint8_t number, uint16_t max_sub_channels, GError **error)
{
	struct echo_vsp *echo = g_new0(struct echo_vsp, 1);
	struct vmbus_device_config config = {.class_id.bytes = {1, 2, 3},
					     .instance_id.bytes = {[15] = number},
					     .name = name,
					     .offer_flags = 0x1234,
					     .mmio_megabytes = 7,
					     .user_defined = {number, [119] = 9},
					     .max_sub_channels = max_sub_channels,
					     .max_packet = 4096,
					     .thread = thread,
					     .ops = &echo_ops,
					     .context = echo};

	echo->thread = thread;
	echo->device = vmbus_offer(bus, &config, error);
	if (!echo->device)
		g_clear_pointer(&echo, g_free);
	return echo;
}

void echo_vsp_free(struct echo_vsp *echo)
{
	vmbus_rescind(echo->device);
	g_assert_cmpuint(atomic_load(&echo->open_now), ==, 0);
	g_assert_cmpuint(atomic_load(&echo->opened), ==, atomic_load(&echo->closed));
	g_free(echo->held_payload);
	g_free(echo);
}
