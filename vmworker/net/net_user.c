/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames over a stream: 32 bits of length, big-endian, then the frame. What was read and not handed
 * up yet stays in `input`, which has room for more than a window of the guest's: passt drops what
 * its socket does not take at once, and then sends all of a window again. What the socket did not
 * take stays in `output`, and while there is any, can_send is false, so that a frame is either sent
 * as a whole or not begun.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_backend_private.h"
#include "net_backends.h"

#define PREFIX	   4u
#define READS	   2u		     /* before other descriptors have their turn */
#define INPUT_SIZE ((size_t)4 << 20) /* its pages are there once they are used */
#define INPUT_READ ((size_t)2 * (PREFIX + NET_FRAME_MAX)) /* wanted for a read */
/* Beyond a frame that was begun, the segments that it was cut into: each has headers of its own. */
#define OUTPUT_SIZE ((size_t)4 * (PREFIX + NET_FRAME_MAX))

struct net_user {
	struct net_backend base;
	int fd;
	struct io_watch *watch; /* NULL: not attached, or ended */
	size_t input_begin, input_end, output_begin, output_end;
	uint8_t input[INPUT_SIZE], output[OUTPUT_SIZE];
};

/* What was handed up makes room from its half on, so that each byte is moved once at most. */
static bool net_user_has_room(const struct net_user *user)
{
	return INPUT_SIZE - user->input_end >= INPUT_READ || user->input_begin >= INPUT_SIZE / 2 ||
	       user->input_begin == user->input_end;
}

static void net_user_set_events(struct net_user *user)
{
	uint32_t events = (net_user_has_room(user) ? EPOLLIN : 0) |
			  (user->output_end > user->output_begin ? EPOLLOUT : 0);

	if (user->watch)
		io_watch_set_events(user->watch, events);
}

/* passt is gone, or what it sends is no longer frames: no way to find the next one. */
static void net_user_end(struct net_user *user)
{
	struct net_backend *base = &user->base;

	io_watch_free(user->watch);
	user->watch = NULL;
	user->input_begin = user->input_end = 0;
	user->output_begin = user->output_end = 0;
	base->events->link_changed(base->context, false);
	base->events->writable(base->context);
}

/* Hands up the whole frames there are; stops when one is refused. */
static void net_user_parse(struct net_user *user)
{
	static const struct virtio_net_hdr plain;

	while (user->watch && user->input_end - user->input_begin >= PREFIX) {
		uint8_t *at = user->input + user->input_begin;
		uint32_t size = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
				(uint32_t)at[2] << 8 | at[3];

		if (size > NET_FRAME_MAX) {
			user->base.counters.receive_malformed++;
			net_user_end(user);
			return;
		}
		if (user->input_end - user->input_begin - PREFIX < size ||
		    !net_backend_deliver(&user->base, &plain, at + PREFIX, size))
			return;
		user->input_begin += PREFIX + size;
	}
}

static void net_user_make_room(struct net_user *user)
{
	size_t left = user->input_end - user->input_begin;

	if (left > 0 && INPUT_SIZE - user->input_end >= INPUT_READ)
		return;
	memmove(user->input, user->input + user->input_begin, left);
	user->input_begin = 0;
	user->input_end = left;
}

/* False: nothing more to read now. */
static bool net_user_read(struct net_user *user)
{
	ssize_t n;

	if (!net_user_has_room(user))
		return false;
	net_user_make_room(user);
	n = recv(user->fd, user->input + user->input_end, INPUT_SIZE - user->input_end,
		 MSG_DONTWAIT);
	if (n > 0) {
		user->input_end += (size_t)n;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		net_user_end(user);
	return false;
}

/* No frame that is whole stays behind in `input` unless it was refused: nothing else would bring it
 * up later. */
static void net_user_receive(struct net_user *user)
{
	for (unsigned int i = 0; i <= READS && user->watch; i++) {
		if (i > 0 && !net_user_read(user))
			break;
		if (!user->base.paused)
			net_user_parse(user);
	}
	user->base.events->received_all(user->base.context);
}

static void net_user_flush(struct net_user *user)
{
	struct net_backend *base = &user->base;
	ssize_t n = send(user->fd, user->output + user->output_begin,
			 user->output_end - user->output_begin, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			net_user_end(user);
		return;
	}
	user->output_begin += (size_t)n;
	if (user->output_begin < user->output_end)
		return;
	user->output_begin = user->output_end = 0;
	net_user_set_events(user);
	base->events->writable(base->context);
}

static void net_user_ready(void *context, uint32_t events)
{
	struct net_user *user = context;

	if (events & EPOLLOUT && user->output_end > user->output_begin)
		net_user_flush(user);
	if (!user->watch)
		return;
	if (events & EPOLLIN)
		net_user_receive(user);
	else if (events & (EPOLLHUP | EPOLLERR))
		net_user_end(user);
	net_user_set_events(user);
}

static bool net_user_start(struct net_backend *base, GError **error)
{
	struct net_user *user = (struct net_user *)base;

	user->watch = io_thread_watch(base->thread, user->fd, EPOLLIN, net_user_ready, user);
	if (user->watch)
		return true;
	g_set_error(error, NET_ERROR, NET_ERROR_FAILED,
		    "The socket of passt cannot be watched: %s; restart the VM", g_strerror(errno));
	return false;
}

static void net_user_stop(struct net_backend *base)
{
	struct net_user *user = (struct net_user *)base;

	io_watch_free(user->watch);
	user->watch = NULL;
}

static bool net_user_can_send(const struct net_backend *base)
{
	const struct net_user *user = (const struct net_user *)base;

	return user->output_end == user->output_begin;
}

/* Appends what is left of a frame from byte `skip` on. */
static void net_user_keep(struct net_user *user, const struct iovec *iov, unsigned int n,
			  size_t skip)
{
	user->output_end += net_iov_gather(iov, n, skip, user->output + user->output_end);
	net_user_set_events(user);
}

static bool net_user_send(struct net_backend *base, unsigned int queue,
			  const struct virtio_net_hdr *header, const struct iovec *frame,
			  unsigned int n, size_t size)
{
	struct net_user *user = (struct net_user *)base;
	uint8_t prefix[PREFIX] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16),
				  (uint8_t)(size >> 8), (uint8_t)size};
	struct iovec iov[NET_FRAME_PIECES + 1] = {{prefix, PREFIX}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = n + 1};
	ssize_t sent;

	(void)queue;
	/* Without offloads, nothing may be left to do. */
	if (!user->watch || header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ||
	    header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return false;
	memcpy(iov + 1, frame, n * sizeof(*frame));
	if (user->output_end > user->output_begin) { /* a further segment */
		if (OUTPUT_SIZE - user->output_end < PREFIX + size)
			return false;
		net_user_keep(user, iov, n + 1, 0);
		return true;
	}
	sent = sendmsg(user->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return false;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent < PREFIX + size)
		net_user_keep(user, iov, n + 1, (size_t)sent);
	return true;
}

static void net_user_resume(struct net_backend *base)
{
	struct net_user *user = (struct net_user *)base;

	if (user->watch)
		net_user_receive(user);
	net_user_set_events(user);
}

static void net_user_free(struct net_backend *base)
{
	struct net_user *user = (struct net_user *)base;

	close(user->fd);
	g_free(user);
}

static const struct net_backend_ops net_user_ops = {
	.kind = "user",
	.offloads = 0,
	.start = net_user_start,
	.stop = net_user_stop,
	.can_send = net_user_can_send,
	.send = net_user_send,
	.resume = net_user_resume,
	.free = net_user_free,
};

struct net_backend *net_user_new(const char *adapter, int fd, GError **error)
{
	struct net_user *user;
	int type = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
	    !net_fd_prepare(fd)) {
		g_set_error(error, NET_ERROR, NET_ERROR_DESCRIPTOR,
			    "The user-mode network of adapter '%s' cannot be used, it is no stream "
			    "socket: see that passt runs and restart the VM",
			    adapter);
		return NULL;
	}
	user = g_new0(struct net_user, 1);
	net_backend_init(&user->base, &net_user_ops, 1);
	user->fd = fd;
	return &user->base;
}
