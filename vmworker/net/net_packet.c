/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors that keep frames apart: one read is one frame, one write is one frame, each with its
 * struct virtio_net_hdr. A TAP and a port of a switch differ only in the system call.
 */
#include "net_packet.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_backend_private.h"

struct net_packet_queue {
	struct net_packet *owner;
	int fd;
	struct io_watch *watch; /* NULL: not attached, or ended */
	size_t held;		/* bytes of the frame in `frame` that was refused; 0: none */
	size_t pending;		/* bytes in `unsent` that the descriptor did not take; 0: none */
	struct virtio_net_hdr header;
	uint8_t frame[NET_FRAME_MAX + 1]; /* one more, so that a longer one is seen */
	uint8_t unsent[sizeof(struct virtio_net_hdr) + NET_FRAME_MAX];
};

struct net_packet {
	struct net_backend base;
	bool socket; /* SOCK_SEQPACKET, else a TAP */
	struct net_packet_queue *queues[];
};

static void net_packet_set_events(struct net_packet_queue *queue)
{
	uint32_t events =
		(queue->owner->base.paused ? 0 : EPOLLIN) | (queue->pending ? EPOLLOUT : 0);

	if (queue->watch)
		io_watch_set_events(queue->watch, events);
}

/* The other side is gone for good: a removed interface, a closed switch. */
static void net_packet_end(struct net_packet_queue *queue)
{
	struct net_backend *base = &queue->owner->base;

	io_watch_free(queue->watch);
	queue->watch = NULL;
	queue->held = 0;
	queue->pending = 0;
	base->events->link_changed(base->context, false);
	base->events->writable(base->context);
}

static ssize_t net_packet_read(struct net_packet_queue *queue)
{
	struct iovec iov[2] = {{&queue->header, sizeof(queue->header)},
			       {queue->frame, sizeof(queue->frame)}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	if (queue->owner->socket)
		return recvmsg(queue->fd, &message, MSG_DONTWAIT);
	return readv(queue->fd, iov, 2);
}

static ssize_t net_packet_write(struct net_packet_queue *queue, struct iovec *iov, unsigned int n)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};

	if (queue->owner->socket)
		return sendmsg(queue->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return writev(queue->fd, iov, (int)n);
}

/* One frame. False: nothing more to read now. */
static bool net_packet_receive(struct net_packet_queue *queue)
{
	struct net_backend *base = &queue->owner->base;
	ssize_t n;

	if (queue->held == 0) {
		n = net_packet_read(queue);
		if (n < 0 && errno == EINTR)
			return true;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return false;
		if (n <= 0) {
			net_packet_end(queue);
			return false;
		}
		if ((size_t)n < sizeof(queue->header)) {
			base->counters.receive_malformed++;
			return true;
		}
		queue->held = (size_t)n - sizeof(queue->header);
	}
	if (queue->held != 0 &&
	    !net_backend_deliver(base, &queue->header, queue->frame, queue->held))
		return false;
	queue->held = 0;
	return true;
}

static void net_packet_flush(struct net_packet_queue *queue)
{
	struct net_backend *base = &queue->owner->base;
	struct iovec iov = {queue->unsent, queue->pending};

	if (net_packet_write(queue, &iov, 1) < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			return;
		base->counters.send_dropped++;
	}
	queue->pending = 0;
	net_packet_set_events(queue);
	base->events->writable(base->context);
}

static void net_packet_ready(void *context, uint32_t events)
{
	struct net_packet_queue *queue = context;
	struct net_backend *base = &queue->owner->base;

	if (queue->pending && events & EPOLLOUT)
		net_packet_flush(queue);
	if (!queue->watch)
		return;
	if (!base->paused && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		for (unsigned int i = 0; i < NET_RECEIVE_BATCH; i++)
			if (!net_packet_receive(queue))
				break;
		base->events->received_all(base->context);
		for (unsigned int i = 0; base->paused && i < base->n_queues; i++)
			net_packet_set_events(queue->owner->queues[i]);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		net_packet_end(queue);
	}
}

static bool net_packet_start(struct net_backend *base, GError **error)
{
	struct net_packet *packet = (struct net_packet *)base;

	for (unsigned int i = 0; i < base->n_queues; i++) {
		struct net_packet_queue *queue = packet->queues[i];

		queue->watch =
			io_thread_watch(base->thread, queue->fd, EPOLLIN, net_packet_ready, queue);
		if (!queue->watch) {
			g_set_error(error, NET_ERROR, NET_ERROR_FAILED,
				    "The network descriptor cannot be watched: %s; restart the VM",
				    g_strerror(errno));
			return false;
		}
	}
	return true;
}

static void net_packet_stop(struct net_backend *base)
{
	struct net_packet *packet = (struct net_packet *)base;

	for (unsigned int i = 0; i < base->n_queues; i++) {
		io_watch_free(packet->queues[i]->watch);
		packet->queues[i]->watch = NULL;
		packet->queues[i]->held = 0;
		packet->queues[i]->pending = 0;
	}
}

static bool net_packet_can_send(const struct net_backend *base)
{
	const struct net_packet *packet = (const struct net_packet *)base;

	for (unsigned int i = 0; i < base->n_queues; i++)
		if (packet->queues[i]->pending)
			return false;
	return true;
}

static bool net_packet_send(struct net_backend *base, unsigned int index,
			    const struct virtio_net_hdr *header, const struct iovec *frame,
			    unsigned int n, size_t size)
{
	struct net_packet *packet = (struct net_packet *)base;
	struct net_packet_queue *queue = packet->queues[index];
	struct virtio_net_hdr copy = *header;
	struct iovec iov[NET_FRAME_PIECES + 1] = {{&copy, sizeof(copy)}};

	if (!queue->watch || queue->pending)
		return false;
	memcpy(iov + 1, frame, n * sizeof(*frame));
	if (net_packet_write(queue, iov, n + 1) >= 0)
		return true;
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return false;
	queue->pending = sizeof(copy) + size;
	net_iov_gather(iov, n + 1, 0, queue->unsent);
	net_packet_set_events(queue);
	return true;
}

static void net_packet_resume(struct net_backend *base)
{
	struct net_packet *packet = (struct net_packet *)base;
	bool delivered = false;

	for (unsigned int i = 0; i < base->n_queues && !base->paused; i++) {
		if (packet->queues[i]->held) {
			net_packet_receive(packet->queues[i]);
			delivered = true;
		}
	}
	for (unsigned int i = 0; i < base->n_queues; i++)
		net_packet_set_events(packet->queues[i]);
	if (delivered)
		base->events->received_all(base->context);
}

static void net_packet_free(struct net_backend *base)
{
	struct net_packet *packet = (struct net_packet *)base;

	for (unsigned int i = 0; i < base->n_queues; i++) {
		close(packet->queues[i]->fd);
		g_free(packet->queues[i]);
	}
	g_free(packet);
}

static const struct net_backend_ops net_tap_ops = {
	.kind = "tap",
	.announced = true,
	.offloads = NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6,
	.start = net_packet_start,
	.stop = net_packet_stop,
	.can_send = net_packet_can_send,
	.send = net_packet_send,
	.resume = net_packet_resume,
	.free = net_packet_free,
};

static const struct net_backend_ops net_port_ops = {
	.kind = "private",
	.offloads = NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6,
	.start = net_packet_start,
	.stop = net_packet_stop,
	.can_send = net_packet_can_send,
	.send = net_packet_send,
	.resume = net_packet_resume,
	.free = net_packet_free,
};

struct net_backend *net_packet_new(bool socket, const int *fds, unsigned int n)
{
	struct net_packet *packet =
		g_malloc0(sizeof(*packet) + n * sizeof(struct net_packet_queue *));

	net_backend_init(&packet->base, socket ? &net_port_ops : &net_tap_ops, n);
	packet->socket = socket;
	for (unsigned int i = 0; i < n; i++) {
		packet->queues[i] = g_new0(struct net_packet_queue, 1);
		packet->queues[i]->owner = packet;
		packet->queues[i]->fd = fds[i];
	}
	return &packet->base;
}
