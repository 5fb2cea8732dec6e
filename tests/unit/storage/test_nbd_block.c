/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images behind a real qemu-nbd, compared with a copy in memory; and servers that die. */
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io_thread.h"
#include "nbd_block.h"
#include "nbd_dying_server.h"
#include "served_image.h"
#include "storage_error.h"

#define SIZE	(8u << 20)
#define DEPTH	96u  /* more than are in flight at once */
#define SECTORS 700u /* at most at once: more than a buffer holds */

struct fixture {
	struct io_thread *thread;
	struct served_image image;
	struct dying_server dying;
	struct block *block;
	GError *error;
	unsigned int stops;
	/* a random run */
	uint8_t *model, *memory;
	unsigned int left, busy;
	GMutex lock;
	GCond idle;
	bool finished;
	struct slot {
		struct block_request request;
		struct fixture *f;
		uint64_t first, n; /* sectors */
		uint8_t *begin;
		struct iovec iov[8];
		bool used;
	} slots[DEPTH];
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->thread = io_thread_new("test-nbd", NULL);
	f->image.fd = f->image.life_fd = -1;
}

static void block_gone(void *context)
{
	block_free(context);
}

static void drop_block(struct fixture *f)
{
	io_thread_call(f->thread, block_gone, f->block);
	f->block = NULL;
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	drop_block(f);
	io_thread_free(f->thread);
	served_image_clear(&f->image);
	if (f->dying.thread)
		dying_server_join(&f->dying);
	g_free(f->model);
	g_free(f->memory);
	g_clear_error(&f->error);
}

static void on_stop(void *context, enum block_op op G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED,
		    int error)
{
	g_assert_cmpint(error, <, 0);
	((struct fixture *)context)->stops++;
}

struct making {
	struct fixture *f;
	struct nbd_block_config config;
};

static void make_there(void *context)
{
	struct making *making = context;

	making->f->block = nbd_block_new(&making->config, &making->f->error);
}

static void make(struct fixture *f, int fd, bool read_only, enum block_error_policy policy)
{
	struct making making = {.f = f,
				.config = {.fd = fd,
					   .read_only = read_only,
					   .block = {.name = "/srv/web1.qcow2",
						     .thread = f->thread,
						     .policy = policy,
						     .stopped = on_stop,
						     .context = f}}};

	io_thread_call(f->thread, make_there, &making);
}

static bool make_served(struct fixture *f, enum vmms_nbd_format format)
{
	if (!served_image_new(&f->image, format, SIZE))
		return false;
	make(f, f->image.fd, false, BLOCK_ERROR_REPORT);
	f->image.fd = -1;
	g_assert_no_error(f->error);
	return true;
}

/* ---- random operations ----------------------------------------------------------------------- */

static bool overlaps(struct fixture *f, const struct slot *slot)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		const struct slot *other = &f->slots[i];

		if (other != slot && other->used && slot->first < other->first + other->n &&
		    other->first < slot->first + slot->n)
			return true;
	}
	return false;
}

/* One piece, or several that lie anyhow. */
static uint32_t random_row(struct fixture *f, struct slot *slot)
{
	uint64_t left = slot->n * 512;
	uint8_t *at = f->memory + (uint64_t)(slot - f->slots) * SECTORS * 512;
	bool whole = g_random_int() % 3 == 0;
	uint32_t n = 0;

	slot->begin = at;
	while (left) {
		uint64_t part = 1 + g_random_int() % 60000;

		part = whole || n == 7 ? left : MIN(part, left);
		slot->iov[n++] = (struct iovec){at, part};
		at += part;
		left -= part;
	}
	return n;
}

static void random_done(struct block_request *request, int error);

static void random_start(struct fixture *f, struct slot *slot)
{
	/* What was discarded may be there or not. */
	static const enum block_op ops[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_FLUSH,
					    BLOCK_WRITE_ZEROES};
	struct block_request *request = &slot->request;

	slot->f = f;
	do {
		slot->n = 1 + g_random_int() % (g_random_int() % 8 ? 32 : SECTORS);
		slot->first = g_random_int() % (SIZE / 512 - slot->n);
	} while (overlaps(f, slot));
	slot->used = true;
	*request = (struct block_request){
		.op = ops[g_random_int() % G_N_ELEMENTS(ops)],
		.flags = g_random_int() & (BLOCK_FUA | BLOCK_MAY_UNMAP),
		.offset = slot->first * 512,
		.length = slot->n * 512,
		.iov = slot->iov,
		.done = random_done,
	};
	request->n_iov = random_row(f, slot);
	if (request->op == BLOCK_FLUSH) {
		request->offset = request->length = 0;
	} else if (request->op == BLOCK_WRITE) {
		for (uint64_t i = 0; i < request->length; i++)
			slot->begin[i] = (uint8_t)(i * 7 + f->left + (i >> 9));
		memcpy(f->model + request->offset, slot->begin, request->length);
	} else if (request->op == BLOCK_WRITE_ZEROES) {
		memset(f->model + request->offset, 0, request->length);
	}
	f->busy++;
	block_submit(f->block, request);
}

static void random_done(struct block_request *request, int error)
{
	struct slot *slot = (struct slot *)request;
	struct fixture *f = slot->f;

	g_assert_cmpint(error, ==, 0);
	if (request->op == BLOCK_READ)
		g_assert_cmpint(memcmp(slot->begin, f->model + slot->first * 512, slot->n * 512),
				==, 0);
	slot->used = false;
	f->busy--;
	if (f->left) {
		f->left--;
		random_start(f, slot);
	} else if (f->busy == 0) {
		g_mutex_lock(&f->lock);
		f->finished = true;
		g_cond_signal(&f->idle);
		g_mutex_unlock(&f->lock);
	}
}

static void random_begin(void *context)
{
	struct fixture *f = context;

	for (unsigned int i = 0; i < DEPTH; i++)
		random_start(f, &f->slots[i]);
	block_commit(f->block);
}

static void test_random(struct fixture *f, gconstpointer format)
{
	gint64 end = g_get_monotonic_time() + 50 * G_USEC_PER_SEC;
	struct block_stats stats;
	gsize size;

	if (!make_served(f, GPOINTER_TO_UINT(format)))
		return;
	/* The disk's size is the virtual one. */
	g_assert_cmpuint(block_info(f->block)->size, ==, SIZE);
	g_assert_true(block_info(f->block)->write_back);
	f->model = g_malloc0(SIZE);
	f->memory = g_malloc0((size_t)DEPTH * SECTORS * 512);
	f->left = 2000;
	io_thread_call(f->thread, random_begin, f);
	g_mutex_lock(&f->lock);
	while (!f->finished)
		g_assert_true(g_cond_wait_until(&f->idle, &f->lock, end));
	g_mutex_unlock(&f->lock);
	block_get_stats(f->block, &stats);
	g_assert_cmpuint(stats.errors, ==, 0);
	g_assert_cmpuint(stats.in_flight, ==, 0);
	drop_block(f);
	close(f->image.life_fd);
	f->image.life_fd = -1;
	g_assert_cmpint(served_image_wait(&f->image), ==, 0);
	g_autofree char *contents = served_image_contents(&f->image, &size);
	g_assert_cmpuint(size, ==, SIZE);
	g_assert_cmpint(memcmp(contents, f->model, SIZE), ==, 0);
}

/* ---- single operations ----------------------------------------------------------------------- */

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

static void single_run(void *context)
{
	struct single *s = context;

	s->error = 1;
	s->request.iov = &s->iov;
	s->request.n_iov = 1;
	s->request.done = single_done;
	block_submit(s->block, &s->request);
	block_drain(s->block);
}

static int single(struct fixture *f, enum block_op op, uint64_t offset, uint64_t length,
		  void *buffer)
{
	struct single s = {
		.request = {.op = op, .offset = offset, .length = length},
		.iov = {buffer, length},
		.block = f->block,
	};

	io_thread_call(f->thread, single_run, &s);
	return s.error;
}

static uint64_t allocated(const struct fixture *f)
{
	struct stat st;

	g_assert_cmpint(stat(f->image.path, &st), ==, 0);
	return (uint64_t)st.st_blocks * 512;
}

static void test_discard(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree uint8_t *buffer = g_malloc(SIZE);

	if (!make_served(f, VMMS_NBD_QCOW2))
		return;
	g_assert_true(block_info(f->block)->discard);
	g_assert_false(block_info(f->block)->discard_zeroes);
	memset(buffer, 0xaa, SIZE);
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, SIZE, buffer), ==, 0);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, NULL), ==, 0);
	g_assert_cmpuint(allocated(f), >=, SIZE);
	g_assert_cmpint(single(f, BLOCK_DISCARD, 0, SIZE / 2, NULL), ==, 0);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, NULL), ==, 0);
	g_assert_cmpuint(allocated(f), <, SIZE * 3 / 4);
	g_assert_cmpint(single(f, BLOCK_READ, SIZE / 2, SIZE / 2, buffer), ==, 0);
	g_assert_cmphex(buffer[SIZE / 4], ==, 0xaa);
	g_assert_cmpint(single(f, BLOCK_READ, SIZE, 512, buffer), ==, -ERANGE);
	/* Nothing to move is no error. */
	g_assert_cmpint(single(f, BLOCK_READ, 0, 0, buffer), ==, 0);
}

static void test_read_only(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512] = {1};

	dying_server_start(&f->dying, DYING_READ_ONLY, 0);
	make(f, f->dying.fd, false, BLOCK_ERROR_REPORT);
	g_assert_null(f->block);
	g_assert_error(f->error, STORAGE_ERROR, STORAGE_ERROR_FAILED);
	g_assert_nonnull(strstr(f->error->message, "disk /srv/web1.qcow2: "));
	g_assert_nonnull(strstr(f->error->message, "make the disk read-only"));
	g_clear_error(&f->error);
	dying_server_join(&f->dying);
	dying_server_start(&f->dying, DYING_READ_ONLY, 0);
	make(f, f->dying.fd, true, BLOCK_ERROR_REPORT);
	g_assert_no_error(f->error);
	g_assert_true(block_info(f->block)->read_only);
	g_assert_false(block_info(f->block)->discard);
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 512, buffer), ==, -EROFS);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* A server that is killed: what comes after fails, and says that it is for good. */
static void test_killed(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512] = {1};

	if (!make_served(f, VMMS_NBD_VHDX))
		return;
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 512, buffer), ==, 0);
	g_assert_cmpint(kill(f->image.pid, SIGKILL), ==, 0);
	g_assert_cmpint(served_image_wait(&f->image), ==, -SIGKILL);
	/* qemu-nbd ends after its keeper, soon. */
	while (single(f, BLOCK_READ, 0, 512, buffer) == 0)
		g_usleep(1000);
	for (enum block_op op = BLOCK_READ; op < BLOCK_N_OPS; op++)
		g_assert_cmpint(single(f, op, 0, op == BLOCK_FLUSH ? 0 : 512, buffer), ==,
				-ENOTCONN);
}

static void burst_done(struct block_request *request, int error)
{
	struct slot *slot = (struct slot *)request;

	slot->used = false;
	slot->f->busy--;
	g_assert_cmpint(error, <, 0);
}

static void burst_begin(void *context)
{
	struct fixture *f = context;

	for (unsigned int i = 0; i < DEPTH; i++) {
		struct slot *slot = &f->slots[i];

		slot->f = f;
		slot->iov[0] = (struct iovec){f->memory + i * 1024, 512};
		slot->iov[1] = (struct iovec){f->memory + i * 1024 + 512, 512};
		slot->request = (struct block_request){.op = i % 2 ? BLOCK_READ : BLOCK_WRITE,
						       .offset = i * 1024,
						       .length = 1024,
						       .iov = slot->iov,
						       .n_iov = 2,
						       .done = burst_done};
		f->busy++;
		block_submit(f->block, &slot->request);
	}
	block_drain(f->block);
}

/* It dies with many requests in flight and more that wait: each ends once, with an error. */
static void test_dies(struct fixture *f, gconstpointer how)
{
	uint8_t buffer[512] = {1};
	struct block_stats stats;

	f->memory = g_malloc0((size_t)DEPTH * 1024);
	dying_server_start(&f->dying, GPOINTER_TO_UINT(how), 10);
	make(f, f->dying.fd, false, BLOCK_ERROR_REPORT);
	g_assert_no_error(f->error);
	io_thread_call(f->thread, burst_begin, f);
	g_assert_cmpuint(f->busy, ==, 0);
	block_get_stats(f->block, &stats);
	g_assert_cmpuint(stats.errors, ==, DEPTH);
	g_assert_cmpuint(stats.in_flight, ==, 0);
	g_assert_cmpint(single(f, BLOCK_READ, 0, 512, buffer), <, 0);
}

static void resume(void *context)
{
	block_resume(context);
}

static void cancel(void *context)
{
	block_cancel(context, NULL, NULL);
}

/* The policy to stop: requests wait, once told; a resume finds the server as dead as before. */
static void test_dies_stops(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct block_stats stats;

	f->memory = g_malloc0((size_t)DEPTH * 1024);
	dying_server_start(&f->dying, DYING_SILENT, 10);
	make(f, f->dying.fd, false, BLOCK_ERROR_STOP);
	io_thread_call(f->thread, burst_begin, f);
	g_assert_cmpuint(f->busy, ==, DEPTH);
	g_assert_cmpuint(f->stops, ==, 1);
	io_thread_call(f->thread, resume, f->block);
	g_assert_cmpuint(f->stops, ==, 2);
	block_get_stats(f->block, &stats);
	g_assert_true(stats.stopped);
	g_assert_cmpuint(stats.queued, ==, DEPTH);
	io_thread_call(f->thread, cancel, f->block);
	g_assert_cmpuint(f->busy, ==, 0);
}

/* Errors of single requests leave the connection alone. */
static void test_eio(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512] = {1};

	dying_server_start(&f->dying, DYING_EIO, 0);
	make(f, f->dying.fd, false, BLOCK_ERROR_REPORT);
	g_assert_no_error(f->error);
	for (enum block_op op = BLOCK_READ; op < BLOCK_N_OPS; op++)
		g_assert_cmpint(single(f, op, 0, op == BLOCK_FLUSH ? 0 : 512, buffer), ==, -EIO);
}

static void test_no_server(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	dying_server_start(&f->dying, DYING_BEFORE, 0);
	make(f, f->dying.fd, false, BLOCK_ERROR_REPORT);
	g_assert_null(f->block);
	g_assert_error(f->error, STORAGE_ERROR, STORAGE_ERROR_FAILED);
	g_assert_nonnull(strstr(f->error->message, "disk /srv/web1.qcow2: its server does not"));
}

#define ADD(path, data, test) \
	g_test_add(path, struct fixture, GUINT_TO_POINTER(data), set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/nbd-block/random/qcow2", VMMS_NBD_QCOW2, test_random);
	ADD("/nbd-block/random/vhd", VMMS_NBD_VHD, test_random);
	ADD("/nbd-block/random/vhdx", VMMS_NBD_VHDX, test_random);
	ADD("/nbd-block/discard", 0, test_discard);
	ADD("/nbd-block/read-only", 0, test_read_only);
	ADD("/nbd-block/killed", 0, test_killed);
	ADD("/nbd-block/dies/silent", DYING_SILENT, test_dies);
	ADD("/nbd-block/dies/mid-read", DYING_MID_READ, test_dies);
	ADD("/nbd-block/dies/garbage", DYING_GARBAGE, test_dies);
	ADD("/nbd-block/dies/stops", 0, test_dies_stops);
	ADD("/nbd-block/eio", 0, test_eio);
	ADD("/nbd-block/no-server", 0, test_no_server);
	return g_test_run();
}
