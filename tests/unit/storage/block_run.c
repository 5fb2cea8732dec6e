/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block_run.h"

#include <string.h>

#define ROW 8u

struct slot {
	struct block_request request;
	struct random *run;
	uint64_t first, n; /* sectors */
	uint8_t *memory, *begin;
	struct iovec iov[ROW];
	bool used;
};

struct random {
	struct block_run config;
	uint8_t *model;
	struct slot *slots;
	unsigned int left, busy;
	GMutex lock;
	GCond idle;
	bool finished;
};

/* ---- random ---------------------------------------------------------------------------------- */

static bool overlaps(const struct random *run, const struct slot *slot)
{
	for (unsigned int i = 0; i < run->config.depth; i++) {
		const struct slot *other = &run->slots[i];

		if (other != slot && other->used && slot->first < other->first + other->n &&
		    other->first < slot->first + slot->n)
			return true;
	}
	return false;
}

/* In one piece, in pieces of sectors, or anyhow. */
static uint32_t random_row(struct slot *slot)
{
	uint64_t left = slot->n * 512;
	unsigned int kind = g_random_int() % 3;
	uint8_t *at = slot->memory + (kind == 2 ? 1 + g_random_int() % 511 : 0);
	uint32_t n = 0;

	slot->begin = at;
	while (left) {
		uint64_t part =
			kind == 1 ? 512 * (1 + g_random_int() % 64) : 1 + g_random_int() % 60000;

		part = kind == 0 || n == ROW - 1 ? left : MIN(part, left);
		slot->iov[n++] = (struct iovec){at, part};
		at += part;
		left -= part;
	}
	return n;
}

/* What will be there when the request has been done. */
static void change_model(struct random *run, struct slot *slot)
{
	struct block_request *request = &slot->request;

	switch (request->op) {
	case BLOCK_WRITE:
		for (uint64_t i = 0; i < request->length; i++)
			slot->begin[i] = (uint8_t)(i * 7 + run->left + (i >> 9));
		memcpy(run->model + request->offset, slot->begin, request->length);
		break;
	case BLOCK_WRITE_ZEROES:
	case BLOCK_DISCARD:
		memset(run->model + request->offset, 0, request->length);
		break;
	case BLOCK_FLUSH:
		request->offset = request->length = 0;
		break;
	default:
		break;
	}
}

static void slot_done(struct block_request *request, int error);

static void slot_start(struct random *run, struct slot *slot)
{
	static const enum block_op ops[] = {BLOCK_READ,	 BLOCK_WRITE,	     BLOCK_WRITE,
					    BLOCK_FLUSH, BLOCK_WRITE_ZEROES, BLOCK_DISCARD};
	struct block_request *request = &slot->request;

	do {
		slot->n = 1 + g_random_int() % (g_random_int() % 8 ? 32 : run->config.sectors);
		slot->first = g_random_int() % (run->config.size / 512 - slot->n);
	} while (overlaps(run, slot));
	slot->used = true;
	*request = (struct block_request){
		.op = ops[g_random_int() % (G_N_ELEMENTS(ops) - !run->config.discard)],
		.flags = g_random_int() & (BLOCK_FUA | BLOCK_MAY_UNMAP),
		.offset = slot->first * 512,
		.length = slot->n * 512,
		.iov = slot->iov,
		.n_iov = random_row(slot),
		.done = slot_done,
	};
	change_model(run, slot);
	run->busy++;
	block_submit(run->config.block, request);
}

static void slot_done(struct block_request *request, int error)
{
	struct slot *slot = (struct slot *)request;
	struct random *run = slot->run;

	g_assert_cmpint(error, ==, 0);
	if (request->op == BLOCK_READ)
		g_assert_cmpint(memcmp(slot->begin, run->model + slot->first * 512, slot->n * 512),
				==, 0);
	slot->used = false;
	run->busy--;
	if (run->left) {
		run->left--;
		slot_start(run, slot);
		block_commit(run->config.block);
	} else if (run->busy == 0) {
		g_mutex_lock(&run->lock);
		run->finished = true;
		g_cond_signal(&run->idle);
		g_mutex_unlock(&run->lock);
	}
}

static void random_begin(void *context)
{
	struct random *run = context;

	for (unsigned int i = 0; i < run->config.depth; i++)
		slot_start(run, &run->slots[i]);
	block_commit(run->config.block);
}

uint8_t *block_run_random(const struct block_run *config)
{
	gint64 end = g_get_monotonic_time() + 50 * G_USEC_PER_SEC;
	struct random run = {.config = *config, .left = config->count};

	run.model = g_malloc0(config->size);
	run.slots = g_new0(struct slot, config->depth);
	for (unsigned int i = 0; i < config->depth; i++) {
		run.slots[i].run = &run;
		run.slots[i].memory = g_malloc0((gsize)(config->sectors + 1) * 512);
	}
	io_thread_call(config->thread, random_begin, &run);
	g_mutex_lock(&run.lock);
	while (!run.finished)
		g_assert_true(g_cond_wait_until(&run.idle, &run.lock, end));
	g_mutex_unlock(&run.lock);
	for (unsigned int i = 0; i < config->depth; i++)
		g_free(run.slots[i].memory);
	g_free(run.slots);
	return run.model;
}

/* ---- single ---------------------------------------------------------------------------------- */

struct single {
	struct block_request request;
	struct iovec iov;
	struct block *block;
	int error;
};

static void single_done(struct block_request *request, int error)
{
	((struct single *)request)->error = error;
}

static void single_begin(void *context)
{
	struct single *single = context;

	block_submit(single->block, &single->request);
	block_drain(single->block);
}

int block_run_single(struct io_thread *thread, struct block *block, enum block_op op,
		     uint32_t flags, uint64_t offset, uint64_t length, void *buffer)
{
	struct single single = {
		.request = {.op = op, .flags = flags, .offset = offset, .length = length},
		.iov = {buffer, length},
		.block = block,
		.error = 1,
	};

	single.request.iov = &single.iov;
	single.request.n_iov = 1;
	single.request.done = single_done;
	io_thread_call(thread, single_begin, &single);
	return single.error;
}

static void block_gone(void *context)
{
	block_free(context); /* NULL is fine */
}

void block_run_free(struct io_thread *thread, struct block *block)
{
	io_thread_call(thread, block_gone, block);
}
