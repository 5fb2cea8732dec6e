/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request is a row of steps, each one command of the protocol. The library calls back while it is
 * locked, and from within any call: a callback only notes the end of the step, and who called the
 * library looks at the notes afterwards.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "iov.h"
#include "nbd_private.h"

/* What a request is in the middle of, kept in its `backend`. */
struct nbd_step {
	uint8_t *data;
	uint64_t size;
	int error;	/* a positive errno */
	uint8_t bounce; /* 1 + its index, 0: none */
};

_Static_assert(sizeof(struct nbd_step) <= sizeof(((struct block_request *)0)->backend), "room");
_Static_assert(_Alignof(struct nbd_step) <= _Alignof(uint64_t), "alignment");

static struct nbd_step *step_of(struct block_request *request)
{
	return (struct nbd_step *)request->backend;
}

/* ---- queues ---------------------------------------------------------------------------------- */

void nbd_queue_init(struct nbd_queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void nbd_push(struct nbd_queue *queue, struct block_request *request)
{
	request->next = NULL;
	*queue->last = request;
	queue->last = &request->next;
}

static struct block_request *nbd_pop(struct nbd_queue *queue)
{
	struct block_request *request = queue->first;

	if (request) {
		queue->first = request->next;
		if (!queue->first)
			queue->last = &queue->first;
	}
	return request;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static bool nbd_moves_data(const struct nbd_block *nbd, const struct block_request *request)
{
	return request->op == BLOCK_READ || request->op == BLOCK_WRITE ||
	       (request->op == BLOCK_WRITE_ZEROES && !nbd->can_zero);
}

/* Guest memory in one piece is sent from and received into; the rest goes through a buffer. */
static bool nbd_needs_bounce(const struct nbd_block *nbd, const struct block_request *request)
{
	return request->op == BLOCK_WRITE_ZEROES
		       ? !nbd->can_zero
		       : nbd_moves_data(nbd, request) && request->n_iov != 1;
}

static void nbd_prepare(struct nbd_block *nbd, struct block_request *request)
{
	struct nbd_step *step = step_of(request);
	uint64_t left = request->length - request->moved;

	*step = (struct nbd_step){.size = MIN(left, NBD_SPAN_MAX)};
	if (request->op == BLOCK_FLUSH || !nbd_moves_data(nbd, request))
		return;
	if (!nbd_needs_bounce(nbd, request)) {
		step->data = request->iov->iov_base;
		step->size = MIN(left, NBD_DATA_MAX);
		return;
	}
	step->bounce = (uint8_t)__builtin_ffs((int)nbd->bounce_free);
	nbd->bounce_free &= ~(1u << (step->bounce - 1));
	step->data = nbd->bounce + (size_t)(step->bounce - 1) * NBD_BOUNCE_SIZE;
	step->size = MIN(left, NBD_BOUNCE_SIZE);
	if (request->op == BLOCK_WRITE)
		(void)iov_gather(request->iov, request->n_iov, step->data, step->size);
	else if (request->op == BLOCK_WRITE_ZEROES)
		memset(step->data, 0, step->size);
}

static int nbd_step_ended(void *user_data, int *error)
{
	struct block_request *request = user_data;
	struct nbd_block *nbd = block_backend(request->block);

	step_of(request)->error = *error;
	nbd_push(&nbd->ended, request);
	return 1; /* the library may forget it */
}

static int64_t nbd_issue(const struct nbd_block *nbd, struct block_request *request)
{
	const struct nbd_step *step = step_of(request);
	const nbd_completion_callback done = {.callback = nbd_step_ended, .user_data = request};
	uint64_t offset = request->offset + request->moved;
	uint32_t fua = request->flags & BLOCK_FUA && nbd->can_fua ? LIBNBD_CMD_FLAG_FUA : 0;

	if (request->op == BLOCK_READ)
		return nbd->nbd.aio_pread(nbd->handle, step->data, step->size, offset, done, 0);
	if (nbd_moves_data(nbd, request))
		return nbd->nbd.aio_pwrite(nbd->handle, step->data, step->size, offset, done, fua);
	if (request->op == BLOCK_FLUSH)
		return nbd->nbd.aio_flush(nbd->handle, done, 0);
	if (request->op == BLOCK_DISCARD)
		return nbd->nbd.aio_trim(nbd->handle, step->size, offset, done, 0);
	if (!(request->flags & BLOCK_MAY_UNMAP))
		fua |= LIBNBD_CMD_FLAG_NO_HOLE;
	return nbd->nbd.aio_zero(nbd->handle, step->size, offset, done, fua);
}

static bool nbd_has_nothing_to_do(const struct nbd_block *nbd, const struct block_request *request)
{
	if (request->op == BLOCK_FLUSH)
		return !nbd->can_flush;
	return request->length == request->moved;
}

static void nbd_start(struct nbd_block *nbd, struct block_request *request)
{
	nbd->in_flight++;
	nbd_prepare(nbd, request);
	if (nbd_has_nothing_to_do(nbd, request)) {
		nbd_push(&nbd->ended, request);
	} else if (!nbd->watch || nbd_issue(nbd, request) < 0) {
		/* Without a number the library has forgotten it, and calls nobody. */
		step_of(request)->error = nbd->watch ? nbd->nbd.get_errno() : ENOTCONN;
		if (!step_of(request)->error)
			step_of(request)->error = EIO;
		nbd_push(&nbd->ended, request);
	}
}

/* In the order in which they came: who waits for a buffer is not overtaken. */
static void nbd_pump(struct nbd_block *nbd)
{
	while (nbd->waiting.first && nbd->in_flight < NBD_IN_FLIGHT &&
	       (nbd->bounce_free || !nbd_needs_bounce(nbd, nbd->waiting.first)))
		nbd_start(nbd, nbd_pop(&nbd->waiting));
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void nbd_step_over(struct nbd_block *nbd, struct block_request *request)
{
	struct nbd_step step = *step_of(request);

	nbd->in_flight--;
	if (step.bounce) {
		if (request->op == BLOCK_READ && !step.error)
			(void)iov_scatter(request->iov, request->n_iov, step.data, step.size);
		nbd->bounce_free |= 1u << (step.bounce - 1);
	}
	if (step.error || request->op == BLOCK_FLUSH) {
		block_finish(request, -step.error);
		return;
	}
	if (request->op == BLOCK_READ || request->op == BLOCK_WRITE)
		iov_advance(&request->iov, &request->n_iov, step.size);
	request->moved += step.size;
	if (request->moved < request->length)
		nbd_push(&nbd->waiting, request);
	else
		block_finish(request, 0);
}

/* The duplicate goes with the connection, or the server would not see its end. */
static void nbd_check_dead(struct nbd_block *nbd)
{
	if (!nbd->watch ||
	    (!nbd->nbd.aio_is_dead(nbd->handle) && !nbd->nbd.aio_is_closed(nbd->handle)))
		return;
	io_watch_free(nbd->watch);
	nbd->watch = NULL;
	close(nbd->fd);
	nbd->fd = -1;
}

/* After every call into the library. */
static void nbd_settle(struct nbd_block *nbd)
{
	struct block_request *request;
	unsigned int direction;
	bool any = false;

	for (;;) {
		nbd_check_dead(nbd);
		request = nbd_pop(&nbd->ended);
		if (!request)
			break;
		nbd_step_over(nbd, request);
		nbd_pump(nbd);
		any = true;
	}
	if (any)
		block_batch_end(nbd->block);
	nbd_check_dead(nbd);
	if (!nbd->watch)
		return;
	direction = nbd->nbd.aio_get_direction(nbd->handle);
	io_watch_set_events(nbd->watch,
			    (direction & LIBNBD_AIO_DIRECTION_READ ? EPOLLIN : 0u) |
				    (direction & LIBNBD_AIO_DIRECTION_WRITE ? EPOLLOUT : 0u));
}

/* Which way the library wants to go may change with every call. */
void nbd_ready(void *context, uint32_t events)
{
	struct nbd_block *nbd = context;
	bool over = events & (EPOLLHUP | EPOLLERR);

	if ((over || events & EPOLLIN) &&
	    nbd->nbd.aio_get_direction(nbd->handle) & LIBNBD_AIO_DIRECTION_READ)
		(void)nbd->nbd.aio_notify_read(nbd->handle);
	if ((over || events & EPOLLOUT) &&
	    nbd->nbd.aio_get_direction(nbd->handle) & LIBNBD_AIO_DIRECTION_WRITE)
		(void)nbd->nbd.aio_notify_write(nbd->handle);
	nbd_settle(nbd);
}

/* ---- for block.c ----------------------------------------------------------------------------- */

static void nbd_submit(void *backend, struct block_request *request)
{
	struct nbd_block *nbd = backend;

	nbd_push(&nbd->waiting, request);
	nbd_pump(nbd);
}

static void nbd_commit(void *backend)
{
	nbd_settle(backend);
}

static void nbd_drain(void *backend)
{
	struct nbd_block *nbd = backend;

	nbd_settle(nbd);
	while (nbd->in_flight || nbd->waiting.first) {
		if (nbd->watch)
			(void)nbd->nbd.poll(nbd->handle, -1);
		nbd_settle(nbd);
	}
}

const struct block_ops nbd_block_ops = {
	.submit = nbd_submit,
	.commit = nbd_commit,
	.drain = nbd_drain,
	.free = nbd_free,
};
