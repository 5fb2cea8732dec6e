/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic.h"

#include <string.h>

#include "ic_wire.h"

/* Of the offer, so that a guest with pipes (Windows) takes the channel for one of messages. */
#define OFFER_ENUMERATE_INTERFACE 0x0001u
#define OFFER_NAMED_PIPE	  0x0010u
#define OFFER_PIPE_MESSAGES	  4u

/* Packets that one turn takes from the ring, so that a guest cannot keep the thread. */
#define IC_TURN 32u

enum ic_state {
	IC_CLOSED,
	IC_OPENED,	/* the versions are to be sent */
	IC_NEGOTIATING, /* they were */
	IC_READY,
	IC_REFUSED, /* the guest knows none of them; it may not be spoken to */
};

struct ic_pending {
	uint8_t id; /* 0: free */
	bool forgotten;
};

struct ic {
	struct ic_config config;
	const struct ic_clock *clock;
	uint64_t epoch;
	struct io_thread *thread;
	struct vmbus_device *device;
	struct io_timer *turn;	/* goes on with what cannot be done at once */
	struct io_timer *timer; /* the service's */

	enum ic_state state;
	bool held; /* for a saved state */
	struct vmbus_channel *channel;
	struct ic_wire_version framework, version;
	struct ic_pending pending[IC_PENDING_MAX];
	uint8_t last_id;
};

static const struct ic_wire_version ic_frameworks[] = {{1, 0}, {3, 0}};

/* ---- sending --------------------------------------------------------------------------------- */

static bool ic_put(struct ic *ic, uint16_t type, uint8_t id, const void *body, size_t size)
{
	struct ic_wire_pipe pipe = {
		.type = IC_PIPE_DATA,
		.size = (uint32_t)(sizeof(struct ic_wire_header) + size),
	};
	struct ic_wire_header header = {
		.framework = ic->framework,
		.type = type,
		.version = ic->version,
		.size = (uint16_t)size,
		.transaction_id = id,
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST,
	};
	const struct iovec payload[] = {
		{.iov_base = &pipe, .iov_len = sizeof(pipe)},
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)body, .iov_len = size},
	};

	if (!vmbus_channel_send(ic->channel, VMBUS_PACKET_DATA_INBAND, 0, id, payload,
				G_N_ELEMENTS(payload)))
		return false;
	vmbus_channel_flush(ic->channel);
	return true;
}

static void ic_send_versions(struct ic *ic)
{
	struct {
		struct ic_wire_negotiate head;
		struct ic_wire_version versions[G_N_ELEMENTS(ic_frameworks) + IC_VERSIONS_MAX];
	} body = {
		.head.n_framework = G_N_ELEMENTS(ic_frameworks),
		.head.n_service = (uint16_t)ic->config.n_versions,
	};
	size_t n = G_N_ELEMENTS(ic_frameworks);

	memcpy(body.versions, ic_frameworks, sizeof(ic_frameworks));
	for (unsigned int i = 0; i < ic->config.n_versions; i++) {
		body.versions[n].major = ic->config.versions[i].major;
		body.versions[n++].minor = ic->config.versions[i].minor;
	}
	/* Without room the turn comes again with the next `ready`. */
	if (ic_put(ic, IC_MESSAGE_NEGOTIATE, 0, &body,
		   sizeof(body.head) + n * sizeof(*body.versions)))
		ic->state = IC_NEGOTIATING;
}

static struct ic_pending *ic_find_pending(struct ic *ic, uint8_t id)
{
	for (unsigned int i = 0; i < IC_PENDING_MAX; i++) {
		if (ic->pending[i].id == id)
			return &ic->pending[i];
	}
	return NULL;
}

uint8_t ic_send(struct ic *ic, const void *body, size_t size)
{
	struct ic_pending *pending = ic_find_pending(ic, 0);
	uint8_t id = ic->last_id;

	if (!ic_is_ready(ic) || !pending || size > ic->config.max_body)
		return 0;
	do
		id = (uint8_t)(id + 1);
	while (id == 0 || ic_find_pending(ic, id));
	if (!ic_put(ic, ic->config.message_type, id, body, size))
		return 0;
	*pending = (struct ic_pending){.id = id};
	ic->last_id = id;
	return id;
}

void ic_forget(struct ic *ic, uint8_t id)
{
	struct ic_pending *pending = id != 0 ? ic_find_pending(ic, id) : NULL;

	if (pending)
		pending->forgotten = true;
}

void ic_fault(struct ic *ic, const char *what)
{
	if (ic->channel)
		vmbus_channel_fault(ic->channel, what);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static bool ic_knows_service_version(const struct ic *ic, struct ic_wire_version version)
{
	for (unsigned int i = 0; i < ic->config.n_versions; i++) {
		if (ic->config.versions[i].major == version.major &&
		    ic->config.versions[i].minor == version.minor)
			return true;
	}
	return false;
}

static bool ic_knows_framework(struct ic_wire_version version)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ic_frameworks); i++) {
		if (ic_frameworks[i].major == version.major &&
		    ic_frameworks[i].minor == version.minor)
			return true;
	}
	return false;
}

static void ic_take_versions(struct ic *ic, const uint8_t *body, size_t size)
{
	struct {
		struct ic_wire_negotiate head;
		struct ic_wire_version versions[2];
	} reply;

	if (size < sizeof(reply)) {
		ic_fault(ic, "the answer about versions is too short");
		return;
	}
	memcpy(&reply, body, sizeof(reply));
	if (reply.head.n_framework == 0 || reply.head.n_service == 0) {
		ic->state = IC_REFUSED;
		g_info("%s: the guest knows no version of it that we know", ic->config.name);
		return;
	}
	if (reply.head.n_framework != 1 || reply.head.n_service != 1 ||
	    !ic_knows_framework(reply.versions[0]) ||
	    !ic_knows_service_version(ic, reply.versions[1])) {
		ic_fault(ic, "the guest chose a version that was not offered");
		return;
	}
	ic->framework = reply.versions[0];
	ic->version = reply.versions[1];
	ic->state = IC_READY;
	ic->config.ops->ready(ic->config.context, ic_version(ic));
}

static void ic_take_answer(struct ic *ic, const struct ic_wire_header *header, const uint8_t *body)
{
	struct ic_pending *pending =
		header->transaction_id != 0 ? ic_find_pending(ic, header->transaction_id) : NULL;
	bool forgotten;

	if (!pending) {
		ic_fault(ic, "an answer to nothing that was asked");
		return;
	}
	forgotten = pending->forgotten;
	*pending = (struct ic_pending){0};
	if (!forgotten)
		ic->config.ops->answered(ic->config.context, header->transaction_id, header->status,
					 body, MIN(header->size, ic->config.max_body));
}

/* NULL: it is an answer, and *header its copy; otherwise what is wrong with it. */
static const char *ic_check(const struct vmbus_packet *packet, struct ic_wire_header *header)
{
	struct ic_wire_pipe pipe;

	if (packet->type != VMBUS_PACKET_DATA_INBAND)
		return "a packet that is not in-band";
	if (packet->size < IC_WIRE_HEADERS)
		return "a packet that is shorter than its headers";
	memcpy(&pipe, packet->payload, sizeof(pipe));
	memcpy(header, packet->payload + sizeof(pipe), sizeof(*header));
	if (pipe.size < sizeof(*header) || pipe.size > packet->size - sizeof(pipe))
		return "a pipe header with a wrong size";
	if (header->size > pipe.size - sizeof(*header))
		return "a message header with a wrong size";
	if (!(header->flags & IC_FLAG_RESPONSE))
		return "a message that is not an answer";
	return NULL;
}

static void ic_take(struct ic *ic, const struct vmbus_packet *packet)
{
	struct ic_wire_header header;
	const char *fault = ic_check(packet, &header);
	const uint8_t *body = packet->payload + IC_WIRE_HEADERS;

	if (fault)
		ic_fault(ic, fault);
	else if (ic->state == IC_NEGOTIATING && header.type == IC_MESSAGE_NEGOTIATE)
		ic_take_versions(ic, body, header.size);
	else if (ic->state == IC_READY && header.type == ic->config.message_type)
		ic_take_answer(ic, &header, body);
	else
		ic_fault(ic, "a message that does not fit the state");
}

/* ---- the device ------------------------------------------------------------------------------ */

static void ic_serve(struct ic *ic)
{
	struct vmbus_packet packet;
	unsigned int n = 0;

	if (ic->state == IC_OPENED)
		ic_send_versions(ic);
	while (n < IC_TURN && vmbus_channel_receive(ic->channel, &packet)) {
		ic_take(ic, &packet);
		n++;
	}
	if (n == IC_TURN)
		io_timer_arm(ic->turn, 1);
}

static void ic_turn(void *context)
{
	struct ic *ic = context;

	if (ic->channel)
		ic_serve(ic);
}

static bool ic_opened(void *context, struct vmbus_channel *channel, uint16_t index,
		      const uint8_t user_data[120] G_GNUC_UNUSED)
{
	struct ic *ic = context;

	if (index != 0 || ic->channel)
		return false;
	ic->channel = channel;
	ic->state = IC_OPENED;
	ic->framework = ic->version = (struct ic_wire_version){0};
	memset(ic->pending, 0, sizeof(ic->pending));
	/* The guest hears of the versions after the result of its opening, not before. */
	io_timer_arm(ic->turn, 1);
	return true;
}

static void ic_closed(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct ic *ic = context;
	bool was_ready = ic->state == IC_READY;

	ic->channel = NULL;
	ic->state = IC_CLOSED;
	ic->held = false;
	io_timer_arm(ic->turn, 0);
	io_timer_arm(ic->timer, 0);
	memset(ic->pending, 0, sizeof(ic->pending));
	if (was_ready)
		ic->config.ops->gone(ic->config.context);
}

static void ic_ready(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct ic *ic = context;

	if (!ic->channel)
		return;
	if (ic->held) {
		ic->held = false;
		if (ic->state == IC_READY)
			ic->config.ops->ready(ic->config.context, ic_version(ic));
	}
	ic_serve(ic);
}

/* ---- saved states ---------------------------------------------------------------------------- */

static void ic_hold(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct ic *ic = context;

	if (ic_is_ready(ic) && ic->config.ops->hold)
		ic->config.ops->hold(ic->config.context);
	ic->held = true;
	io_timer_arm(ic->turn, 0);
	io_timer_arm(ic->timer, 0);
}

static void ic_put_version(struct state_writer *writer, struct ic_wire_version version)
{
	state_put_u16(writer, version.major);
	state_put_u16(writer, version.minor);
}

static void ic_save(void *context, struct vmbus_channel *channel G_GNUC_UNUSED,
		    struct state_writer *writer)
{
	const struct ic *ic = context;

	state_begin(writer, "ic", 1);
	state_put_u8(writer, (uint8_t)ic->state);
	ic_put_version(writer, ic->framework);
	ic_put_version(writer, ic->version);
	state_put_u8(writer, ic->last_id);
	for (unsigned int i = 0; i < IC_PENDING_MAX; i++) {
		state_put_u8(writer, ic->pending[i].id);
		state_put_bool(writer, ic->pending[i].forgotten);
	}
	if (ic->state == IC_READY && ic->config.ops->save)
		ic->config.ops->save(ic->config.context, writer);
	state_end(writer);
}

static struct ic_wire_version ic_get_version(struct state_reader *reader)
{
	uint16_t major = state_get_u16(reader);

	return (struct ic_wire_version){major, state_get_u16(reader)};
}

static void ic_restore(void *context, struct vmbus_channel *channel G_GNUC_UNUSED,
		       struct state_reader *reader)
{
	struct ic *ic = context;
	uint8_t state;

	ic->held = true;
	io_timer_arm(ic->turn, 0);
	if (state_enter(reader, "ic", 1) == 0)
		return;
	state = state_get_u8(reader);
	ic->framework = ic_get_version(reader);
	ic->version = ic_get_version(reader);
	ic->last_id = state_get_u8(reader);
	for (unsigned int i = 0; i < IC_PENDING_MAX; i++) {
		ic->pending[i].id = state_get_u8(reader);
		ic->pending[i].forgotten = state_get_bool(reader);
	}
	if (state < IC_OPENED || state > IC_REFUSED ||
	    (state == IC_READY &&
	     (!ic_knows_framework(ic->framework) || !ic_knows_service_version(ic, ic->version))))
		state_fail(reader, "an agreement with the guest that cannot be");
	if (!state_ok(reader))
		return;
	ic->state = state;
	if (state == IC_READY && ic->config.ops->restore)
		ic->config.ops->restore(ic->config.context, reader);
	state_leave(reader);
}

static const struct vmbus_device_ops ic_device_ops = {
	.opened = ic_opened,
	.closed = ic_closed,
	.ready = ic_ready,
	.hold = ic_hold,
	.save = ic_save,
	.restore = ic_restore,
};

static void ic_expired(void *context)
{
	struct ic *ic = context;

	ic->config.ops->expired(ic->config.context);
}

static void ic_make_timers(void *context)
{
	struct ic *ic = context;

	ic->turn = io_timer_new(ic->thread, ic_turn, ic);
	ic->timer = io_timer_new(ic->thread, ic_expired, ic);
}

static void ic_free_timers(void *context)
{
	struct ic *ic = context;

	io_timer_free(ic->turn);
	io_timer_free(ic->timer);
}

struct ic *ic_new(const struct ic_env *env, const struct ic_config *config, GError **error)
{
	struct ic *ic = g_new0(struct ic, 1);
	struct vmbus_device_config device = {
		.class_id = config->class_id,
		.instance_id = config->instance_id,
		.name = config->name,
		.offer_flags = OFFER_ENUMERATE_INTERFACE | OFFER_NAMED_PIPE,
		.user_defined = {OFFER_PIPE_MESSAGES},
		/* A guest sends a request back; the versions are its largest message otherwise. */
		.max_packet = (uint32_t)(IC_WIRE_HEADERS + MAX(config->max_body, 128) + 8),
		.thread = env->thread,
		.ops = &ic_device_ops,
		.context = ic,
	};

	g_assert(config->n_versions > 0 && config->n_versions <= IC_VERSIONS_MAX);
	g_assert(config->max_body <= UINT16_MAX);
	ic->config = *config;
	ic->config.name = g_strdup(config->name);
	ic->clock = env->clock;
	ic->epoch = env->epoch;
	ic->thread = env->thread;
	io_thread_call(ic->thread, ic_make_timers, ic);
	ic->device = vmbus_offer(env->bus, &device, error);
	if (!ic->device) {
		ic_free(ic);
		return NULL;
	}
	return ic;
}

void ic_free(struct ic *ic)
{
	if (!ic)
		return;
	if (ic->device)
		vmbus_rescind(ic->device);
	io_thread_call(ic->thread, ic_free_timers, ic);
	g_free((char *)ic->config.name);
	g_free(ic);
}

/* ---- small things ---------------------------------------------------------------------------- */

bool ic_is_ready(const struct ic *ic)
{
	return ic->state == IC_READY && !ic->held;
}

struct ic_version ic_version(const struct ic *ic)
{
	return (struct ic_version){ic->version.major, ic->version.minor};
}

bool ic_is_at_least(const struct ic *ic, uint16_t major, uint16_t minor)
{
	return ic->version.major > major ||
	       (ic->version.major == major && ic->version.minor >= minor);
}

uint64_t ic_now(const struct ic *ic)
{
	return ic->clock->monotonic_ns(ic->clock->context);
}

void ic_arm(struct ic *ic, uint64_t monotonic_ns)
{
	if (!ic->held)
		io_timer_arm(ic->timer, monotonic_ns);
}

void ic_arm_beat(struct ic *ic, uint64_t period_ns)
{
	uint64_t beats = (ic_now(ic) - ic->epoch) / period_ns;

	ic_arm(ic, ic->epoch + (beats + 1) * period_ns);
}
