/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One io_uring for all disks of an I/O thread. Operations are queued without a system call; a
 * commit hands all of them to the kernel at once and calls back for those that are done already.
 * At most as many as the ring has entries are in flight, so the completion queue never overflows;
 * the rest waits here, linked through the operations themselves.
 */
#ifndef URING_H
#define URING_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "io_thread.h"

struct uring;
struct io_uring_sqe;

/* Part of whoever starts it, and in use until `done`. */
struct uring_op {
	void (*prepare)(struct uring_op *op, struct io_uring_sqe *sqe);
	/* result: as the system call of that name returns it, errors as negative errno. */
	void (*done)(struct uring_op *op, int32_t result);
	struct uring_op *next;
};

/* Someone whose operations end in batches. */
struct uring_user {
	void (*batch_end)(struct uring_user *user);
	struct uring_user *next_touched; /* the ring's */
	bool touched;
};

/*
 * Main thread, before the sandbox closes, which allows no io_uring_setup. entries: a power of two.
 * The thread comes later, by uring_attach: one that is made before the sandbox closes would stay
 * outside of it, for capabilities, Landlock and the filter belong to a thread and its children.
 */
struct uring *uring_new(unsigned int entries, GError **error);
bool uring_attach(struct uring *ring, struct io_thread *thread, GError **error);
/* Main thread, before the I/O thread ends. Nothing may be in flight. NULL is fine. */
void uring_free(struct uring *ring);

/* All below: on the thread. */
void uring_start(struct uring *ring, struct uring_op *op);
void uring_commit(struct uring *ring);
/* Commits and waits for at least one operation to end, if any is in flight. */
void uring_wait(struct uring *ring);
/* Called from `done`: the user's batch_end follows when the batch is over. */
void uring_touch(struct uring *ring, struct uring_user *user);

#endif
