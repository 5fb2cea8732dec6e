/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks of a worker after its fall. */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file_block.h"
#include "nbd_block.h"
#include "sandbox.h"
#include "served_image.h"

#define SIZE (1u << 20)

struct disk_test {
	struct block *block;
	struct block_request request;
	struct iovec iov;
	int error;
};

static void request_done(struct block_request *request, int error)
{
	struct disk_test *t =
		(struct disk_test *)((char *)request - offsetof(struct disk_test, request));

	t->error = error;
}

static void run(void *context)
{
	struct disk_test *t = context;

	t->error = 1;
	t->request.done = request_done;
	block_submit(t->block, &t->request);
	block_drain(t->block);
}

static void gone(void *context)
{
	block_free(context);
}

/* Every operation once. */
static bool works(struct io_thread *thread, struct block *block)
{
	static uint8_t buffer[8192] __attribute__((aligned(4096)));

	for (enum block_op op = BLOCK_READ; op < BLOCK_N_OPS; op++) {
		struct disk_test t = {.block = block, .iov = {buffer + 8, 4096}};

		t.request = (struct block_request){.op = op,
						   .length = op == BLOCK_FLUSH ? 0 : 4096,
						   .iov = &t.iov,
						   .n_iov = 1};
		io_thread_call(thread, run, &t);
		if (t.error)
			return false;
	}
	return true;
}

static struct block *disk(struct uring *ring, struct io_thread *thread, int fd,
			  enum file_cache cache)
{
	struct file_block_config config = {
		.fd = fd, .cache = cache, .block = {.name = "d", .thread = thread}};

	return file_block_new(ring, &config, NULL);
}

/* Where there is no qemu-nbd there is nothing to confine; *ret stays NULL then. */
static bool served_disk(struct io_thread *thread, struct block **ret)
{
	struct served_image image;

	if (!served_image_new(&image, VMMS_NBD_QCOW2, SIZE))
		return true;

	const struct nbd_block_config config = {.fd = image.fd,
						.block = {.name = "n", .thread = thread}};
	*ret = nbd_block_new(&config, NULL);
	g_unlink(image.path);
	return *ret != NULL;
}

static bool works_and_closes(struct io_thread *thread, struct block *block)
{
	if (!block)
		return true;
	if (!works(thread, block))
		return false;
	io_thread_call(thread, gone, block);
	return true;
}

/* The exit code: which step failed. The descriptors and the ring come before the fall, the thread
 * after it, so that it is confined as well. */
static int child(const char *first, const char *second)
{
	int cached = open(first, O_RDWR | O_CLOEXEC), direct = open(second, O_RDWR | O_CLOEXEC);
	struct uring *ring = uring_new(64, NULL);
	struct io_thread *thread = io_thread_prepare("disk", NULL);
	struct block *block, *served = NULL;

	if (!ring)
		return 77;
	if (!thread || !served_disk(thread, &served))
		return 5;
	if (!sandbox_enter(NULL, NULL))
		return 1;
	if (!io_thread_start(thread, NULL) || !uring_attach(ring, thread, NULL))
		return 2;
	block = disk(ring, thread, cached, FILE_CACHE_WRITEBACK);
	if (!block || !works(thread, block))
		return 3;
	block = disk(ring, thread, direct, FILE_CACHE_NONE);
	if (block && !works(thread, block)) /* not every file system has O_DIRECT */
		return 4;
	return works_and_closes(thread, served) ? 0 : 6;
}

static char *make_image(void)
{
	char *path;
	int fd = g_file_open_tmp("vmms-confined-XXXXXX", &path, NULL);

	g_assert_cmpint(ftruncate(fd, SIZE), ==, 0);
	close(fd);
	return path;
}

static void test_disks(void)
{
	g_autofree char *first = make_image(), *second = make_image();
	int status;
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		alarm(20);
		_exit(child(first, second));
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_unlink(first);
	g_unlink(second);
	g_assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		g_test_skip("io_uring is not permitted here");
	else
		g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/confined/disks", test_disks);
	return g_test_run();
}
