/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request is a row of steps, each one operation of the ring; most take a single one. A step may
 * move less than it was asked to, which the next one goes on from.
 */
#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stddef.h>

#include "file_private.h"
#include "iov.h"

enum step_kind { STEP_NOTHING, STEP_DATA, STEP_FALLOCATE, STEP_SYNC };

/* What a request is in the middle of, kept in its `backend`. */
struct file_step {
	struct uring_op op;
	struct iovec iov; /* of a bounce buffer, or of zeroes */
	uint8_t kind;	  /* enum step_kind */
	uint8_t bounce;	  /* 1 + its index, 0: none */
	unsigned int method;
};

_Static_assert(sizeof(struct file_step) <= sizeof(((struct block_request *)0)->backend), "room");
_Static_assert(_Alignof(struct file_step) <= _Alignof(uint64_t), "alignment");

#define FALLOCATE_PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define FALLOCATE_ZERO	(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

static struct file_step *step_of(struct block_request *request)
{
	return (struct file_step *)request->backend;
}

static struct block_request *request_of(struct uring_op *op)
{
	return (struct block_request *)((char *)op - offsetof(struct block_request, backend));
}

static struct file_block *file_of(const struct block_request *request)
{
	return block_backend(request->block);
}

static void file_step(struct file_block *file, struct block_request *request);

/* ---- preparing ------------------------------------------------------------------------------- */

static bool file_may_unmap(const struct file_block *file, const struct block_request *request)
{
	return request->flags & BLOCK_MAY_UNMAP && !file->keep_space;
}

/* The way in which such a request, a DISCARD or WRITE_ZEROES, is done with this file at present. */
static unsigned int *file_method(struct file_block *file, const struct block_request *request)
{
	if (request->op == BLOCK_DISCARD)
		return &file->discard;
	return file_may_unmap(file, request) ? &file->punch : &file->zero;
}

/* Every write is durable when it is done: asked for, or by the cache mode. */
static bool file_is_durable(const struct file_block *file, const struct block_request *request)
{
	return file->cache == FILE_CACHE_WRITETHROUGH ||
	       (request->flags & BLOCK_FUA && file->cache != FILE_CACHE_UNSAFE);
}

static int file_rw_flags(const struct file_block *file, const struct block_request *request)
{
	return request->op != BLOCK_READ && file_is_durable(file, request) ? RWF_DSYNC : 0;
}

static void file_prepare_data(const struct file_block *file, const struct block_request *request,
			      struct io_uring_sqe *sqe)
{
	const struct file_step *step = (const struct file_step *)request->backend;
	const struct iovec *iov = step->iov.iov_base ? &step->iov : request->iov;
	uint32_t n = step->iov.iov_base ? 1 : MIN(request->n_iov, IOV_MAX);
	uint64_t offset = request->offset + request->moved;

	if (request->op == BLOCK_READ && n == 1)
		io_uring_prep_read(sqe, file->fd, iov->iov_base, (unsigned int)iov->iov_len,
				   offset);
	else if (request->op == BLOCK_READ)
		io_uring_prep_readv(sqe, file->fd, iov, n, offset);
	else if (n == 1)
		io_uring_prep_write(sqe, file->fd, iov->iov_base, (unsigned int)iov->iov_len,
				    offset);
	else
		io_uring_prep_writev(sqe, file->fd, iov, n, offset);
	sqe->rw_flags = file_rw_flags(file, request);
}

static void file_prepare_fallocate(const struct file_block *file,
				   const struct block_request *request, struct io_uring_sqe *sqe)
{
	const struct file_step *step = (const struct file_step *)request->backend;
	int mode = FALLOCATE_PUNCH;

	if (request->op == BLOCK_DISCARD && step->method == FILE_DISCARD_DEVICE)
		mode = FALLOCATE_PUNCH | FALLOC_FL_NO_HIDE_STALE;
	else if (request->op == BLOCK_WRITE_ZEROES && !file_may_unmap(file, request))
		mode = FALLOCATE_ZERO;
	io_uring_prep_fallocate(sqe, file->fd, mode, (off_t)request->offset,
				(off_t)request->length);
}

static void file_prepare(struct uring_op *op, struct io_uring_sqe *sqe)
{
	struct block_request *request = request_of(op);
	const struct file_block *file = file_of(request);
	const struct file_step *step = step_of(request);

	switch (step->kind) {
	case STEP_NOTHING:
		io_uring_prep_nop(sqe);
		break;
	case STEP_DATA:
		file_prepare_data(file, request, sqe);
		break;
	case STEP_FALLOCATE:
		file_prepare_fallocate(file, request, sqe);
		break;
	case STEP_SYNC:
		io_uring_prep_fsync(sqe, file->fd, IORING_FSYNC_DATASYNC);
		break;
	}
}

/* ---- bounce buffers -------------------------------------------------------------------------- */

static bool file_bounce(struct file_block *file, struct block_request *request)
{
	struct file_step *step = step_of(request);
	unsigned int index;

	if (!step->bounce) {
		if (!file->bounce_free)
			return false;
		index = (unsigned int)__builtin_ctz(file->bounce_free);
		file->bounce_free &= file->bounce_free - 1;
		step->bounce = (uint8_t)(index + 1);
	}
	step->iov.iov_base = file->bounce + (size_t)(step->bounce - 1) * FILE_BOUNCE_SIZE;
	step->iov.iov_len = (size_t)MIN(request->length - request->moved, FILE_BOUNCE_SIZE);
	if (request->op == BLOCK_WRITE)
		iov_gather(request->iov, request->n_iov, step->iov.iov_base, step->iov.iov_len);
	return true;
}

static void file_bounce_release(struct file_block *file, struct file_step *step)
{
	struct block_request *next = file->bounce_wait;

	if (!step->bounce)
		return;
	file->bounce_free |= 1u << (step->bounce - 1);
	step->bounce = 0;
	if (!next)
		return;
	file->bounce_wait = next->next;
	if (!file->bounce_wait)
		file->bounce_wait_last = &file->bounce_wait;
	file_step(file, next);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* What comes next for data: straight, or by a bounce buffer. False: it waits for one. */
static bool file_step_data(struct file_block *file, struct block_request *request)
{
	struct file_step *step = step_of(request);

	step->kind = STEP_DATA;
	step->iov.iov_base = NULL;
	if (!file->direct || iov_is_aligned(request->iov, request->n_iov, file->memory_align))
		return true;
	if (file_bounce(file, request))
		return true;
	request->next = NULL;
	*file->bounce_wait_last = request;
	file->bounce_wait_last = &request->next;
	return false;
}

static void file_step_zeroes(const struct file_block *file, struct block_request *request)
{
	struct file_step *step = step_of(request);

	step->kind = STEP_FALLOCATE;
	if (step->method != FILE_ZERO_WRITE)
		return;
	step->kind = STEP_DATA;
	step->iov.iov_base = file->zeroes;
	step->iov.iov_len = (size_t)MIN(request->length - request->moved, FILE_ZEROES_SIZE);
}

static void file_step(struct file_block *file, struct block_request *request)
{
	struct file_step *step = step_of(request);

	if (request->op == BLOCK_FLUSH) {
		step->kind = file->cache == FILE_CACHE_UNSAFE ? STEP_NOTHING : STEP_SYNC;
	} else if (request->moved == request->length) {
		step->kind = STEP_NOTHING; /* of no bytes */
	} else if (request->op == BLOCK_WRITE_ZEROES) {
		file_step_zeroes(file, request);
	} else if (request->op == BLOCK_DISCARD) {
		step->kind = step->method == FILE_DISCARD_IGNORE ? STEP_NOTHING : STEP_FALLOCATE;
	} else if (!file_step_data(file, request)) {
		return;
	}
	uring_start(file->ring, &step->op);
}

static void file_end(struct file_block *file, struct block_request *request, int error)
{
	struct block *block = request->block;

	file_bounce_release(file, step_of(request));
	file->in_flight--;
	uring_touch(file->ring, &file->user);
	block_finish(request, error);
	if (G_UNLIKELY(error == -ENXIO)) /* the file has become shorter */
		block_refresh(block);
}

/* Data moved; what is left goes on. */
static void file_data_done(struct file_block *file, struct block_request *request, int32_t result)
{
	struct file_step *step = step_of(request);
	size_t moved = (size_t)result;

	if (result == 0) {
		file_end(file, request, request->op == BLOCK_READ ? -ENXIO : -EIO);
		return;
	}
	if (step->iov.iov_base && request->op == BLOCK_READ)
		iov_scatter(request->iov, request->n_iov, step->iov.iov_base, moved);
	request->moved += moved;
	if (request->moved == request->length) {
		file_end(file, request, 0);
		return;
	}
	if (request->op != BLOCK_WRITE_ZEROES)
		iov_advance(&request->iov, &request->n_iov, moved);
	file_step(file, request);
}

static void file_fallocate_done(struct file_block *file, struct block_request *request)
{
	request->moved = request->length;
	if (request->op == BLOCK_WRITE_ZEROES && file_is_durable(file, request)) {
		step_of(request)->kind = STEP_SYNC;
		uring_start(file->ring, &step_of(request)->op);
		return;
	}
	file_end(file, request, 0);
}

/* The file does not do it this way: EOPNOTSUPP never, EINVAL not for this range. */
static void file_next_method(struct file_block *file, struct block_request *request, int error)
{
	struct file_step *step = step_of(request);
	unsigned int *method = file_method(file, request);

	if (error == -EOPNOTSUPP && *method == step->method)
		(*method)++;
	step->method++;
	file_step(file, request);
}

static void file_error(struct file_block *file, struct block_request *request, int error)
{
	/* Zeroes that could not be made durable are not there: a second try begins anew. */
	if (request->op == BLOCK_WRITE_ZEROES && step_of(request)->kind == STEP_SYNC)
		request->moved = 0;
	file_end(file, request, error);
}

static void file_done(struct uring_op *op, int32_t result)
{
	struct block_request *request = request_of(op);
	struct file_block *file = file_of(request);
	struct file_step *step = step_of(request);

	if (G_UNLIKELY(result == -EINTR || result == -EAGAIN))
		uring_start(file->ring, op);
	else if (step->kind == STEP_FALLOCATE && (result == -EOPNOTSUPP || result == -EINVAL))
		file_next_method(file, request, result);
	else if (result < 0)
		file_error(file, request, result);
	else if (step->kind == STEP_DATA)
		file_data_done(file, request, result);
	else if (step->kind == STEP_FALLOCATE)
		file_fallocate_done(file, request);
	else
		file_end(file, request, 0);
}

/* ---- back end -------------------------------------------------------------------------------- */

static void file_submit(void *backend, struct block_request *request)
{
	struct file_block *file = backend;
	struct file_step *step = step_of(request);

	step->op = (struct uring_op){.prepare = file_prepare, .done = file_done};
	step->iov.iov_base = NULL;
	step->bounce = 0;
	step->method = 0;
	if (request->op == BLOCK_DISCARD || request->op == BLOCK_WRITE_ZEROES)
		step->method = *file_method(file, request);
	file->in_flight++;
	file_step(file, request);
}

static void file_commit(void *backend)
{
	struct file_block *file = backend;

	uring_commit(file->ring);
}

static void file_drain(void *backend)
{
	struct file_block *file = backend;

	while (file->in_flight)
		uring_wait(file->ring);
}

static int file_refresh(void *backend, uint64_t *size)
{
	return file_size(backend, size);
}

const struct block_ops file_block_ops = {
	.submit = file_submit,
	.commit = file_commit,
	.drain = file_drain,
	.refresh = file_refresh,
	.free = file_free,
};
