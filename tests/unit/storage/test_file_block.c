/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file through a real io_uring, compared with a copy in memory. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <liburing.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block_run.h"
#include "file_block.h"
#include "io_thread.h"
#include "storage_error.h"

#define SIZE  (4u << 20)
#define DEPTH 24u /* more than the ring has entries, so that some wait */

struct fixture {
	struct io_thread *thread;
	struct uring *ring;
	char *path;
	struct block *block;
	GError *error;
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd;

	f->thread = io_thread_new("test-file", NULL);
	f->ring = uring_new(8, &f->error);
	if (f->ring)
		g_assert_true(uring_attach(f->ring, f->thread, NULL));
	fd = g_file_open_tmp("vmms-disk-XXXXXX", &f->path, NULL);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, SIZE), ==, 0);
	close(fd);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	block_run_free(f->thread, f->block);
	uring_free(f->ring);
	io_thread_free(f->thread);
	g_unlink(f->path);
	g_free(f->path);
	g_clear_error(&f->error);
}

static bool skipped(struct fixture *f)
{
	if (!f->ring)
		g_test_skip(f->error->message);
	return !f->ring;
}

static void make(struct fixture *f, enum file_cache cache, bool read_only, GError **error)
{
	struct file_block_config config = {
		.fd = open(f->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC),
		.cache = cache,
		.read_only = read_only,
		.block = {.name = "web1-root", .thread = f->thread},
	};

	f->block = file_block_new(f->ring, &config, error);
}

/* ---- random operations ----------------------------------------------------------------------- */

static void assert_same(const void *a, const void *b, size_t size)
{
	g_assert_cmpint(memcmp(a, b, size), ==, 0);
}

static void test_random(struct fixture *f, gconstpointer cache)
{
	g_autoptr(GError) error = NULL;
	gsize size;

	if (skipped(f))
		return;
	make(f, GPOINTER_TO_INT(cache), false, &error);
	if (!f->block) { /* a file system without O_DIRECT */
		g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_UNSUPPORTED);
		g_test_skip(error->message);
		return;
	}
	g_autofree uint8_t *model = block_run_random(&(struct block_run){.thread = f->thread,
									 .block = f->block,
									 .size = SIZE,
									 .depth = DEPTH,
									 .sectors = 128,
									 .count = 3000,
									 .discard = true});
	g_autofree char *contents = NULL;
	g_assert_true(g_file_get_contents(f->path, &contents, &size, NULL));
	g_assert_cmpuint(size, ==, SIZE);
	assert_same(contents, model, SIZE);
}

/* ---- single operations ----------------------------------------------------------------------- */

static int single(struct fixture *f, enum block_op op, uint32_t flags, uint64_t offset,
		  uint64_t length, void *buffer)
{
	return block_run_single(f->thread, f->block, op, flags, offset, length, buffer);
}

static uint64_t allocated(struct fixture *f)
{
	struct stat st;

	g_assert_cmpint(stat(f->path, &st), ==, 0);
	return (uint64_t)st.st_blocks * 512;
}

static void test_discard(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree uint8_t *buffer = g_malloc(SIZE);

	if (skipped(f))
		return;
	make(f, FILE_CACHE_WRITEBACK, false, NULL);
	g_assert_true(block_info(f->block)->discard);
	memset(buffer, 0xaa, SIZE);
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 0, SIZE, buffer), ==, 0);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, 0, NULL), ==, 0);
	g_assert_cmpuint(allocated(f), >=, SIZE);
	g_assert_cmpint(single(f, BLOCK_DISCARD, 0, 0, SIZE / 2, NULL), ==, 0);
	g_assert_cmpuint(allocated(f), <, SIZE);
	g_assert_cmpint(single(f, BLOCK_WRITE_ZEROES, BLOCK_MAY_UNMAP, SIZE / 2, SIZE / 4, NULL),
			==, 0);
	g_assert_cmpuint(allocated(f), <=, SIZE / 4 + (64 << 10));
	g_assert_cmpint(single(f, BLOCK_READ, 0, 0, SIZE, buffer), ==, 0);
	for (uint32_t i = 0; i < SIZE; i++)
		g_assert_cmphex(buffer[i], ==, i < SIZE / 4 * 3 ? 0 : 0xaa);
}

/* O_DIRECT and a misaligned buffer larger than a bounce buffer: in several steps. */
static void test_bounce(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree uint8_t *out = g_malloc(SIZE + 1), *in = g_malloc0(SIZE + 1);

	if (skipped(f))
		return;
	make(f, FILE_CACHE_NONE, false, NULL);
	if (!f->block) {
		g_test_skip("no O_DIRECT on this file system");
		return;
	}
	for (uint32_t i = 0; i <= SIZE; i++)
		out[i] = (uint8_t)(i >> 9 ^ i);
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 512, 1 << 20, out + 1), ==, 0);
	g_assert_cmpint(single(f, BLOCK_READ, 0, 512, 1 << 20, in + 1), ==, 0);
	assert_same(in + 1, out + 1, 1 << 20);
}

static void test_size_change(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512];

	if (skipped(f))
		return;
	make(f, FILE_CACHE_WRITEBACK, false, NULL);
	g_assert_cmpuint(block_info(f->block)->size, ==, SIZE);
	g_assert_cmpint(truncate(f->path, SIZE / 2), ==, 0);
	/* Behind the end there is nothing to read: an error, and the size is looked at. */
	g_assert_cmpint(single(f, BLOCK_READ, 0, SIZE - 512, 512, buffer), ==, -ENXIO);
	g_assert_cmpuint(block_info(f->block)->size, ==, SIZE / 2);
	g_assert_cmpint(single(f, BLOCK_READ, 0, SIZE - 512, 512, buffer), ==, -ERANGE);
}

static void assert_refused(struct fixture *f, int fd, bool read_only, uint32_t sectors, int code,
			   const char *part)
{
	g_autoptr(GError) error = NULL;
	struct file_block_config config = {
		.fd = fd,
		.read_only = read_only,
		.block_size = sectors,
		.block = {.name = "web1-root", .thread = f->thread},
	};

	g_assert_null(file_block_new(f->ring, &config, &error));
	g_assert_error(error, STORAGE_ERROR, code);
	g_assert_nonnull(strstr(error->message, "disk \"web1-root\""));
	if (!strstr(error->message, part))
		g_error("\"%s\" is not in \"%s\"", part, error->message);
	g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1); /* it was taken */
}

static void test_bad(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int holder;

	if (skipped(f))
		return;
	assert_refused(f, open("/dev/null", O_RDWR), false, 0, STORAGE_ERROR_INVALID,
		       "neither a regular file nor a block device");
	assert_refused(f, open("/", O_RDONLY), true, 0, STORAGE_ERROR_INVALID, "neither");
	assert_refused(f, open(f->path, O_RDONLY), false, 0, STORAGE_ERROR_INVALID,
		       "opened for reading only");
	assert_refused(f, open(f->path, O_RDWR), false, 1024, STORAGE_ERROR_INVALID,
		       "sectors are of 512 or of 4096 bytes");
	holder = open(f->path, O_RDWR | O_CLOEXEC);
	g_assert_cmpint(fcntl(holder, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK}), ==, 0);
	assert_refused(f, open(f->path, O_RDWR), false, 0, STORAGE_ERROR_IN_USE, "is in use");
	close(holder);
	g_assert_cmpint(truncate(f->path, 100), ==, 0);
	assert_refused(f, open(f->path, O_RDWR), false, 0, STORAGE_ERROR_INVALID,
		       "smaller than one sector");
}

static void test_read_only(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512];

	if (skipped(f))
		return;
	make(f, FILE_CACHE_WRITEBACK, true, NULL);
	g_assert_true(block_info(f->block)->read_only);
	g_assert_false(block_info(f->block)->discard);
	g_assert_cmpint(single(f, BLOCK_READ, 0, 0, 512, buffer), ==, 0);
	g_assert_cmpint(single(f, BLOCK_WRITE, 0, 0, 512, buffer), ==, -EROFS);
}

/* ---- a block device -------------------------------------------------------------------------- */

/* A loop device over the file; negative where that is not to be had. */
static int loop_attach(struct fixture *f, char **path)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number, backing, fd;

	*path = NULL;
	if (control < 0)
		return -1;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	*path = g_strdup_printf("/dev/loop%d", number);
	fd = number < 0 ? -1 : open(*path, O_RDWR | O_CLOEXEC);
	backing = open(f->path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, LOOP_SET_FD, backing) < 0) {
		close(fd);
		fd = -1;
	}
	close(backing);
	return fd;
}

static void test_device(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree uint8_t *buffer = g_malloc(SIZE);
	g_autofree char *path = NULL;
	struct file_block_config config = {.block = {.name = "loop", .thread = f->thread}};
	int loop;

	if (skipped(f))
		return;
	loop = loop_attach(f, &path);
	if (loop < 0) {
		g_test_skip("no loop device can be made here");
		return;
	}
	config.fd = fcntl(loop, F_DUPFD_CLOEXEC, 0);
	f->block = file_block_new(f->ring, &config, NULL);
	g_assert_nonnull(f->block);
	g_assert_cmpuint(block_info(f->block)->size, ==, SIZE);
	g_assert_cmpuint(block_info(f->block)->block_size, ==, 512);
	g_assert_true(block_info(f->block)->discard);
	g_assert_false(block_info(f->block)->discard_zeroes);
	memset(buffer, 0x5a, SIZE);
	g_assert_cmpint(single(f, BLOCK_WRITE, BLOCK_FUA, 0, SIZE, buffer), ==, 0);
	g_assert_cmpint(single(f, BLOCK_DISCARD, 0, 0, SIZE / 4, NULL), ==, 0);
	g_assert_cmpint(single(f, BLOCK_WRITE_ZEROES, 0, SIZE / 4, SIZE / 4, NULL), ==, 0);
	g_assert_cmpint(single(f, BLOCK_WRITE_ZEROES, BLOCK_MAY_UNMAP | BLOCK_FUA, SIZE / 2,
			       SIZE / 4, NULL),
			==, 0);
	g_assert_cmpint(single(f, BLOCK_FLUSH, 0, 0, 0, NULL), ==, 0);
	g_assert_cmpint(single(f, BLOCK_READ, 0, 0, SIZE, buffer), ==, 0);
	for (uint32_t i = SIZE / 4; i < SIZE; i++)
		g_assert_cmphex(buffer[i], ==, i < SIZE / 4 * 3 ? 0 : 0x5a);
	block_run_free(f->thread, f->block);
	f->block = NULL;
	g_assert_cmpint(ioctl(loop, LOOP_CLR_FD), ==, 0);
	close(loop);
}

/* ---- what the ring may do -------------------------------------------------------------------- */

struct forbidden {
	struct uring_op op;
	struct uring *ring;
	int32_t result;
};

static void forbidden_prepare(struct uring_op *op G_GNUC_UNUSED, struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}

static void forbidden_done(struct uring_op *op, int32_t result)
{
	((struct forbidden *)op)->result = result;
}

static void forbidden_run(void *context)
{
	struct forbidden *forbidden = context;

	uring_start(forbidden->ring, &forbidden->op);
	uring_wait(forbidden->ring);
}

/* It is no way around the system call filter. */
static void test_forbidden(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct forbidden forbidden = {
		.op = {forbidden_prepare, forbidden_done, NULL}, .ring = f->ring, .result = 1};

	if (skipped(f))
		return;
	io_thread_call(f->thread, forbidden_run, &forbidden);
	g_assert_cmpint(forbidden.result, ==, -EACCES);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, data, test) \
	g_test_add("/file_block/" name, struct fixture, data, set_up, test, tear_down)
	ADD("random/writeback", GINT_TO_POINTER(FILE_CACHE_WRITEBACK), test_random);
	ADD("random/writethrough", GINT_TO_POINTER(FILE_CACHE_WRITETHROUGH), test_random);
	ADD("random/none", GINT_TO_POINTER(FILE_CACHE_NONE), test_random);
	ADD("random/unsafe", GINT_TO_POINTER(FILE_CACHE_UNSAFE), test_random);
	ADD("discard", NULL, test_discard);
	ADD("bounce", NULL, test_bounce);
	ADD("size-change", NULL, test_size_change);
	ADD("bad", NULL, test_bad);
	ADD("read-only", NULL, test_read_only);
	ADD("device", NULL, test_device);
	ADD("forbidden", NULL, test_forbidden);
	return g_test_run();
}
