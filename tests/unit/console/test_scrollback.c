/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <console_ring.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"
#include "scrollback_file.h"

#define SIZE 4096u

struct fixture {
	struct scrollback ring;
	uint8_t *memory;
	size_t length;
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->length = scrollback_footprint(SIZE);
	f->memory = g_malloc(f->length); /* exactly, so that AddressSanitizer sees its ends */
	memset(f->memory, 0xa5, f->length);
	scrollback_format(&f->ring, f->memory, SIZE);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_free(f->memory);
}

static void write_text(struct scrollback *ring, const char *text)
{
	scrollback_write(ring, (const uint8_t *)text, strlen(text));
}

static void test_format(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct vmms_console_ring_header *header = (const void *)f->memory;
	struct scrollback again;

	g_assert_cmpint(memcmp(header->magic, "VMMSCON1", 8), ==, 0);
	g_assert_cmpuint(header->version, ==, 1);
	g_assert_cmpuint(header->header_size, ==, 64);
	g_assert_cmpuint(header->size, ==, SIZE);
	g_assert_cmpuint(header->head, ==, 0);
	write_text(&f->ring, "hello");
	g_assert_cmpuint(header->head, ==, 5);
	g_assert_cmpint(memcmp(f->memory + 64, "hello", 5), ==, 0);
	/* the next worker finds it */
	g_assert_true(scrollback_attach(&again, f->memory, f->length));
	g_assert_cmpuint(scrollback_head(&again), ==, 5);
	g_assert_cmpuint(scrollback_tail(&again), ==, 0);
}

/* Against a model that keeps everything. */
static void test_model(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GByteArray) all = g_byte_array_new();
	uint64_t cursors[4] = {};
	uint8_t buffer[3 * SIZE];

	for (int i = 0; i < 5000; i++) {
		size_t n = (size_t)g_test_rand_int_range(
			0, g_test_rand_int_range(0, 50) ? 300 : 3 * SIZE);
		uint64_t *cursor = &cursors[i & 3], from = *cursor, dropped, tail;

		for (size_t k = 0; k < n; k++)
			buffer[k] = (uint8_t)g_test_rand_int();
		scrollback_write(&f->ring, buffer, n);
		g_byte_array_append(all, buffer, (guint)n);
		g_assert_cmpuint(scrollback_head(&f->ring), ==, all->len);
		tail = all->len > SIZE ? all->len - SIZE : 0;
		g_assert_cmpuint(scrollback_tail(&f->ring), ==, tail);

		n = (size_t)g_test_rand_int_range(0, 2000);
		n = scrollback_read_from(&f->ring, cursor, buffer, n, &dropped);
		g_assert_cmpuint(dropped, ==, from < tail ? tail - from : 0);
		g_assert_cmpuint(*cursor, ==, from + dropped + n);
		if (n > 0)
			g_assert_cmpint(memcmp(buffer, all->data + from + dropped, n), ==, 0);
		if (g_test_rand_int_range(0, 10) == 0) {
			struct scrollback again;

			g_assert_true(scrollback_attach(&again, f->memory, f->length));
			f->ring = again;
		}
	}
}

static void test_bad_headers(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct vmms_console_ring_header *header = (void *)f->memory;
	const struct vmms_console_ring_header good = *header;
	struct scrollback ring;

	g_assert_false(scrollback_attach(&ring, f->memory, 0));
	g_assert_false(scrollback_attach(&ring, f->memory, 63));
	g_assert_false(scrollback_attach(&ring, f->memory, 64));
	g_assert_false(scrollback_attach(&ring, f->memory, f->length - 1));
#define BAD(member, value)                                                      \
	do {                                                                    \
		header->member = (value);                                       \
		g_assert_false(scrollback_attach(&ring, f->memory, f->length)); \
		*header = good;                                                 \
	} while (0)
	BAD(magic[7], '2');
	BAD(version, 2);
	BAD(header_size, 128);
	BAD(size, 0);
	BAD(size, SIZE / 2);
	BAD(size, 8192);
	BAD(size, SIZE + 1);
	BAD(size, UINT64_MAX - 63);
	BAD(head, 1); /* beyond the claim */
	BAD(head, UINT64_MAX);
	BAD(claim, SIZE + 1); /* a claim of more than there is */
	BAD(claim, UINT64_MAX);
	BAD(reserved[23], 1);
	header->head = header->claim = VMMS_CONSOLE_RING_HEAD_MAX + 1;
	g_assert_false(scrollback_attach(&ring, f->memory, f->length));
	header->head = header->claim = VMMS_CONSOLE_RING_HEAD_MAX;
	g_assert_true(scrollback_attach(&ring, f->memory, f->length));
	write_text(&ring, "x");
}

/* A writer that died with a claim of 100 bytes: their old content is not offered. */
static void test_interrupted_write(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct vmms_console_ring_header *header = (void *)f->memory;
	uint8_t bytes[SIZE] = {};
	struct scrollback ring;
	uint64_t cursor = 0, dropped;

	scrollback_write(&f->ring, bytes, sizeof bytes);
	scrollback_write(&f->ring, bytes, 1000);
	header->claim = header->head + 100;
	g_assert_true(scrollback_attach(&ring, f->memory, f->length));
	g_assert_cmpuint(scrollback_tail(&ring), ==, 1100);
	g_assert_cmpuint(scrollback_head(&ring), ==, SIZE + 1000);
	/* shorter than what was claimed */
	write_text(&ring, "abc");
	g_assert_cmpuint(scrollback_tail(&ring), ==, 1100);
	scrollback_write(&ring, bytes, 200);
	g_assert_cmpuint(scrollback_tail(&ring), ==, 1203);
	g_assert_cmpuint(header->claim, ==, header->head);
	scrollback_read_from(&ring, &cursor, bytes, sizeof bytes, &dropped);
	g_assert_cmpuint(dropped, ==, 1203);
}

/* Nobody who maps the file can make the writer leave it. */
static void test_tampering(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[100];
	uint64_t cursor = 0, dropped;

	write_text(&f->ring, "hello");
	memset(f->memory, 0xff, 64);
	write_text(&f->ring, " world");
	g_assert_cmpuint(scrollback_read_from(&f->ring, &cursor, buffer, sizeof buffer, &dropped),
			 ==, 11);
	g_assert_cmpint(memcmp(buffer, "hello world", 11), ==, 0);
}

static void test_align(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t bytes[SIZE];

	write_text(&f->ring, "first\nsecond\n");
	g_assert_cmpuint(scrollback_align(&f->ring, 2), ==, 6);
	g_assert_cmpuint(scrollback_align(&f->ring, 13), ==, 13);
	g_assert_cmpuint(scrollback_align(&f->ring, 1000), ==, 13);
	/* no newline near: the middle of a character is skipped, not more */
	memset(bytes, 'x', sizeof bytes);
	bytes[0] = 0xe2;
	memset(bytes + 1, 0x80, 6);
	scrollback_write(&f->ring, bytes, sizeof bytes);
	g_assert_cmpuint(scrollback_align(&f->ring, 13), ==, 13);
	g_assert_cmpuint(scrollback_align(&f->ring, 14), ==, 17);
	g_assert_cmpuint(scrollback_align(&f->ring, 19), ==, 20);
	g_assert_cmpuint(scrollback_align(&f->ring, 0), ==, 13); /* from the tail at least */
}

static char *text_of(struct scrollback *ring)
{
	g_autofree uint8_t *buffer = g_malloc0(ring->size + 1);
	uint64_t cursor = scrollback_tail(ring), dropped;

	scrollback_read_from(ring, &cursor, buffer, ring->size, &dropped);
	return (char *)g_steal_pointer(&buffer);
}

static void test_file(void)
{
	struct scrollback_file file = {};
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	int fd = memfd_create("ring", MFD_CLOEXEC);
	struct stat st;

	/* garbage of another length becomes an empty ring */
	g_assert_cmpint(write(fd, "garbage", 7), ==, 7);
	g_assert_true(scrollback_file_map(&file, fd, 8192, &error));
	g_assert_no_error(error);
	g_assert_cmpint(fstat(fd, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 64 + 8192);
	g_assert_cmpint(st.st_blocks * 512, >=, 64 + 8192);
	write_text(&file.scrollback, "kept");
	scrollback_file_unmap(&file);
	/* a valid one is kept */
	g_assert_true(scrollback_file_map(&file, fd, 8192, &error));
	text = text_of(&file.scrollback);
	g_assert_cmpstr(text, ==, "kept");
	scrollback_file_unmap(&file);
	/* one of another size is not */
	g_assert_true(scrollback_file_map(&file, fd, 4096, &error));
	g_assert_cmpuint(scrollback_head(&file.scrollback), ==, 0);
	write_text(&file.scrollback, "x");
	scrollback_file_unmap(&file);
	/* nor one that is damaged */
	g_assert_cmpint(pwrite(fd, "Z", 1, 0), ==, 1);
	g_assert_true(scrollback_file_map(&file, fd, 4096, &error));
	g_assert_cmpuint(scrollback_head(&file.scrollback), ==, 0);
	scrollback_file_unmap(&file);
	scrollback_file_unmap(&file);
	close(fd);
}

static void test_file_errors(void)
{
	static const uint64_t sizes[] = {0, 1, 2048, 4097, 12288, 32 << 20, UINT64_MAX};
	struct scrollback_file file = {};
	g_autoptr(GError) error = NULL;
	int fd;

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_assert_false(scrollback_file_map(&file, -1, sizes[i], &error));
		g_assert_error(error, CONSOLE_ERROR, CONSOLE_ERROR_RING);
		g_assert_nonnull(strstr(error->message, "power of two"));
		g_clear_error(&error);
	}
	g_assert_false(scrollback_file_map(&file, -1, 4096, &error));
	g_assert_nonnull(strstr(error->message, "Bad file descriptor"));
	g_clear_error(&error);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	g_assert_false(scrollback_file_map(&file, fd, 4096, &error));
	g_assert_error(error, CONSOLE_ERROR, CONSOLE_ERROR_RING);
	close(fd);
}

/* What was written is there after the writer was killed. */
static void test_survives_kill(void)
{
	struct scrollback_file file = {};
	g_autofree char *text = NULL;
	int fd = memfd_create("ring", MFD_CLOEXEC), status;
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		if (scrollback_file_map(&file, fd, 4096, NULL))
			write_text(&file.scrollback, "last words");
		kill(getpid(), SIGKILL);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	g_assert_true(scrollback_file_map(&file, fd, 4096, NULL));
	text = text_of(&file.scrollback);
	g_assert_cmpstr(text, ==, "last words");
	scrollback_file_unmap(&file);
	close(fd);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add(name, struct fixture, NULL, set_up, function, tear_down)
	TEST("/scrollback/format", test_format);
	TEST("/scrollback/model", test_model);
	TEST("/scrollback/bad-headers", test_bad_headers);
	TEST("/scrollback/interrupted-write", test_interrupted_write);
	TEST("/scrollback/tampering", test_tampering);
	TEST("/scrollback/align", test_align);
	g_test_add_func("/scrollback/file", test_file);
	g_test_add_func("/scrollback/file-errors", test_file_errors);
	g_test_add_func("/scrollback/survives-kill", test_survives_kill);
	return g_test_run();
}
