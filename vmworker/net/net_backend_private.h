/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the back ends share. */
#ifndef NET_BACKEND_PRIVATE_H
#define NET_BACKEND_PRIVATE_H

#include "net_backend.h"

/* Frames that are read before other descriptors of the thread have their turn. */
#define NET_RECEIVE_BATCH 64u

struct net_backend_ops {
	const char *kind;
	uint32_t offloads;
	bool announced; /* there may be switches of others behind it */
	bool (*start)(struct net_backend *backend, GError **error); /* adds the watches */
	void (*stop)(struct net_backend *backend);		    /* also half started */
	bool (*can_send)(const struct net_backend *backend);
	bool (*send)(struct net_backend *backend, unsigned int queue,
		     const struct virtio_net_hdr *header, const struct iovec *frame, unsigned int n,
		     size_t size);
	void (*resume)(struct net_backend *backend);
	void (*free)(struct net_backend *backend);
};

struct net_backend { /* the first member of each */
	const struct net_backend_ops *ops;
	unsigned int n_queues;
	struct io_thread *thread; /* NULL: not attached */
	const struct net_backend_events *events;
	void *context;
	bool paused; /* `received` said false */
	struct net_backend_counters counters;
};

void net_backend_init(struct net_backend *backend, const struct net_backend_ops *ops,
		      unsigned int n_queues);
/* Counts and checks the frame, and hands it up. False: keep it and stop reading. */
bool net_backend_deliver(struct net_backend *backend, const struct virtio_net_hdr *header,
			 uint8_t *frame, size_t size);

/* Sum of the pieces in bytes. */
size_t net_iov_size(const struct iovec *iov, unsigned int n);
/* Copies the pieces from byte `skip` on to `to`, which has room. Returns the bytes copied. */
size_t net_iov_gather(const struct iovec *iov, unsigned int n, size_t skip, uint8_t *to);
/* fd is made not to block. False with errno. */
bool net_fd_prepare(int fd);

#endif
