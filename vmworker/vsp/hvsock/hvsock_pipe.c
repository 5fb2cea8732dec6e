/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hvsock_pipe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Of the offer: Linux asks for the last only. */
#define OFFER_ENUMERATE_INTERFACE 0x0001u
#define OFFER_NAMED_PIPE	  0x0010u
#define OFFER_TL_PROVIDER	  0x2000u
#define OFFER_TO_GUEST_BYTE	  4u /* of user_defined: behind the pipe's mode */

#define PIPE_DATA     1u
#define PIPE_SEND_MAX 4096u /* to the guest; a sixth of the ring that Linux makes */
#define PIPE_TURN     16u   /* packets either way before others have their turn */

struct pipe_wire {
	uint32_t type; /* PIPE_DATA */
	uint32_t size; /* what follows, without padding; 0: the sender sends no more */
};
static_assert(sizeof(struct pipe_wire) == 8, "wire");

struct pipe_buffer {
	uint8_t *data;
	size_t first, size;
};

struct hvsock_pipe {
	struct hvsock_pipe_config config;
	struct vmbus_device *device;
	struct vmbus_channel *channel;
	int fd;
	struct io_watch *watch; /* NULL: not open yet, or the socket hung up */
	struct io_timer *turn;	/* goes on with what had its share, or ends what lingers */
	struct io_timer *linger;

	struct pipe_buffer to_socket, to_guest;
	bool guest_ended;  /* it sends no more */
	bool socket_ended; /* the same of the program */
	bool end_passed;   /* the guest knows of it */
	bool shut;	   /* the program knows of the guest's end */
	bool deaf;	   /* nobody reads the socket: what the guest sends is dropped */
	bool finished;
};

static void pipe_serve(struct hvsock_pipe *pipe);

static uint64_t pipe_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pipe_finish(struct hvsock_pipe *pipe)
{
	if (pipe->finished)
		return;
	pipe->finished = true;
	g_clear_pointer(&pipe->watch, io_watch_free);
	io_timer_arm(pipe->turn, 0);
	io_timer_arm(pipe->linger, 0);
	pipe->config.finished(pipe->config.context);
}

/* ---- to the socket --------------------------------------------------------------------------- */

static void pipe_hang_up(struct hvsock_pipe *pipe)
{
	pipe->deaf = true;
	pipe->to_socket.size = 0;
}

/* True: all is written. */
static bool pipe_write(struct hvsock_pipe *pipe)
{
	struct pipe_buffer *buffer = &pipe->to_socket;

	while (buffer->size > 0) {
		ssize_t n = send(pipe->fd, buffer->data + buffer->first, buffer->size,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
			return false;
		if (n < 0) {
			pipe_hang_up(pipe);
			return true;
		}
		buffer->first += (size_t)n;
		buffer->size -= (size_t)n;
	}
	return true;
}

static void pipe_take(struct hvsock_pipe *pipe, const struct vmbus_packet *packet)
{
	struct pipe_wire wire;

	if (packet->type != VMBUS_PACKET_DATA_INBAND || packet->size < sizeof(wire)) {
		vmbus_channel_fault(pipe->channel, "a packet that is none of a stream");
		return;
	}
	memcpy(&wire, packet->payload, sizeof(wire));
	if (wire.type != PIPE_DATA || wire.size > packet->size - sizeof(wire) ||
	    wire.size > HVSOCK_PAYLOAD_MAX) {
		vmbus_channel_fault(pipe->channel, "a packet of a stream with a wrong header");
	} else if (pipe->guest_ended) {
		vmbus_channel_fault(pipe->channel, "a packet of a stream after its end");
	} else if (wire.size == 0) {
		pipe->guest_ended = true;
	} else if (!pipe->deaf) {
		memcpy(pipe->to_socket.data, packet->payload + sizeof(wire), wire.size);
		pipe->to_socket.first = 0;
		pipe->to_socket.size = wire.size;
	}
}

/* From the ring to the socket, until one has no more; true: there may be more of both. */
static bool pipe_move_to_socket(struct hvsock_pipe *pipe)
{
	struct vmbus_packet packet;

	for (unsigned int i = 0; i < PIPE_TURN; i++) {
		if (!pipe_write(pipe))
			return false;
		if (pipe->guest_ended && !pipe->shut) {
			pipe->shut = true;
			(void)shutdown(pipe->fd, SHUT_WR);
		}
		if (!vmbus_channel_receive(pipe->channel, &packet))
			return false;
		pipe_take(pipe, &packet);
	}
	return true;
}

/* ---- to the guest ---------------------------------------------------------------------------- */

static bool pipe_put(struct hvsock_pipe *pipe, const void *data, size_t size)
{
	struct pipe_wire wire = {PIPE_DATA, (uint32_t)size};
	const struct iovec payload[] = {
		{.iov_base = &wire, .iov_len = sizeof(wire)},
		{.iov_base = (void *)data, .iov_len = size},
	};

	return vmbus_channel_send(pipe->channel, VMBUS_PACKET_DATA_INBAND, 0, 0, payload, 2);
}

/* True: there is something to send, or the end was reached. */
static bool pipe_read(struct hvsock_pipe *pipe)
{
	struct pipe_buffer *buffer = &pipe->to_guest;
	ssize_t n;

	if (buffer->size > 0 || pipe->socket_ended)
		return true;
	do
		n = recv(pipe->fd, buffer->data, PIPE_SEND_MAX, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		pipe->socket_ended = true;
		if (n < 0)
			pipe_hang_up(pipe);
		return true;
	}
	buffer->size = (size_t)n;
	return true;
}

static bool pipe_move_to_guest(struct hvsock_pipe *pipe)
{
	for (unsigned int i = 0; i < PIPE_TURN; i++) {
		if (pipe->end_passed || !pipe_read(pipe))
			return false;
		if (!pipe_put(pipe, pipe->to_guest.data, pipe->to_guest.size))
			return false; /* `ready` comes when there is room */
		pipe->end_passed = pipe->to_guest.size == 0;
		pipe->to_guest.size = 0;
	}
	return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

static void pipe_update_watch(struct hvsock_pipe *pipe)
{
	uint32_t events = 0;

	if (!pipe->watch)
		return;
	if (pipe->to_guest.size == 0 && !pipe->socket_ended)
		events |= EPOLLIN;
	if (pipe->to_socket.size > 0)
		events |= EPOLLOUT;
	io_watch_set_events(pipe->watch, events);
}

static void pipe_serve(struct hvsock_pipe *pipe)
{
	bool more;

	if (!pipe->channel || pipe->finished)
		return;
	more = pipe_move_to_socket(pipe);
	more |= pipe_move_to_guest(pipe);
	vmbus_channel_flush(pipe->channel);
	if (pipe->end_passed && pipe->guest_ended && pipe->to_socket.size == 0) {
		pipe_finish(pipe);
		return;
	}
	pipe_update_watch(pipe);
	if (more)
		io_timer_arm(pipe->turn, 1);
}

static void pipe_turn(void *context)
{
	pipe_serve(context);
}

static void pipe_lingered(void *context)
{
	pipe_finish(context);
}

static void pipe_socket_ready(void *context, uint32_t events)
{
	struct hvsock_pipe *pipe = context;

	if (events & (EPOLLHUP | EPOLLERR)) {
		/* It would be reported for ever. What the program wrote before can still be read,
		 * and goes to the guest when its ring has room. */
		g_clear_pointer(&pipe->watch, io_watch_free);
		pipe_hang_up(pipe);
		io_timer_arm(pipe->linger, pipe_now() + HVSOCK_LINGER_NS);
	}
	pipe_serve(pipe);
}

/* ---- the device ------------------------------------------------------------------------------ */

static void pipe_greet(struct hvsock_pipe *pipe)
{
	size_t size = strlen(pipe->config.greeting);

	memcpy(pipe->to_socket.data, pipe->config.greeting, size);
	pipe->to_socket.first = 0;
	pipe->to_socket.size = size;
}

static bool pipe_opened(void *context, struct vmbus_channel *channel, uint16_t index,
			const uint8_t user_data[120] G_GNUC_UNUSED)
{
	struct hvsock_pipe *pipe = context;

	/* Once: what the first stream carried is lost to a second one. */
	if (index != 0 || pipe->channel || pipe->finished)
		return false;
	pipe->watch =
		io_thread_watch(pipe->config.thread, pipe->fd, EPOLLIN, pipe_socket_ready, pipe);
	if (!pipe->watch)
		return false;
	pipe->channel = channel;
	pipe_greet(pipe);
	pipe->config.opened(pipe->config.context);
	io_timer_arm(pipe->turn, 1);
	return true;
}

static void pipe_closed(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct hvsock_pipe *pipe = context;

	(void)pipe_write(pipe); /* the last that the guest sent, if there is room */
	pipe->channel = NULL;
	pipe_finish(pipe);
}

static void pipe_ready(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	pipe_serve(context);
}

static const struct vmbus_device_ops pipe_ops = {
	.opened = pipe_opened,
	.closed = pipe_closed,
	.ready = pipe_ready,
};

static void pipe_make_timers(void *context)
{
	struct hvsock_pipe *pipe = context;

	pipe->turn = io_timer_new(pipe->config.thread, pipe_turn, pipe);
	pipe->linger = io_timer_new(pipe->config.thread, pipe_lingered, pipe);
}

static void pipe_unmake(void *context)
{
	struct hvsock_pipe *pipe = context;

	io_watch_free(pipe->watch);
	io_timer_free(pipe->turn);
	io_timer_free(pipe->linger);
}

static bool pipe_offer(struct hvsock_pipe *pipe, GError **error)
{
	struct vmbus_device_config device = {
		.class_id = pipe->config.service,
		.instance_id = pipe->config.endpoint,
		.name = "hvsock",
		.offer_flags = OFFER_ENUMERATE_INTERFACE | OFFER_NAMED_PIPE | OFFER_TL_PROVIDER,
		.max_packet = sizeof(struct pipe_wire) + HVSOCK_PAYLOAD_MAX + 8,
		.thread = pipe->config.thread,
		.ops = &pipe_ops,
		.context = pipe,
	};

	device.user_defined[OFFER_TO_GUEST_BYTE] = pipe->config.to_guest;
	pipe->device = vmbus_offer(pipe->config.bus, &device, error);
	return pipe->device != NULL;
}

struct hvsock_pipe *hvsock_pipe_new(const struct hvsock_pipe_config *config, int fd, GError **error)
{
	struct hvsock_pipe *pipe = g_new0(struct hvsock_pipe, 1);

	pipe->config = *config;
	pipe->config.greeting = g_strdup(config->greeting);
	g_assert(strlen(config->greeting) <= HVSOCK_PAYLOAD_MAX);
	pipe->fd = fd;
	pipe->to_socket.data = g_malloc(HVSOCK_PAYLOAD_MAX);
	pipe->to_guest.data = g_malloc(PIPE_SEND_MAX);
	io_thread_call(config->thread, pipe_make_timers, pipe);
	if (!pipe_offer(pipe, error)) {
		hvsock_pipe_free(pipe);
		return NULL;
	}
	return pipe;
}

void hvsock_pipe_free(struct hvsock_pipe *pipe)
{
	if (!pipe)
		return;
	if (pipe->device)
		vmbus_rescind(pipe->device);
	io_thread_call(pipe->config.thread, pipe_unmake, pipe);
	close(pipe->fd);
	g_free(pipe->to_socket.data);
	g_free(pipe->to_guest.data);
	g_free((char *)pipe->config.greeting);
	g_free(pipe);
}
