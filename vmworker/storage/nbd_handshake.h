/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first and the last words with an NBD server, which are waited for. */
#ifndef NBD_HANDSHAKE_H
#define NBD_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

struct nbd_export {
	uint64_t size;	/* bytes */
	uint32_t flags; /* NBD_EXPORT_* */
};

/* Learns of the one export of a server that is connected. NULL, or what is wrong: a word or two,
 * static. */
const char *nbd_shake_hands(int fd, struct nbd_export *ret);
/* While nothing is in flight: the server makes durable what it has. 0 or -errno. */
int nbd_flush(int fd);
void nbd_leave(int fd);

#endif
