/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images behind a real qemu-nbd, compared with a copy in memory; and servers that die. */
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block_run.h"
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
	GAsyncQueue *lost; /* a word each time that a server is asked for */
	uint32_t await_ms;
	/* a burst */
	uint8_t *memory;
	unsigned int busy;
	int outcome;	      /* error of each */
	GAsyncQueue *over;    /* a word at the end */
	GAsyncQueue *stopped; /* and each time that the disk stops */
	struct slot {
		struct block_request request;
		struct fixture *f;
		struct iovec iov[2];
	} slots[DEPTH];
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->thread = io_thread_new("test-nbd", NULL);
	f->image.fd = f->image.life_fd = -1;
	f->lost = g_async_queue_new();
	f->over = g_async_queue_new();
	f->stopped = g_async_queue_new();
	f->outcome = -ENOTCONN;
}

static void drop_block(struct fixture *f)
{
	block_run_free(f->thread, f->block);
	f->block = NULL;
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	drop_block(f);
	io_thread_free(f->thread);
	served_image_clear(&f->image);
	if (f->dying.thread)
		dying_server_join(&f->dying);
	g_free(f->memory);
	g_async_queue_unref(f->lost);
	g_async_queue_unref(f->over);
	g_async_queue_unref(f->stopped);
	g_clear_error(&f->error);
}

static void on_stop(void *context, enum block_op op G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED,
		    int error)
{
	g_assert_cmpint(error, <, 0);
	struct fixture *f = context;

	f->stops++;
	g_async_queue_push(f->stopped, f);
}

static void on_lost(void *context)
{
	g_async_queue_push(((struct fixture *)context)->lost, context);
}

static void await(GAsyncQueue *queue)
{
	g_assert_nonnull(g_async_queue_timeout_pop(queue, 30 * G_USEC_PER_SEC));
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
					   .lost = on_lost,
					   .await_ms = f->await_ms,
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

static void test_random(struct fixture *f, gconstpointer format)
{
	struct block_stats stats;
	gsize size;

	if (!make_served(f, GPOINTER_TO_UINT(format)))
		return;
	/* The disk's size is the virtual one. */
	g_assert_cmpuint(block_info(f->block)->size, ==, SIZE);
	g_assert_true(block_info(f->block)->write_back);
	/* What was discarded may be there or not. */
	g_autofree uint8_t *model = block_run_random(&(struct block_run){.thread = f->thread,
									 .block = f->block,
									 .size = SIZE,
									 .depth = DEPTH,
									 .sectors = SECTORS,
									 .count = 2000});
	block_get_stats(f->block, &stats);
	g_assert_cmpuint(stats.errors, ==, 0);
	g_assert_cmpuint(stats.in_flight, ==, 0);
	drop_block(f);
	close(f->image.life_fd);
	f->image.life_fd = -1;
	g_assert_cmpint(served_image_wait(&f->image), ==, 0);
	g_autofree char *contents = served_image_contents(&f->image, &size);
	g_assert_cmpuint(size, ==, SIZE);
	g_assert_cmpint(memcmp(contents, model, SIZE), ==, 0);
}

/* ---- single operations ----------------------------------------------------------------------- */

static int single(struct fixture *f, enum block_op op, uint64_t offset, uint64_t length,
		  void *buffer)
{
	return block_run_single(f->thread, f->block, op, 0, offset, length, buffer);
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

static void kill_server(struct fixture *f)
{
	g_assert_cmpint(kill(f->image.pid, SIGKILL), ==, 0);
	g_assert_cmpint(served_image_wait(&f->image), ==, -SIGKILL);
	await(f->lost); /* qemu-nbd ends after its keeper, soon */
	close(f->image.life_fd);
}

struct serving {
	struct fixture *f;
	int fd;
	bool done;
};

static void serve_there(void *context)
{
	struct serving *serving = context;

	g_assert_true(nbd_block_is_awaited(serving->f->block));
	serving->done = nbd_block_serve(serving->f->block, serving->fd, &serving->f->error);
	block_refresh(serving->f->block);
}

static bool serve(struct fixture *f, int fd)
{
	struct serving serving = {.f = f, .fd = fd};

	io_thread_call(f->thread, serve_there, &serving);
	return serving.done;
}

static void serve_anew(struct fixture *f)
{
	const struct vmms_nbd_order order = {.magic = VMMS_NBD_MAGIC,
					     .n_layers = 1,
					     .formats = {(uint8_t)f->image.format},
					     .discard = 1};

	served_image_serve(&f->image, &order);
	g_assert_true(serve(f, f->image.fd));
	f->image.fd = -1;
}

/* A server that is killed: what a caller cannot wait for fails, and says why. */
static void test_killed(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512] = {1};

	if (!make_served(f, VMMS_NBD_VHDX))
		return;
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, buffer), ==, 0);
	kill_server(f);
	f->image.life_fd = -1;
	for (enum block_op op = BLOCK_READ; op < BLOCK_N_OPS; op++)
		g_assert_cmpint(single(f, op, 0, op == BLOCK_FLUSH ? 0 : 512, buffer), ==,
				-ENOTCONN);
}

static void burst_done(struct block_request *request, int error)
{
	struct slot *slot = (struct slot *)request;

	g_assert_cmpint(error, ==, slot->f->outcome);
	if (--slot->f->busy == 0)
		g_async_queue_push(slot->f->over, slot->f);
}

static void burst_begin(void *context)
{
	struct fixture *f = context;

	f->memory = g_malloc((size_t)DEPTH * 1024);
	memset(f->memory, 0x5a, (size_t)DEPTH * 1024);
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
		if (i == 7) {
			slot->request.op = BLOCK_FLUSH;
			slot->request.offset = slot->request.length = 0;
		}
		f->busy++;
		block_submit(f->block, &slot->request);
	}
	block_commit(f->block);
}

static void drain(void *context)
{
	block_drain(context);
}

/* It dies with many requests in flight and more that wait: each ends once, with an error. */
static void test_dies(struct fixture *f, gconstpointer how)
{
	uint8_t buffer[512] = {1};
	struct block_stats stats;

	dying_server_start(&f->dying, GPOINTER_TO_UINT(how), 10);
	make(f, f->dying.fd, false, BLOCK_ERROR_REPORT);
	g_assert_no_error(f->error);
	io_thread_call(f->thread, burst_begin, f);
	io_thread_call(f->thread, drain, f->block);
	g_assert_cmpuint(f->busy, ==, 0);
	block_get_stats(f->block, &stats);
	g_assert_cmpuint(stats.errors, ==, DEPTH);
	g_assert_cmpuint(stats.in_flight, ==, 0);
	g_assert_cmpint(single(f, BLOCK_READ, 0, 512, buffer), <, 0);
}

/* Nobody brings another one in time. */
static void test_not_replaced(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->await_ms = 20;
	dying_server_start(&f->dying, DYING_SILENT, 10);
	make(f, f->dying.fd, false, BLOCK_ERROR_REPORT);
	io_thread_call(f->thread, burst_begin, f);
	await(f->lost);
	await(f->over);
}

static void resume(void *context)
{
	block_resume(context);
}

static void cancel(void *context)
{
	block_cancel(context, NULL, NULL);
}

/* The same where the machine is to stop: it does, whether the server stays away or dies each time.
 */
static void test_not_replaced_stops(struct fixture *f, gconstpointer servers)
{
	f->outcome = -ECANCELED;
	f->await_ms = servers ? 30000 : 20;
	dying_server_start(&f->dying, DYING_SILENT, 10);
	make(f, f->dying.fd, false, BLOCK_ERROR_STOP);
	io_thread_call(f->thread, burst_begin, f);
	for (unsigned int i = 0; i < GPOINTER_TO_UINT(servers); i++) {
		await(f->lost);
		dying_server_join(&f->dying);
		dying_server_start(&f->dying, DYING_SILENT, 10);
		g_assert_true(serve(f, f->dying.fd));
	}
	await(f->stopped);
	g_assert_cmpuint(f->stops, ==, 1);
	g_assert_cmpuint(f->busy, ==, DEPTH);
	io_thread_call(f->thread, cancel, f->block);
	g_assert_cmpuint(f->busy, ==, 0);
}

/* The policy to stop: requests wait, once told; a resume asks for a server again. */
static void test_dies_stops(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct block_stats stats;

	f->outcome = -ECANCELED;
	dying_server_start(&f->dying, DYING_SILENT, 10);
	make(f, f->dying.fd, false, BLOCK_ERROR_STOP);
	io_thread_call(f->thread, burst_begin, f);
	await(f->lost);
	for (unsigned int i = 1; i <= 2; i++) {
		io_thread_call(f->thread, drain, f->block);
		g_assert_cmpuint(f->busy, ==, DEPTH);
		g_assert_cmpuint(f->stops, ==, i);
		block_get_stats(f->block, &stats);
		g_assert_true(stats.stopped);
		g_assert_cmpuint(stats.queued, ==, DEPTH);
		if (i == 1) {
			io_thread_call(f->thread, resume, f->block);
			await(f->lost);
		}
	}
	io_thread_call(f->thread, cancel, f->block);
	g_assert_cmpuint(f->busy, ==, 0);
}

/* What was not answered, and what came since, goes to the next server; that has another size. */
static void test_replaced(struct fixture *f, gconstpointer policy)
{
	g_autofree uint8_t *buffer = g_malloc0(1024);

	f->outcome = 0;
	dying_server_start(&f->dying, DYING_SILENT, 10);
	make(f, f->dying.fd, false, GPOINTER_TO_UINT(policy));
	io_thread_call(f->thread, burst_begin, f);
	await(f->lost);
	if (!served_image_new(&f->image, VMMS_NBD_QCOW2, SIZE)) {
		f->outcome = policy ? -ECANCELED : -ENOTCONN;
		io_thread_call(f->thread, drain, f->block);
		io_thread_call(f->thread, cancel, f->block);
		return;
	}
	g_assert_true(serve(f, f->image.fd));
	f->image.fd = -1;
	await(f->over);
	g_assert_cmpuint(f->stops, ==, 0);
	g_assert_cmpuint(block_info(f->block)->size, ==, SIZE);
	for (unsigned int i = 0; i < DEPTH; i += 2) {
		g_assert_cmpint(single(f, BLOCK_READ, (uint64_t)i * 1024, 1024, buffer), ==, 0);
		for (unsigned int k = 0; k < 1024; k++)
			g_assert_cmphex(buffer[k], ==, 0x5a);
	}
}

/* What a server that died had not made durable may be lost: the guest has to hear of it, once. */
static void test_flush_fails(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512] = {1};

	if (!make_served(f, VMMS_NBD_QCOW2))
		return;
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 512, buffer), ==, 0);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, NULL), ==, 0);
	kill_server(f);
	serve_anew(f);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, NULL), ==, 0);
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 512, buffer), ==, 0);
	kill_server(f);
	serve_anew(f);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, NULL), ==, -EIO);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, NULL), ==, 0);
}

static void suspend(void *context)
{
	struct serving *serving = context;

	serving->done = nbd_block_suspend(serving->f->block, &serving->f->error);
}

/* A server that is left in order has lost nothing, and requests wait for the next. */
static void test_suspend(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct serving serving = {.f = f};
	uint8_t buffer[512] = {1};

	if (!make_served(f, VMMS_NBD_QCOW2))
		return;
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 512, buffer), ==, 0);
	io_thread_call(f->thread, suspend, &serving);
	g_assert_no_error(f->error);
	g_assert_true(serving.done);
	close(f->image.life_fd);
	g_assert_cmpint(served_image_wait(&f->image), ==, 0);
	f->outcome = 0;
	io_thread_call(f->thread, burst_begin, f);
	serve_anew(f);
	await(f->over);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, NULL), ==, 0);
	g_assert_cmpint(g_async_queue_length(f->lost), ==, 0);
	/* One that is there needs no other. */
	g_assert_false(nbd_block_is_awaited(f->block));
}

/* A request that kills whoever serves it is not tried for ever. */
static void test_fruitless(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	dying_server_start(&f->dying, DYING_SILENT, 10);
	make(f, f->dying.fd, false, BLOCK_ERROR_REPORT);
	io_thread_call(f->thread, burst_begin, f);
	for (unsigned int i = 0; i < 3; i++) {
		await(f->lost);
		dying_server_join(&f->dying);
		dying_server_start(&f->dying, DYING_SILENT, 10);
		g_assert_true(serve(f, f->dying.fd));
	}
	await(f->over);
	/* One that cannot be spoken with changes nothing. */
	dying_server_join(&f->dying);
	dying_server_start(&f->dying, DYING_BEFORE, 0);
	g_assert_false(serve(f, f->dying.fd));
	g_assert_error(f->error, STORAGE_ERROR, STORAGE_ERROR_FAILED);
	g_assert_nonnull(strstr(f->error->message, "it greets in another protocol"));
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
	ADD("/nbd-block/dies/not-replaced", 0, test_not_replaced);
	ADD("/nbd-block/dies/not-replaced-stops", 0, test_not_replaced_stops);
	ADD("/nbd-block/dies/fruitless-stops", 3, test_not_replaced_stops);
	ADD("/nbd-block/replaced/report", BLOCK_ERROR_REPORT, test_replaced);
	ADD("/nbd-block/replaced/stop", BLOCK_ERROR_STOP, test_replaced);
	ADD("/nbd-block/replaced/flush-fails", 0, test_flush_fails);
	ADD("/nbd-block/replaced/suspend", 0, test_suspend);
	ADD("/nbd-block/replaced/fruitless", 0, test_fruitless);
	ADD("/nbd-block/dies/stops", 0, test_dies_stops);
	ADD("/nbd-block/eio", 0, test_eio);
	ADD("/nbd-block/no-server", 0, test_no_server);
	return g_test_run();
}
