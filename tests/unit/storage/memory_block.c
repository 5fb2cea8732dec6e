/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory_block.h"

#include <string.h>

#include "iov.h"

static void memory_do(struct memory_block *memory, struct block_request *request)
{
	uint8_t *at = memory->data + request->offset;

	g_assert_cmpuint(request->offset + request->length, <=, memory->size);
	if (memory->serving)
		memory->serving(memory->context);
	switch (request->op) {
	case BLOCK_READ:
		g_assert_cmpuint(iov_scatter(request->iov, request->n_iov, at, request->length), ==,
				 request->length);
		break;
	case BLOCK_WRITE:
		g_assert_cmpuint(iov_gather(request->iov, request->n_iov, at, request->length), ==,
				 request->length);
		break;
	case BLOCK_DISCARD:
	case BLOCK_WRITE_ZEROES:
		memset(at, 0, request->length);
		break;
	default:
		break;
	}
	memory->n[request->op]++;
	memory->fua += (request->flags & BLOCK_FUA) != 0;
}

void memory_block_release(struct memory_block *memory)
{
	bool any = false;

	while (memory->first) {
		struct block_request *request = memory->first;
		bool fails = memory->fail &&
			     (memory->fail_op == BLOCK_N_OPS || memory->fail_op == request->op);

		memory->first = request->next;
		if (!memory->first)
			memory->last = &memory->first;
		if (!fails)
			memory_do(memory, request);
		block_finish(request, fails ? memory->fail : 0);
		any = true;
	}
	if (any)
		block_batch_end(memory->block);
}

static void memory_submit(void *backend, struct block_request *request)
{
	struct memory_block *memory = backend;

	request->next = NULL;
	*memory->last = request;
	memory->last = &request->next;
}

static void memory_commit(void *backend)
{
	struct memory_block *memory = backend;

	memory->commits++;
	if (!memory->hold)
		memory_block_release(memory);
}

static void memory_drain(void *backend)
{
	memory_block_release(backend);
}

static int memory_refresh(void *backend, uint64_t *size)
{
	*size = ((struct memory_block *)backend)->size;
	return 0;
}

static void memory_free(void *backend)
{
	g_assert_null(((struct memory_block *)backend)->first);
}

static const struct block_ops memory_ops = {
	.submit = memory_submit,
	.commit = memory_commit,
	.drain = memory_drain,
	.refresh = memory_refresh,
	.free = memory_free,
};

struct block *memory_block_new(struct memory_block *memory, uint64_t size,
			       const struct block_info *info, const struct block_config *config)
{
	struct block_info with_size = *info;

	memset(memory, 0, sizeof(*memory));
	memory->data = g_malloc0(size);
	memory->size = with_size.size = size;
	memory->last = &memory->first;
	memory->fail_op = BLOCK_N_OPS;
	memory->block = block_new(&memory_ops, memory, &with_size, config, NULL);
	g_assert_nonnull(memory->block);
	return memory->block;
}

void memory_block_clear(struct memory_block *memory)
{
	g_free(memory->data);
	memory->data = NULL;
}
