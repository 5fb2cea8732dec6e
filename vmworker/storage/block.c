/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block.h"

#include <errno.h>
#include <time.h>

#include "block_backend.h"
#include "storage_error.h"
#include "token_bucket.h"

/* In order of arrival. */
struct block_queue {
	struct block_request *first, **last;
};

struct block {
	const struct block_ops *ops;
	void *backend;
	struct block_info info;
	char *name;
	struct block_config config; /* name is above */
	struct block_client client;

	struct token_bucket operations, bytes;
	struct io_timer *timer;	     /* for the limits; made when there are any */
	struct block_queue rejected; /* to be told so; the request's `moved` holds the error */
	struct block_queue held;     /* by the limits or by a stop */
	struct block_stats stats;
};

/* ---- queues ---------------------------------------------------------------------------------- */

static void queue_init(struct block_queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_push(struct block_queue *queue, struct block_request *request)
{
	request->next = NULL;
	*queue->last = request;
	queue->last = &request->next;
}

static void queue_push_front(struct block_queue *queue, struct block_request *request)
{
	request->next = queue->first;
	queue->first = request;
	if (!request->next)
		queue->last = &request->next;
}

static struct block_request *queue_pop(struct block_queue *queue)
{
	struct block_request *request = queue->first;

	if (!request)
		return NULL;
	queue->first = request->next;
	if (!queue->first)
		queue->last = &queue->first;
	return request;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static uint64_t block_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool block_is_limited(const struct block *block)
{
	return block->operations.rate || block->bytes.rate;
}

/* What a request counts against the limits. A discard moves no data. */
static uint64_t block_cost(const struct block_request *request)
{
	return request->op == BLOCK_READ || request->op == BLOCK_WRITE ? request->length : 0;
}

static uint64_t block_wait(const struct block *block, const struct block_request *request,
			   uint64_t now)
{
	return MAX(token_bucket_wait(&block->operations, 1, now),
		   token_bucket_wait(&block->bytes, block_cost(request), now));
}

static void block_start(struct block *block, struct block_request *request)
{
	block->stats.in_flight++;
	block->ops->submit(block->backend, request);
}

/* Starts as much of what is held back as may start now. */
static void block_pump(struct block *block)
{
	uint64_t now, wait;

	if (!block->held.first || block->stats.stopped)
		return;
	now = block_is_limited(block) ? block_now() : 0;
	while (block->held.first && !block->stats.stopped) {
		struct block_request *request = block->held.first;

		wait = block_wait(block, request, now);
		if (wait) {
			io_timer_arm(block->timer, now + wait);
			return;
		}
		token_bucket_take(&block->operations, 1, now);
		token_bucket_take(&block->bytes, block_cost(request), now);
		queue_pop(&block->held);
		block->stats.queued--;
		block_start(block, request);
	}
}

static void block_expired(void *context)
{
	struct block *block = context;

	block_pump(block);
	block_commit(block);
}

void block_set_limits(struct block *block, const struct block_limits *limits)
{
	token_bucket_init(&block->operations, limits->iops, limits->iops_burst);
	token_bucket_init(&block->bytes, limits->bytes_per_second, limits->bytes_burst);
	if (block_is_limited(block) && !block->timer)
		block->timer = io_timer_new(block->config.thread, block_expired, block);
	block_pump(block);
	block_commit(block);
}

/* ---- requests -------------------------------------------------------------------------------- */

static int block_check(const struct block *block, const struct block_request *request)
{
	const struct block_info *info = &block->info;
	uint64_t mask = info->block_size - 1;

	if (request->op == BLOCK_FLUSH)
		return 0;
	if (request->op != BLOCK_READ && info->read_only)
		return -EROFS;
	if ((request->offset | request->length) & mask)
		return -EINVAL;
	if (request->length > info->size || request->offset > info->size - request->length)
		return -ERANGE;
	return 0;
}

void block_submit(struct block *block, struct block_request *request)
{
	int error = block_check(block, request);

	request->block = block;
	request->moved = 0;
	if (error) {
		request->moved = (uint64_t)-error;
		block->stats.rejected++;
		queue_push(&block->rejected, request);
	} else if (G_UNLIKELY(block->stats.stopped || block_is_limited(block))) {
		queue_push(&block->held, request);
		block->stats.queued++;
		block_pump(block);
		block->stats.delayed += block->held.last == &request->next;
	} else {
		block_start(block, request);
	}
}

void block_commit(struct block *block)
{
	struct block_request *request;
	bool any = false;

	while ((request = queue_pop(&block->rejected))) {
		request->done(request, -(int)request->moved);
		any = true;
	}
	if (any)
		block_batch_end(block);
	block->ops->commit(block->backend);
}

/* An error of the host while the disk's policy is to stop: the request is tried again later. */
static void block_stop(struct block *block, struct block_request *request, int error)
{
	bool first = !block->stats.stopped;
	enum block_op op = request->op;
	uint64_t offset = request->offset + request->moved;

	block->stats.stopped = true;
	if (op == BLOCK_FLUSH && error != -ENOTCONN) {
		/* Not again: the kernel forgets what it could not write, so that a second fsync
		 * says all is well. A server that comes anew knows by itself what is lost. */
		request->done(request, error);
	} else {
		/* Those in flight may all fail; they are tried again in this reversed order, which
		 * is as good as any, for what is in flight together has no order. */
		queue_push_front(&block->held, request);
		block->stats.queued++;
	}
	if (first && block->config.stopped)
		block->config.stopped(block->config.context, op, offset, error);
}

void block_finish(struct block_request *request, int error)
{
	struct block *block = request->block;

	block->stats.in_flight--;
	if (G_UNLIKELY(error)) {
		block->stats.errors++;
		if (block->config.policy == BLOCK_ERROR_STOP && error != -ECANCELED) {
			block_stop(block, request, error);
			return;
		}
	} else {
		block->stats.operations[request->op]++;
		block->stats.bytes[request->op] += request->length;
		io_thread_worked(block->config.thread, request->length);
	}
	request->done(request, error);
}

void block_batch_end(struct block *block)
{
	if (block->client.batch_done)
		block->client.batch_done(block->client.context);
}

void block_cancel(struct block *block,
		  bool (*match)(const struct block_request *request, void *context), void *context)
{
	struct block_queue held = block->held;
	struct block_request *request;
	bool any = false;

	if (!held.first)
		return;
	queue_init(&block->held);
	while ((request = queue_pop(&held))) {
		if (match && !match(request, context)) {
			queue_push(&block->held, request);
			continue;
		}
		block->stats.queued--;
		any = true;
		request->done(request, -ECANCELED);
	}
	if (any)
		block_batch_end(block);
}

void block_drain(struct block *block)
{
	block_commit(block);
	if (block->stats.in_flight)
		block->ops->drain(block->backend);
}

bool block_settle(struct block *block)
{
	do {
		while (block->held.first && !block->stats.stopped) {
			block->stats.queued--;
			block_start(block, queue_pop(&block->held));
		}
		block_drain(block);
	} while (block->held.first && !block->stats.stopped);
	return !block->stats.stopped;
}

void block_resume(struct block *block)
{
	if (!block->stats.stopped)
		return;
	block->stats.stopped = false;
	block_pump(block);
	block_commit(block);
}

void block_refresh(struct block *block)
{
	uint64_t size;

	if (!block->ops->refresh || block->ops->refresh(block->backend, &size) < 0)
		return;
	size -= size % block->info.block_size;
	if (size == block->info.size)
		return;
	block->info.size = size;
	if (block->client.resized)
		block->client.resized(block->client.context, size);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct block *block_new(const struct block_ops *ops, void *backend, const struct block_info *info,
			const struct block_config *config, GError **error)
{
	struct block *block;

	if ((info->block_size != 512 && info->block_size != 4096) ||
	    info->size < info->block_size) {
		g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_INVALID,
			    "disk \"%s\" is smaller than one sector of %u bytes; give it a size",
			    config->name, info->block_size);
		ops->free(backend);
		return NULL;
	}
	block = g_new0(struct block, 1);
	block->ops = ops;
	block->backend = backend;
	block->info = *info;
	block->info.size -= info->size % info->block_size;
	block->name = g_strdup(config->name);
	block->config = *config;
	block->config.name = block->name;
	queue_init(&block->rejected);
	queue_init(&block->held);
	block_set_limits(block, &config->limits);
	return block;
}

void block_free(struct block *block)
{
	if (!block)
		return;
	g_warn_if_fail(!block->stats.in_flight && !block->held.first && !block->rejected.first);
	if (block->timer)
		io_timer_free(block->timer);
	block->ops->free(block->backend);
	g_free(block->name);
	g_free(block);
}

void *block_backend(const struct block *block)
{
	return block->backend;
}

const struct block_info *block_info(const struct block *block)
{
	return &block->info;
}

const char *block_name(const struct block *block)
{
	return block->name;
}

void block_set_client(struct block *block, const struct block_client *client)
{
	block->client = *client;
}

void block_get_stats(const struct block *block, struct block_stats *stats)
{
	*stats = block->stats;
}
