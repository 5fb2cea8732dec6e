/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unix sockets named relative to a directory descriptor, so that the 108 bytes of sun_path bound
 * only the file name and not the depth of the state directory. unix(7).
 */
#ifndef SOCKET_AT_H
#define SOCKET_AT_H

/*
 * A listening, close-on-exec, non-blocking socket DIR/name, mode 0600, or -errno. A stale socket of
 * that name is replaced in one rename: a client finds a socket that listens, or none.
 */
int socket_listen_at(int directory_fd, const char *name, int backlog);

/* A connected, close-on-exec, non-blocking socket, or -errno. Does not wait: a full backlog is
 * -EAGAIN. */
int socket_connect_at(int directory_fd, const char *name);

/* The same of SOCK_SEQPACKET. */
int socket_listen_packets_at(int directory_fd, const char *name, int backlog);
int socket_connect_packets_at(int directory_fd, const char *name);

#endif
