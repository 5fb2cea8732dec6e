/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The front: bounds, limits, the policy for errors, cancelling. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "io_thread.h"
#include "memory_block.h"

#define SIZE (64u << 10)

struct fixture {
	struct io_thread *thread;
	struct memory_block memory;
	struct block *block;
	unsigned int stopped, batches;
	uint64_t stopped_offset;
	int stopped_error;
	uint64_t resized;
	struct limit_test *limit;
};

struct test_request {
	struct block_request request;
	struct iovec iov;
	bool done;
	int error;
};

static void request_done(struct block_request *request, int error)
{
	struct test_request *t = (struct test_request *)request;

	g_assert_false(t->done);
	t->done = true;
	t->error = error;
}

static void on_stopped(void *context, enum block_op op G_GNUC_UNUSED, uint64_t offset, int error)
{
	struct fixture *f = context;

	f->stopped++;
	f->stopped_offset = offset;
	f->stopped_error = error;
}

static void on_batch(void *context)
{
	((struct fixture *)context)->batches++;
}

static void on_resized(void *context, uint64_t size)
{
	((struct fixture *)context)->resized = size;
}

static void make(struct fixture *f, const struct block_config *config, bool read_only)
{
	const struct block_info info = {
		.block_size = 512, .physical_block_size = 4096, .read_only = read_only};
	struct block_config with = *config;

	with.name = "d";
	with.thread = f->thread;
	with.stopped = on_stopped;
	with.context = f;
	f->block = memory_block_new(&f->memory, SIZE, &info, &with);
	block_set_client(f->block, &(struct block_client){.batch_done = on_batch,
							  .resized = on_resized,
							  .context = f});
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->thread = io_thread_new("test-block", NULL);
	g_assert_nonnull(f->thread);
}

static void release(void *context)
{
	struct fixture *f = context;

	block_cancel(f->block, NULL, NULL);
	block_drain(f->block);
	block_cancel(f->block, NULL, NULL);
	block_free(f->block);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	io_thread_call(f->thread, release, f);
	io_thread_free(f->thread);
	memory_block_clear(&f->memory);
}

/* Test bodies run on the block's thread. */
struct body {
	struct fixture *f;
	void (*run)(struct fixture *f);
};

static void run_body(void *context)
{
	struct body *body = context;

	body->run(body->f);
}

static void on_thread(struct fixture *f, void (*run)(struct fixture *f))
{
	struct body body = {f, run};

	io_thread_call(f->thread, run_body, &body);
}

static void submit(struct fixture *f, struct test_request *t, enum block_op op, uint64_t offset,
		   uint64_t length)
{
	static uint8_t buffer[SIZE];

	*t = (struct test_request){.iov = {buffer, length}};
	t->request = (struct block_request){.op = op,
					    .offset = offset,
					    .length = length,
					    .iov = &t->iov,
					    .n_iov = 1,
					    .done = request_done};
	block_submit(f->block, &t->request);
	g_assert_false(t->done); /* never from within */
}

static void assert_fails(struct fixture *f, enum block_op op, uint64_t offset, uint64_t length,
			 int error)
{
	struct test_request t;

	submit(f, &t, op, offset, length);
	block_commit(f->block);
	g_assert_true(t.done);
	g_assert_cmpint(t.error, ==, error);
}

static void run_bounds(struct fixture *f)
{
	struct block_stats stats;

	assert_fails(f, BLOCK_READ, 0, SIZE, 0);
	assert_fails(f, BLOCK_READ, SIZE - 512, 512, 0);
	assert_fails(f, BLOCK_WRITE, SIZE, 0, 0);
	assert_fails(f, BLOCK_READ, SIZE - 512, 1024, -ERANGE);
	assert_fails(f, BLOCK_READ, SIZE, 512, -ERANGE);
	assert_fails(f, BLOCK_WRITE, UINT64_MAX - 511, 512, -ERANGE);
	assert_fails(f, BLOCK_DISCARD, 512, UINT64_MAX - 511, -ERANGE);
	assert_fails(f, BLOCK_READ, 1, 512, -EINVAL);
	assert_fails(f, BLOCK_WRITE, 512, 513, -EINVAL);
	block_get_stats(f->block, &stats);
	g_assert_cmpuint(stats.rejected, ==, 6);
	g_assert_cmpuint(stats.operations[BLOCK_READ], ==, 2);
	g_assert_cmpuint(stats.bytes[BLOCK_READ], ==, SIZE + 512);
	g_assert_cmpuint(f->batches, ==, 9);
}

static void test_bounds(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	make(f, &(struct block_config){0}, false);
	on_thread(f, run_bounds);
}

static void run_read_only(struct fixture *f)
{
	assert_fails(f, BLOCK_READ, 0, 512, 0);
	assert_fails(f, BLOCK_FLUSH, 0, 0, 0);
	assert_fails(f, BLOCK_WRITE, 0, 512, -EROFS);
	assert_fails(f, BLOCK_DISCARD, 0, 512, -EROFS);
	assert_fails(f, BLOCK_WRITE_ZEROES, 0, 512, -EROFS);
}

static void test_read_only(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	make(f, &(struct block_config){0}, true);
	on_thread(f, run_read_only);
}

static void run_report(struct fixture *f)
{
	f->memory.fail = -EIO;
	assert_fails(f, BLOCK_WRITE, 0, 512, -EIO);
	f->memory.fail = 0;
	assert_fails(f, BLOCK_WRITE, 0, 512, 0);
	g_assert_cmpuint(f->stopped, ==, 0);
}

static void test_report(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	make(f, &(struct block_config){.policy = BLOCK_ERROR_REPORT}, false);
	on_thread(f, run_report);
}

static void run_stop(struct fixture *f)
{
	struct test_request t[3];
	struct block_stats stats;

	f->memory.fail = -ENOSPC;
	submit(f, &t[0], BLOCK_WRITE, 1024, 512);
	submit(f, &t[1], BLOCK_WRITE, 2048, 512);
	block_commit(f->block);
	submit(f, &t[2], BLOCK_READ, 0, 512);
	block_commit(f->block);
	g_assert_false(t[0].done || t[1].done || t[2].done);
	g_assert_cmpuint(f->stopped, ==, 1);
	g_assert_cmpuint(f->stopped_offset, ==, 1024);
	g_assert_cmpint(f->stopped_error, ==, -ENOSPC);
	block_resume(f->block); /* still full: stops again */
	g_assert_cmpuint(f->stopped, ==, 2);
	g_assert_false(t[0].done || t[1].done || t[2].done);
	f->memory.fail = 0;
	block_resume(f->block);
	g_assert_true(t[0].done && t[1].done && t[2].done);
	g_assert_cmpint(t[0].error | t[1].error | t[2].error, ==, 0);
	block_get_stats(f->block, &stats);
	g_assert_false(stats.stopped);
	g_assert_cmpuint(stats.in_flight + stats.queued, ==, 0);
}

/* What the kernel could not write back is lost: no second try may say that all is well. */
static void run_stop_flush(struct fixture *f)
{
	struct test_request flush, write;

	f->memory.fail = -EIO;
	submit(f, &flush, BLOCK_FLUSH, 0, 0);
	block_commit(f->block);
	g_assert_true(flush.done);
	g_assert_cmpint(flush.error, ==, -EIO);
	g_assert_cmpuint(f->stopped, ==, 1);
	f->memory.fail = 0;
	submit(f, &write, BLOCK_WRITE, 0, 512);
	block_commit(f->block);
	g_assert_false(write.done);
	block_resume(f->block);
	g_assert_true(write.done);
}

static bool match_offset(const struct block_request *request, void *context)
{
	return request->offset == *(uint64_t *)context;
}

static void run_cancel(struct fixture *f)
{
	struct test_request t[2];
	uint64_t offset = 512;

	f->memory.fail = -EIO;
	submit(f, &t[0], BLOCK_WRITE, 0, 512);
	block_commit(f->block);
	submit(f, &t[1], BLOCK_WRITE, 512, 512);
	block_cancel(f->block, match_offset, &offset);
	g_assert_true(t[1].done);
	g_assert_cmpint(t[1].error, ==, -ECANCELED);
	g_assert_false(t[0].done);
	block_cancel(f->block, NULL, NULL);
	g_assert_cmpint(t[0].error, ==, -ECANCELED);
}

static void test_stop(struct fixture *f, gconstpointer run)
{
	make(f, &(struct block_config){.policy = BLOCK_ERROR_STOP}, false);
	on_thread(f, (void (*)(struct fixture *))run);
}

static void run_drain(struct fixture *f)
{
	struct test_request t[4];

	f->memory.hold = true;
	for (unsigned int i = 0; i < 4; i++)
		submit(f, &t[i], BLOCK_READ, 0, 512);
	block_commit(f->block);
	g_assert_false(t[0].done);
	block_drain(f->block);
	for (unsigned int i = 0; i < 4; i++)
		g_assert_true(t[i].done);
	g_assert_cmpuint(f->batches, ==, 1);
}

/* What the limits hold back is not waited for, nor is what an error has stopped. */
static void run_settle(struct fixture *f)
{
	struct test_request t[20];

	block_set_limits(f->block, &(struct block_limits){.iops = 1, .iops_burst = 1});
	for (unsigned int i = 0; i < 20; i++)
		submit(f, &t[i], BLOCK_READ, 0, 512);
	g_assert_true(block_settle(f->block));
	for (unsigned int i = 0; i < 20; i++)
		g_assert_true(t[i].done);
	f->memory.fail = -EIO;
	f->memory.fail_op = BLOCK_N_OPS;
	submit(f, &t[0], BLOCK_READ, 0, 512);
	g_assert_false(block_settle(f->block));
	g_assert_false(t[0].done);
	f->memory.fail = 0;
	block_resume(f->block);
	g_assert_true(block_settle(f->block));
	g_assert_true(t[0].done);
}

static void run_refresh(struct fixture *f)
{
	block_refresh(f->block);
	g_assert_cmpuint(f->resized, ==, 0);
	f->memory.size = SIZE / 2 + 100;
	block_refresh(f->block);
	g_assert_cmpuint(f->resized, ==, SIZE / 2);
	assert_fails(f, BLOCK_READ, SIZE / 2, 512, -ERANGE);
}

static void test_plain(struct fixture *f, gconstpointer run)
{
	make(f, &(struct block_config){0}, false);
	on_thread(f, (void (*)(struct fixture *))run);
}

/* ---- limits ---------------------------------------------------------------------------------- */

struct limit_test {
	struct test_request t[30];
	unsigned int left;
	GMainLoop *loop;
};

static void limited_done(struct block_request *request, int error)
{
	struct test_request *t = (struct test_request *)request;
	struct limit_test *l = request->iov->iov_base;

	t->done = true;
	t->error = error;
	if (--l->left == 0)
		g_main_loop_quit(l->loop);
}

static void run_limited(struct fixture *f)
{
	struct limit_test *l = f->limit;

	for (unsigned int i = 0; i < G_N_ELEMENTS(l->t); i++) {
		l->t[i].iov = (struct iovec){l, 0};
		l->t[i].request = (struct block_request){
			.op = BLOCK_READ, .iov = &l->t[i].iov, .n_iov = 1, .done = limited_done};
		block_submit(f->block, &l->t[i].request);
	}
	block_commit(f->block);
}

static gboolean too_long(gpointer data G_GNUC_UNUSED)
{
	g_error("the limit holds requests back for ever");
	return FALSE;
}

/* 30 requests at 200 a second with a burst of 10: 100 ms, and never less. */
static void test_limited(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct limit_test l = {.left = G_N_ELEMENTS(l.t), .loop = g_main_loop_new(NULL, FALSE)};
	gint64 start = g_get_monotonic_time();
	guint timeout = g_timeout_add_seconds(20, too_long, NULL);
	struct block_stats stats;

	make(f, &(struct block_config){.limits = {.iops = 200, .iops_burst = 10}}, false);
	f->limit = &l;
	on_thread(f, run_limited);
	g_main_loop_run(l.loop);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, 99000);
	block_get_stats(f->block, &stats);
	g_assert_cmpuint(stats.delayed, ==, 20);
	g_source_remove(timeout);
	g_main_loop_unref(l.loop);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, data, test) \
	g_test_add("/block/" name, struct fixture, data, set_up, test, tear_down)
	ADD("bounds", NULL, test_bounds);
	ADD("read-only", NULL, test_read_only);
	ADD("report", NULL, test_report);
	ADD("stop", (gconstpointer)run_stop, test_stop);
	ADD("stop-flush", (gconstpointer)run_stop_flush, test_stop);
	ADD("cancel", (gconstpointer)run_cancel, test_stop);
	ADD("settle", (gconstpointer)run_settle, test_stop);
	ADD("drain", (gconstpointer)run_drain, test_plain);
	ADD("refresh", (gconstpointer)run_refresh, test_plain);
	ADD("limited", NULL, test_limited);
	return g_test_run();
}
