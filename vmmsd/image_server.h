/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server of an image that is not raw: one qemu-nbd per disk, kept by a vmms-nbd. That is no
 * child that vmmsd needs: under systemd a unit of its own for each connection to vmms-nbd.socket,
 * elsewhere a process in a session of its own. It ends when the last copy of life_fd is closed.
 */
#ifndef IMAGE_SERVER_H
#define IMAGE_SERVER_H

#include "image_chain.h"
#include "service.h"

struct image_server;

struct image_server_order {
	const struct definition_disk *disk; /* like the chain, borrowed for the call */
	const struct image_chain *chain;
	uint64_t size; /* bytes that the image is given first; 0: as it is */
	/*
	 * Where its socket gets a name (VMMS_DISK_SOCKET), for a client that connects by itself
	 * and as often as it likes; fd is shut down then. -1: nobody but fd is served.
	 */
	int directory;
};

/* The descriptors are the callee's; error too, and with one both are -1: FAILED, INVALID_IMAGE, the
 * end of a sentence that begins with the path. */
typedef void image_server_done(void *context, int fd, int life_fd, GError *error);

/* Whether qemu-nbd is installed. FAILED. */
gboolean image_server_check(enum disk_format format, GError **error);

/* done is called once, later, when the image is served or cannot be; the server is then gone from
 * here. NULL and FAILED. */
struct image_server *image_server_start(const struct service *service,
					const struct image_server_order *order,
					image_server_done *done, void *context, GError **error);
/* Ends it; done is not called. NULL is fine. */
void image_server_cancel(struct image_server *server);

#endif
