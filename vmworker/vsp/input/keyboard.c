/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages go as they are, without the pipe's header that the integration services have. */
#include "keyboard.h"

#include <assert.h>
#include <string.h>

#define KEYBOARD_VERSION (1u << 16) /* 1.0 */

#define KEYBOARD_BATCH	    16u
#define KEYBOARD_PAUSE_NS   UINT64_C(10000000)
#define KEYBOARD_TURN	    32u /* packets taken before others have their turn */
#define KEYBOARD_PACKET_MAX 256u

enum keyboard_message {
	KEYBOARD_REQUEST = 1,
	KEYBOARD_RESPONSE = 2,
	KEYBOARD_EVENT = 3,
	KEYBOARD_LEDS = 4,
};

struct keyboard_wire { /* KEYBOARD_REQUEST, _RESPONSE and, with 16 bits of it, _LEDS */
	uint32_t type;
	uint32_t value; /* the version; 1: accepted */
};
static_assert(sizeof(struct keyboard_wire) == 8, "wire");

struct keyboard_wire_event {
	uint32_t type;
	uint16_t code;
	uint16_t reserved;
	uint32_t flags;
};
static_assert(sizeof(struct keyboard_wire_event) == 12, "wire");

enum keyboard_state {
	KEYBOARD_CLOSED,
	KEYBOARD_OPENED,    /* the guest is to say its version */
	KEYBOARD_ANSWERING, /* `accepted` is to be sent */
	KEYBOARD_READY,
};

struct keyboard {
	struct keyboard_config config;
	struct vmbus_device *device;
	struct vmbus_channel *channel;
	enum keyboard_state state;
	bool held; /* for a saved state; the next `ready` ends it */
	bool accepted;
	bool completion; /* of the request is wanted, too */
	uint64_t transaction;
	GArray *queue; /* struct keystroke; those before `sent` are gone */
	size_t sent;
	struct io_timer *pace;
	struct io_timer *turn;
};

/* ---- sending --------------------------------------------------------------------------------- */

static bool keyboard_put(struct keyboard *keyboard, const void *message, size_t size)
{
	const struct iovec payload = {.iov_base = (void *)message, .iov_len = size};

	return vmbus_channel_send(keyboard->channel, VMBUS_PACKET_DATA_INBAND, 0, 0, &payload, 1);
}

static void keyboard_clear_queue(struct keyboard *keyboard)
{
	g_array_set_size(keyboard->queue, 0);
	keyboard->sent = 0;
}

static bool keyboard_put_stroke(struct keyboard *keyboard)
{
	const struct keystroke *stroke =
		&g_array_index(keyboard->queue, struct keystroke, keyboard->sent);
	struct keyboard_wire_event event = {
		.type = KEYBOARD_EVENT,
		.code = stroke->code,
		.flags = stroke->flags,
	};

	return keyboard_put(keyboard, &event, sizeof(event));
}

/* A batch, and the timer for the next. Without room `ready` goes on. */
static void keyboard_pump(struct keyboard *keyboard)
{
	bool room = true;

	for (unsigned int i = 0; i < KEYBOARD_BATCH && keyboard->sent < keyboard->queue->len; i++) {
		room = keyboard_put_stroke(keyboard);
		if (!room)
			break;
		keyboard->sent++;
	}
	vmbus_channel_flush(keyboard->channel);
	if (keyboard->sent == keyboard->queue->len)
		keyboard_clear_queue(keyboard);
	else if (room)
		io_timer_arm(keyboard->pace,
			     keyboard->config.monotonic_ns(keyboard->config.context) +
				     KEYBOARD_PAUSE_NS);
}

static void keyboard_paced(void *context)
{
	struct keyboard *keyboard = context;

	if (keyboard->state == KEYBOARD_READY)
		keyboard_pump(keyboard);
}

static void keyboard_answer(struct keyboard *keyboard)
{
	struct keyboard_wire response = {KEYBOARD_RESPONSE, keyboard->accepted ? 1 : 0};

	if (!keyboard_put(keyboard, &response, sizeof(response)))
		return; /* again with the next `ready` */
	if (keyboard->completion && !vmbus_channel_send(keyboard->channel, VMBUS_PACKET_COMPLETION,
							0, keyboard->transaction, NULL, 0))
		vmbus_channel_fault(keyboard->channel, "its ring has no room for two packets");
	vmbus_channel_flush(keyboard->channel);
	keyboard->state = keyboard->accepted ? KEYBOARD_READY : KEYBOARD_OPENED;
	if (keyboard->accepted && keyboard->config.available)
		keyboard->config.available(keyboard->config.context, true);
}

enum keyboard_result keyboard_press(struct keyboard *keyboard, const struct keystroke *strokes,
				    size_t n)
{
	bool idle = keyboard_backlog(keyboard) == 0;

	if (keyboard->state != KEYBOARD_READY)
		return KEYBOARD_ABSENT;
	if (n > KEYBOARD_QUEUE - keyboard_backlog(keyboard))
		return KEYBOARD_FULL;
	if (keyboard->sent > 0) {
		g_array_remove_range(keyboard->queue, 0, (guint)keyboard->sent);
		keyboard->sent = 0;
	}
	g_array_append_vals(keyboard->queue, strokes, (guint)n);
	if (idle && !keyboard->held)
		keyboard_pump(keyboard);
	return KEYBOARD_DONE;
}

size_t keyboard_backlog(const struct keyboard *keyboard)
{
	return keyboard->queue->len - keyboard->sent;
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void keyboard_set_gone(struct keyboard *keyboard)
{
	bool was_ready = keyboard->state == KEYBOARD_READY;

	keyboard_clear_queue(keyboard);
	io_timer_arm(keyboard->pace, 0);
	if (was_ready && keyboard->config.available)
		keyboard->config.available(keyboard->config.context, false);
}

static void keyboard_take_request(struct keyboard *keyboard, const struct vmbus_packet *packet,
				  uint32_t version)
{
	keyboard_set_gone(keyboard); /* a driver that begins anew */
	keyboard->accepted = version == KEYBOARD_VERSION;
	keyboard->completion = packet->flags & VMBUS_PACKET_WANTS_COMPLETION;
	keyboard->transaction = packet->transaction_id;
	keyboard->state = KEYBOARD_ANSWERING;
	keyboard_answer(keyboard);
}

static void keyboard_take(struct keyboard *keyboard, const struct vmbus_packet *packet)
{
	struct keyboard_wire message;

	if (packet->type != VMBUS_PACKET_DATA_INBAND) {
		vmbus_channel_fault(keyboard->channel, "a packet that is not in-band");
		return;
	}
	if (packet->size < sizeof(message)) {
		vmbus_channel_fault(keyboard->channel, "a message that is too short");
		return;
	}
	memcpy(&message, packet->payload, sizeof(message));
	if (message.type == KEYBOARD_REQUEST && keyboard->state != KEYBOARD_ANSWERING)
		keyboard_take_request(keyboard, packet, message.value);
	else if (message.type == KEYBOARD_LEDS && keyboard->config.leds)
		keyboard->config.leds(keyboard->config.context, message.value & 0x7u);
	else if (message.type != KEYBOARD_LEDS)
		vmbus_channel_fault(keyboard->channel, "a message that does not fit the state");
}

static void keyboard_serve(void *context)
{
	struct keyboard *keyboard = context;
	struct vmbus_packet packet;
	unsigned int n = 0;

	if (!keyboard->channel)
		return;
	if (keyboard->state == KEYBOARD_ANSWERING)
		keyboard_answer(keyboard);
	while (n < KEYBOARD_TURN && vmbus_channel_receive(keyboard->channel, &packet)) {
		keyboard_take(keyboard, &packet);
		n++;
	}
	if (n == KEYBOARD_TURN)
		io_timer_arm(keyboard->turn, 1);
}

/* ---- the device ------------------------------------------------------------------------------ */

static bool keyboard_opened(void *context, struct vmbus_channel *channel, uint16_t index,
			    const uint8_t user_data[120] G_GNUC_UNUSED)
{
	struct keyboard *keyboard = context;

	if (index != 0 || keyboard->channel)
		return false;
	keyboard->channel = channel;
	keyboard->state = KEYBOARD_OPENED;
	return true;
}

static void keyboard_closed(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct keyboard *keyboard = context;

	keyboard_set_gone(keyboard);
	io_timer_arm(keyboard->turn, 0);
	keyboard->state = KEYBOARD_CLOSED;
	keyboard->held = false;
	keyboard->channel = NULL;
}

static void keyboard_ready(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct keyboard *keyboard = context;

	keyboard->held = false;
	keyboard_serve(keyboard);
	if (keyboard->state == KEYBOARD_READY && keyboard_backlog(keyboard) > 0)
		io_timer_arm(keyboard->pace, 1);
}

/* ---- saved states ---------------------------------------------------------------------------- */

static void keyboard_hold(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct keyboard *keyboard = context;

	keyboard->held = true;
	io_timer_arm(keyboard->pace, 0);
	io_timer_arm(keyboard->turn, 0);
}

/* With what was not sent yet: a key would stay down whose release is lost. */
static void keyboard_save(void *context, struct vmbus_channel *channel G_GNUC_UNUSED,
			  struct state_writer *writer)
{
	const struct keyboard *keyboard = context;

	state_begin(writer, "keyboard", 1);
	state_put_u8(writer, (uint8_t)keyboard->state);
	state_put_bool(writer, keyboard->accepted);
	state_put_bool(writer, keyboard->completion);
	state_put_u64(writer, keyboard->transaction);
	state_put_u32(writer, (uint32_t)keyboard_backlog(keyboard));
	for (size_t i = keyboard->sent; i < keyboard->queue->len; i++) {
		const struct keystroke *stroke =
			&g_array_index(keyboard->queue, struct keystroke, i);

		state_put_u16(writer, stroke->code);
		state_put_u16(writer, (uint16_t)stroke->flags);
	}
	state_end(writer);
}

static void keyboard_restore(void *context, struct vmbus_channel *channel G_GNUC_UNUSED,
			     struct state_reader *reader)
{
	struct keyboard *keyboard = context;
	uint8_t state;
	uint32_t n;

	keyboard->held = true;
	if (state_enter(reader, "keyboard", 1) == 0)
		return;
	state = state_get_u8(reader);
	if (state < KEYBOARD_OPENED || state > KEYBOARD_READY)
		state_fail(reader, "a driver in a state that cannot be");
	keyboard->accepted = state_get_bool(reader);
	keyboard->completion = state_get_bool(reader);
	keyboard->transaction = state_get_u64(reader);
	n = state_get_count(reader, KEYBOARD_QUEUE);
	for (uint32_t i = 0; i < n && state_ok(reader); i++) {
		struct keystroke stroke = {.code = state_get_u16(reader),
					   .flags = state_get_u16(reader)};

		g_array_append_val(keyboard->queue, stroke);
	}
	state_leave(reader);
	if (!state_ok(reader))
		return;
	keyboard->state = state;
	if (state == KEYBOARD_READY && keyboard->config.available)
		keyboard->config.available(keyboard->config.context, true);
}

static const struct vmbus_device_ops keyboard_ops = {
	.opened = keyboard_opened,
	.closed = keyboard_closed,
	.ready = keyboard_ready,
	.hold = keyboard_hold,
	.save = keyboard_save,
	.restore = keyboard_restore,
};

static void keyboard_make_timers(void *context)
{
	struct keyboard *keyboard = context;

	keyboard->pace = io_timer_new(keyboard->config.thread, keyboard_paced, keyboard);
	keyboard->turn = io_timer_new(keyboard->config.thread, keyboard_serve, keyboard);
}

static void keyboard_free_timers(void *context)
{
	struct keyboard *keyboard = context;

	io_timer_free(keyboard->pace);
	io_timer_free(keyboard->turn);
}

struct keyboard *keyboard_new(const struct keyboard_config *config, GError **error)
{
	struct keyboard *keyboard = g_new0(struct keyboard, 1);
	const struct vmbus_device_config device = {
		/* f912ad6d-2b17-48ea-bd65-f927a61c7684 */
		.class_id = {{0x6d, 0xad, 0x12, 0xf9, 0x17, 0x2b, 0xea, 0x48, 0xbd, 0x65, 0xf9,
			      0x27, 0xa6, 0x1c, 0x76, 0x84}},
		/* d34b2567-b9b6-42b9-8778-0a4ec0b955bf */
		.instance_id = {{0x67, 0x25, 0x4b, 0xd3, 0xb6, 0xb9, 0xb9, 0x42, 0x87, 0x78, 0x0a,
				 0x4e, 0xc0, 0xb9, 0x55, 0xbf}},
		.name = "keyboard",
		.max_packet = KEYBOARD_PACKET_MAX,
		.thread = config->thread,
		.ops = &keyboard_ops,
		.context = keyboard,
	};

	keyboard->config = *config;
	keyboard->queue = g_array_new(FALSE, FALSE, sizeof(struct keystroke));
	io_thread_call(config->thread, keyboard_make_timers, keyboard);
	keyboard->device = vmbus_offer(config->bus, &device, error);
	if (!keyboard->device) {
		keyboard_free(keyboard);
		return NULL;
	}
	return keyboard;
}

void keyboard_free(struct keyboard *keyboard)
{
	if (!keyboard)
		return;
	if (keyboard->device)
		vmbus_rescind(keyboard->device);
	io_thread_call(keyboard->config.thread, keyboard_free_timers, keyboard);
	g_array_unref(keyboard->queue);
	g_free(keyboard);
}
