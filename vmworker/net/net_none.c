/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net_backend_private.h"
#include "net_backends.h"

static bool net_none_start(struct net_backend *base, GError **error)
{
	(void)error;
	base->events->link_changed(base->context, false);
	return true;
}

static void net_none_nothing(struct net_backend *base)
{
	(void)base;
}

static bool net_none_can_send(const struct net_backend *base)
{
	(void)base;
	return true;
}

static bool net_none_send(struct net_backend *base, unsigned int queue,
			  const struct virtio_net_hdr *header, const struct iovec *frame,
			  unsigned int n, size_t size)
{
	(void)base;
	(void)queue;
	(void)header;
	(void)frame;
	(void)n;
	(void)size;
	return false;
}

static void net_none_free(struct net_backend *base)
{
	g_free(base);
}

static const struct net_backend_ops net_none_ops = {
	.kind = "none",
	.offloads = NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6,
	.start = net_none_start,
	.stop = net_none_nothing,
	.can_send = net_none_can_send,
	.send = net_none_send,
	.resume = net_none_nothing,
	.free = net_none_free,
};

struct net_backend *net_none_new(void)
{
	struct net_backend *base = g_new0(struct net_backend, 1);

	net_backend_init(base, &net_none_ops, 1);
	return base;
}
