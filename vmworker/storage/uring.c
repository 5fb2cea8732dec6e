/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uring.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storage_error.h"

/* The kernel had no memory for what was handed to it: try again after this. */
#define URING_RETRY_NS UINT64_C(5000000)

struct uring {
	struct io_thread *thread; /* NULL: not attached */
	struct io_uring ring;
	bool ring_made;
	struct io_watch *watch;
	struct io_timer *retry;
	unsigned int entries;
	unsigned int in_flight; /* prepared or in the kernel */
	struct uring_op *waiting, **waiting_last;
	struct uring_user *touched;
	bool committing;
};

/* ---- operations ------------------------------------------------------------------------------ */

static bool uring_prepare(struct uring *u, struct uring_op *op)
{
	struct io_uring_sqe *sqe;

	if (u->in_flight == u->entries)
		return false;
	sqe = io_uring_get_sqe(&u->ring);
	if (!sqe)
		return false;
	op->prepare(op, sqe);
	io_uring_sqe_set_data(sqe, op);
	u->in_flight++;
	return true;
}

void uring_start(struct uring *u, struct uring_op *op)
{
	op->next = NULL;
	if (!u->waiting && uring_prepare(u, op))
		return;
	*u->waiting_last = op;
	u->waiting_last = &op->next;
}

static void uring_start_waiting(struct uring *u)
{
	while (u->waiting && uring_prepare(u, u->waiting)) {
		u->waiting = u->waiting->next;
		if (!u->waiting)
			u->waiting_last = &u->waiting;
	}
}

/* Calls back for what is done. An operation may be started again from within. */
static bool uring_reap(struct uring *u)
{
	struct io_uring_cqe *cqe;
	bool any = false;

	while (io_uring_peek_cqe(&u->ring, &cqe) == 0) {
		struct uring_op *op = io_uring_cqe_get_data(cqe);
		int32_t result = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		u->in_flight--;
		any = true;
		op->done(op, result);
	}
	return any;
}

static void uring_end_batch(struct uring *u)
{
	struct uring_user *user;

	while ((user = u->touched)) {
		u->touched = user->next_touched;
		user->touched = false;
		user->batch_end(user);
	}
}

/* Hands what is prepared to the kernel; `wait` waits for one that ends. */
static void uring_enter(struct uring *u, unsigned int wait)
{
	int r = io_uring_submit_and_wait(&u->ring, wait);

	/* EAGAIN, EBUSY, ENOMEM: what was not taken stays in the submission queue. EINTR: taken.
	 * Nothing else can be but a fault of ours. */
	if (r < 0 && r != -EINTR && u->in_flight)
		io_timer_arm(u->retry, (uint64_t)g_get_monotonic_time() * 1000u + URING_RETRY_NS);
}

void uring_commit(struct uring *u)
{
	if (u->committing) /* from within a callback: the loop below goes round once more */
		return;
	u->committing = true;
	do {
		unsigned int ready;

		uring_start_waiting(u);
		ready = io_uring_sq_ready(&u->ring);
		if (ready) {
			uring_enter(u, 0);
			if (io_uring_sq_ready(&u->ring) == ready) /* none was taken */
				ready = 0;
		}
		if (!uring_reap(u) && !ready)
			break;
		uring_end_batch(u);
	} while (io_uring_sq_ready(&u->ring) || u->waiting);
	u->committing = false;
}

void uring_wait(struct uring *u)
{
	bool nested = u->committing;

	u->committing = true;
	uring_start_waiting(u);
	if (u->in_flight) {
		uring_enter(u, 1);
		uring_reap(u);
	}
	u->committing = nested;
	if (!nested)
		uring_end_batch(u);
}

void uring_touch(struct uring *u, struct uring_user *user)
{
	if (user->touched)
		return;
	user->touched = true;
	user->next_touched = u->touched;
	u->touched = user;
}

static void uring_readable(void *context, uint32_t events)
{
	struct uring *u = context;

	(void)events;
	uring_commit(u);
}

static void uring_retry(void *context)
{
	uring_commit(context);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void uring_fail(int r, GError **error)
{
	const char *why = g_strerror(r);

	if (r == EPERM)
		why = "not permitted; see the sysctl kernel.io_uring_disabled and what confines this service";
	else if (r == ENOSYS)
		why = "this kernel was built without it";
	g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_UNSUPPORTED,
		    "disks need io_uring, which cannot be set up: %s", why);
}

/* liburing 2.3 has these two calls but its shared library does not export them. */
static int uring_register(struct uring *u, unsigned int what, const void *data, unsigned int n)
{
	return syscall(SYS_io_uring_register, u->ring.ring_fd, what, data, n) < 0 ? -errno : 0;
}

/*
 * What goes through a ring does not pass the system call filter, so a ring that could open files
 * and sockets would be the way around it. This one never does anything but the operations of disks.
 */
static int uring_restrict(struct uring *u)
{
	static const uint8_t operations[] = {
		IORING_OP_NOP,	  IORING_OP_READ,  IORING_OP_READV,	IORING_OP_WRITE,
		IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE,
	};
	struct io_uring_restriction restrictions[G_N_ELEMENTS(operations)] = {0};
	int r;

	for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
		restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
		restrictions[i].sqe_op = operations[i];
	}
	r = uring_register(u, IORING_REGISTER_RESTRICTIONS, restrictions, G_N_ELEMENTS(operations));
	return r < 0 ? r : uring_register(u, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static int uring_setup(struct uring *u)
{
	/* In order of preference; older kernels refuse what they do not know. Not DEFER_TASKRUN:
	 * with it a poll of the ring is not woken by what has yet to be completed. Not
	 * SINGLE_ISSUER: the thread that uses it is not yet there. */
	static const unsigned int modes[] = {IORING_SETUP_COOP_TASKRUN, 0};
	int r = -EINVAL;

	for (size_t i = 0; i < G_N_ELEMENTS(modes) && r == -EINVAL; i++)
		r = io_uring_queue_init(u->entries, &u->ring, modes[i] | IORING_SETUP_R_DISABLED);
	if (r < 0)
		return r;
	u->ring_made = true;
	return uring_restrict(u);
}

struct uring *uring_new(unsigned int entries, GError **error)
{
	struct uring *u = g_new0(struct uring, 1);
	int r;

	u->entries = entries;
	u->waiting_last = &u->waiting;
	r = uring_setup(u);
	if (r < 0) {
		uring_fail(-r, error);
		uring_free(u);
		return NULL;
	}
	return u;
}

struct uring_attaching {
	struct uring *ring;
	struct io_thread *thread;
	GError **error;
};

static void uring_attach_there(void *context)
{
	struct uring_attaching *attaching = context;
	struct uring *u = attaching->ring;

	u->watch = io_thread_watch(attaching->thread, u->ring.ring_fd, EPOLLIN, uring_readable, u);
	if (!u->watch) {
		uring_fail(errno, attaching->error);
		return;
	}
	u->retry = io_timer_new(attaching->thread, uring_retry, u);
	u->thread = attaching->thread;
}

bool uring_attach(struct uring *u, struct io_thread *thread, GError **error)
{
	struct uring_attaching attaching = {u, thread, error};

	io_thread_call(thread, uring_attach_there, &attaching);
	return u->thread != NULL;
}

static void uring_detach_there(void *context)
{
	struct uring *u = context;

	g_warn_if_fail(u->in_flight == 0 && !u->waiting);
	io_watch_free(u->watch);
	io_timer_free(u->retry);
}

void uring_free(struct uring *u)
{
	if (!u)
		return;
	if (u->thread)
		io_thread_call(u->thread, uring_detach_there, u);
	if (u->ring_made)
		io_uring_queue_exit(&u->ring);
	g_free(u);
}
