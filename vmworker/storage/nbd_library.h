/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libnbd, loaded when a disk needs it: with what it needs itself it would double the libraries of
 * every worker, and most have raw disks only.
 */
#ifndef NBD_LIBRARY_H
#define NBD_LIBRARY_H

#include <glib.h>
#include <libnbd.h>
#include <stdbool.h>

#define NBD_CALLS(X)              \
	X(create)                 \
	X(close)                  \
	X(get_error)              \
	X(get_errno)              \
	X(set_pread_initialize)   \
	X(set_request_block_size) \
	X(connect_socket)         \
	X(get_size)               \
	X(is_read_only)           \
	X(can_flush)              \
	X(can_fua)                \
	X(can_trim)               \
	X(can_zero)               \
	X(poll)                   \
	X(aio_pread)              \
	X(aio_pwrite)             \
	X(aio_flush)              \
	X(aio_trim)               \
	X(aio_zero)               \
	X(aio_disconnect)         \
	X(aio_get_fd)             \
	X(aio_get_direction)      \
	X(aio_notify_read)        \
	X(aio_notify_write)       \
	X(aio_is_dead)            \
	X(aio_is_closed)

struct nbd_library {
	/* NOLINTNEXTLINE(bugprone-macro-parentheses): a name is declared */
#define X(name) __typeof__(nbd_##name) *name;
	NBD_CALLS(X)
#undef X
};

/* Before the sandbox closes. It stays for the life of the process; again costs little.
 * STORAGE_ERROR_UNSUPPORTED. */
bool nbd_library_load(struct nbd_library *library, GError **error);

#endif
