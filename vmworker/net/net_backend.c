/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "net_backend_private.h"

G_DEFINE_QUARK(vmms_net_error, net_error)

void net_backend_init(struct net_backend *backend, const struct net_backend_ops *ops,
		      unsigned int n_queues)
{
	g_assert(ops->kind && ops->start && ops->stop && ops->can_send && ops->send &&
		 ops->resume && ops->free && n_queues > 0);
	*backend = (struct net_backend){.ops = ops, .n_queues = n_queues};
}

bool net_backend_attach(struct net_backend *backend, struct io_thread *thread,
			const struct net_backend_events *events, void *context, GError **error)
{
	g_assert(!backend->thread && events->received && events->received_all && events->writable &&
		 events->link_changed);
	backend->thread = thread;
	backend->events = events;
	backend->context = context;
	backend->paused = false;
	if (backend->ops->start(backend, error))
		return true;
	net_backend_detach(backend);
	return false;
}

void net_backend_detach(struct net_backend *backend)
{
	if (!backend->thread)
		return;
	backend->ops->stop(backend);
	backend->thread = NULL;
	backend->events = NULL;
	backend->context = NULL;
}

void net_backend_free(struct net_backend *backend)
{
	if (!backend)
		return;
	g_assert(!backend->thread);
	backend->ops->free(backend);
}

const char *net_backend_kind(const struct net_backend *backend)
{
	return backend->ops->kind;
}

uint32_t net_backend_offloads(const struct net_backend *backend)
{
	return backend->ops->offloads;
}

unsigned int net_backend_queues(const struct net_backend *backend)
{
	return backend->n_queues;
}

bool net_backend_can_send(const struct net_backend *backend)
{
	return backend->ops->can_send(backend);
}

bool net_backend_send(struct net_backend *backend, unsigned int queue,
		      const struct virtio_net_hdr *header, const struct iovec *frame,
		      unsigned int n)
{
	size_t size = net_iov_size(frame, n);

	if (n == 0 || n > NET_FRAME_PIECES || size < NET_FRAME_MIN || size > NET_FRAME_MAX ||
	    !backend->ops->send(backend, queue % backend->n_queues, header, frame, n, size)) {
		backend->counters.send_dropped++;
		return false;
	}
	backend->counters.sent++;
	backend->counters.sent_bytes += size;
	io_thread_worked(backend->thread, size);
	return true;
}

void net_backend_announce(struct net_backend *backend, const uint8_t mac[6])
{
	static const struct virtio_net_hdr plain;
	/* A request for the addresses of `mac`: Ethernet, IPv4, and a type (3) that asks for no
	 * answer of a host. */
	uint8_t frame[60] = {[12] = 0x80, 0x35, 0, 1, 0x08, 0x00, 6, 4, 0, 3};
	struct iovec iov = {frame, sizeof(frame)};

	if (!backend->ops->announced || !net_backend_can_send(backend))
		return;
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 22, mac, 6); /* of the sender */
	memcpy(frame + 32, mac, 6); /* whose address is asked for */
	net_backend_send(backend, 0, &plain, &iov, 1);
}

void net_backend_resume(struct net_backend *backend)
{
	if (!backend->thread || !backend->paused)
		return;
	backend->paused = false;
	backend->ops->resume(backend);
}

void net_backend_counters(const struct net_backend *backend, struct net_backend_counters *counters)
{
	*counters = backend->counters;
}

bool net_backend_deliver(struct net_backend *backend, const struct virtio_net_hdr *header,
			 uint8_t *frame, size_t size)
{
	if (size < NET_FRAME_MIN || size > NET_FRAME_MAX) {
		backend->counters.receive_malformed++;
		return true;
	}
	if (!backend->events->received(backend->context, header, frame, size)) {
		backend->paused = true;
		return false;
	}
	backend->counters.received++;
	backend->counters.received_bytes += size;
	io_thread_worked(backend->thread, size);
	return true;
}

size_t net_iov_size(const struct iovec *iov, unsigned int n)
{
	size_t size = 0;

	for (unsigned int i = 0; i < n; i++)
		size += iov[i].iov_len;
	return size;
}

size_t net_iov_gather(const struct iovec *iov, unsigned int n, size_t skip, uint8_t *to)
{
	size_t copied = 0;

	for (unsigned int i = 0; i < n; i++) {
		size_t length = iov[i].iov_len;

		if (skip >= length) {
			skip -= length;
			continue;
		}
		memcpy(to + copied, (const uint8_t *)iov[i].iov_base + skip, length - skip);
		copied += length - skip;
		skip = 0;
	}
	return copied;
}

bool net_fd_prepare(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}
