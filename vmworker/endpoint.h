/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker's listening socket, and who may talk to it. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <glib.h>
#include <sys/types.h>

/*
 * Returns a listening stream socket: the one that vmmsd or systemd passed (n_passed of them, from
 * descriptor 3 on; exactly one is taken), or DIR/control made here with mode 0600, in the place of
 * one that an earlier worker left. *ret_owner becomes the owner of DIR. -1 and WORKER_ERROR FAILED.
 */
int endpoint_listen(const char *runtime_dir, unsigned int n_passed, uid_t *ret_owner,
		    GError **error);

/*
 * Accepts one connection, close-on-exec and non-blocking. -1 when there is none, or the peer is
 * neither root, nor this process's user, nor owner (SO_PEERCRED); *ret_peer is then its uid, or
 * (uid_t)-1 when it is not known.
 */
int endpoint_accept(int listen_fd, uid_t owner, uid_t *ret_peer);

#endif
