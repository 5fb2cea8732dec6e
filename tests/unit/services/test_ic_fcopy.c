/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ic_fcopy.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "guest_ic.h"
#include "ic_wire.h"

enum { START, WRITE, COMPLETE, CANCEL };

struct fixture {
	struct guest_ic guest;
	struct ic_fcopy *fcopy;
	char *source;
	int source_fd; /* of the copy under way, to see that it is closed */
	unsigned int results, progresses;
	enum ic_fcopy_result last;
	uint64_t copied, size;

	/* the guest's daemon */
	GByteArray *file;
	char *dir, *name;
	uint32_t flags;
	uint64_t announced;
	bool complete;
};

static void on_done(void *context, enum ic_fcopy_result result)
{
	struct fixture *f = context;

	f->results++;
	f->last = result;
}

static void on_progress(void *context, uint64_t copied, uint64_t size)
{
	struct fixture *f = context;

	g_assert_cmpuint(copied, >, f->copied);
	f->progresses++;
	f->copied = copied;
	f->size = size;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = g_file_open_tmp("fcopy-XXXXXX", &f->source, NULL);

	g_assert_cmpint(fd, >=, 0);
	close(fd);
	guest_ic_init(&f->guest);
	f->file = g_byte_array_new();
	f->fcopy = ic_fcopy_new(&f->guest.env, NULL);
	g_assert_nonnull(f->fcopy);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	ic_fcopy_free(f->fcopy);
	guest_ic_clear(&f->guest);
	g_byte_array_unref(f->file);
	g_free(f->dir);
	g_free(f->name);
	g_unlink(f->source);
	g_free(f->source);
}

static void expect(struct fixture *f, enum ic_fcopy_result result)
{
	g_assert_cmpuint(f->results, ==, 1);
	g_assert_cmpint(f->last, ==, result);
	f->results = 0;
	g_assert_cmpint(fcntl(f->source_fd, F_GETFD), ==, -1);
}

static void copy_to(struct fixture *f, const char *path, uint32_t flags)
{
	f->source_fd = open(f->source, O_RDONLY | O_CLOEXEC);
	g_assert_cmpint(f->source_fd, >=, 0);
	f->copied = f->progresses = 0;
	ic_fcopy_start(f->fcopy, &(struct ic_fcopy_request){
					 .source = f->source_fd,
					 .path = path,
					 .flags = flags,
					 .progress = on_progress,
					 .done = on_done,
					 .context = f,
				 });
}

static void source_of_size(struct fixture *f, size_t size)
{
	g_autofree char *data = g_malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 + i / 6144);
	g_assert_true(g_file_set_contents(f->source, data, (gssize)size, NULL));
}

/* The driver gives 260 units of each string, and the daemon whole structures. */
static void daemon_start(struct fixture *f)
{
	const uint8_t *body = guest_ic_body(&f->guest);

	g_assert_cmpuint(guest_ic_body_size(&f->guest), ==, 36 + 520 + 520 + 4 + 8);
	g_free(f->dir);
	g_free(f->name);
	f->name = g_utf16_to_utf8((const gunichar2 *)(const void *)(body + 36), 260, NULL, NULL,
				  NULL);
	f->dir = g_utf16_to_utf8((const gunichar2 *)(const void *)(body + 556), 260, NULL, NULL,
				 NULL);
	f->flags = guest_ic_u32(&f->guest, 1076);
	f->announced = guest_ic_u64(&f->guest, 1080);
	g_byte_array_set_size(f->file, 0);
	f->complete = false;
}

static void daemon_write(struct fixture *f)
{
	uint32_t size = guest_ic_u32(&f->guest, 48);

	g_assert_cmpuint(guest_ic_body_size(&f->guest), ==, 36 + 4 + 8 + 4 + 6144);
	g_assert_cmpuint(size, >, 0);
	g_assert_cmpuint(size, <=, 6144);
	g_assert_cmpuint(guest_ic_u64(&f->guest, 40), ==, f->file->len);
	g_byte_array_append(f->file, guest_ic_body(&f->guest) + 52, size);
}

/* Does the next operation with this status; -1: there is none. */
static int daemon_do(struct fixture *f, uint32_t status)
{
	uint32_t operation;

	if (!guest_ic_receive(&f->guest))
		return -1;
	g_assert_cmpuint(guest_ic_type(&f->guest), ==, 7);
	operation = guest_ic_u32(&f->guest, 0);
	if (operation == START)
		daemon_start(f);
	else if (status == 0 && operation == WRITE)
		daemon_write(f);
	else if (operation == COMPLETE)
		f->complete = true;
	else if (operation == CANCEL)
		g_byte_array_set_size(f->file, 0);
	guest_ic_answer(&f->guest, status);
	return (int)operation;
}

static void test_sizes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const size_t sizes[] = {0, 1, 6143, 6144, 6145, 12288, 100000};

	guest_ic_start(&f->guest, 1u << 16 | 1);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *bytes = NULL;
		size_t size;

		source_of_size(f, sizes[i]);
		copy_to(f, "/srv/data/file.bin", IC_FCOPY_CREATE_PATH);
		while (daemon_do(f, 0) >= 0)
			;
		expect(f, IC_FCOPY_DONE);
		g_assert_true(f->complete);
		g_assert_cmpstr(f->dir, ==, "/srv/data");
		g_assert_cmpstr(f->name, ==, "file.bin");
		g_assert_cmpuint(f->flags, ==, 2);
		g_assert_cmpuint(f->announced, ==, sizes[i]);
		g_assert_cmpuint(f->progresses, ==, (sizes[i] + 6143) / 6144);
		if (sizes[i] > 0)
			g_assert_cmpuint(f->size, ==, sizes[i]);
		g_assert_true(g_file_get_contents(f->source, &bytes, &size, NULL));
		assert_bytes(f->file->data, f->file->len, bytes, size);
	}
}

static void test_paths(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const bad[] = {"", "file", "/", "/dir/", "/a/..", "/.", "/\xff"};
	g_autofree char *longest = g_strdup_printf("/%0255d", 1);
	g_autofree char *too_long = g_strdup_printf("/%0256d", 1);

	copy_to(f, "/x", 0);
	expect(f, IC_FCOPY_ABSENT);
	guest_ic_start(&f->guest, 1u << 16 | 1);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		copy_to(f, bad[i], 0);
		expect(f, IC_FCOPY_BAD_PATH);
		g_assert_nonnull(ic_fcopy_path_fault(bad[i]));
	}
	g_assert_nonnull(ic_fcopy_path_fault(too_long));
	g_assert_null(ic_fcopy_path_fault(longest));
	copy_to(f, longest, 0);
	g_assert_cmpint(daemon_do(f, 0), ==, START);
	g_assert_cmpstr(f->dir, ==, "/");
	g_assert_cmpstr(f->name, ==, longest + 1);
	g_assert_cmpint(daemon_do(f, 0), ==, COMPLETE);
	expect(f, IC_FCOPY_DONE);
	copy_to(f, "/t\xc3\xb6p/😀", 0);
	g_assert_cmpint(daemon_do(f, 0), ==, START);
	g_assert_cmpstr(f->dir, ==, "/t\xc3\xb6p");
	g_assert_cmpstr(f->name, ==, "😀");
}

static void test_source(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fds[2];

	guest_ic_start(&f->guest, 1u << 16 | 1);
	g_assert_cmpint(pipe(fds), ==, 0);
	f->source_fd = fds[0];
	ic_fcopy_start(f->fcopy, &(struct ic_fcopy_request){
					 .source = fds[0],
					 .path = "/x",
					 .done = on_done,
					 .context = f,
				 });
	expect(f, IC_FCOPY_BAD_SOURCE);
	close(fds[1]);
	/* it becomes shorter on the way */
	source_of_size(f, 20000);
	copy_to(f, "/x", 0);
	g_assert_cmpint(daemon_do(f, 0), ==, START);
	g_assert_cmpint(daemon_do(f, 0), ==, WRITE);
	g_assert_cmpint(truncate(f->source, 13000), ==, 0);
	g_assert_cmpint(daemon_do(f, 0), ==, WRITE);
	g_assert_cmpint(daemon_do(f, 0), ==, CANCEL);
	expect(f, IC_FCOPY_BAD_SOURCE);
	/* longer: what it had at first is copied */
	source_of_size(f, 100);
	copy_to(f, "/x", 0);
	source_of_size(f, 200);
	while (daemon_do(f, 0) >= 0)
		;
	expect(f, IC_FCOPY_DONE);
	g_assert_cmpuint(f->file->len, ==, 100);
}

static void test_guest_errors(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		uint32_t status;
		enum ic_fcopy_result result;
	} cases[] = {
		{IC_STATUS_ALREADY_EXISTS, IC_FCOPY_EXISTS},
		{IC_STATUS_DISK_FULL, IC_FCOPY_DISK_FULL},
		{IC_STATUS_FAIL, IC_FCOPY_REFUSED},
		{1, IC_FCOPY_REFUSED},
	};

	guest_ic_start(&f->guest, 1u << 16 | 1);
	source_of_size(f, 20000);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		copy_to(f, "/x", 0);
		g_assert_cmpint(daemon_do(f, cases[i].status), ==, START);
		expect(f, cases[i].result);
		copy_to(f, "/x", IC_FCOPY_OVERWRITE);
		g_assert_cmpint(daemon_do(f, 0), ==, START);
		g_assert_cmpuint(f->flags, ==, 1);
		g_assert_cmpint(daemon_do(f, 0), ==, WRITE);
		g_assert_cmpint(daemon_do(f, cases[i].status), ==, WRITE);
		g_assert_cmpint(daemon_do(f, 0), ==, CANCEL);
		expect(f, cases[i].result);
	}
	source_of_size(f, 0);
	copy_to(f, "/x", 0);
	daemon_do(f, 0);
	g_assert_cmpint(daemon_do(f, IC_STATUS_FAIL), ==, COMPLETE);
	expect(f, IC_FCOPY_REFUSED);
}

static void test_cancel(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int first;

	guest_ic_start(&f->guest, 1u << 16 | 1);
	ic_fcopy_cancel(f->fcopy); /* nothing, and nothing of the next copy */
	source_of_size(f, 20000);
	copy_to(f, "/x", 0);
	first = f->source_fd;
	g_assert_cmpint(daemon_do(f, 0), ==, START);
	copy_to(f, "/y", 0);
	expect(f, IC_FCOPY_BUSY);
	f->source_fd = first;
	ic_fcopy_cancel(f->fcopy);
	g_assert_cmpint(daemon_do(f, 0), ==, WRITE);
	g_assert_cmpuint(f->results, ==, 0);
	g_assert_cmpint(daemon_do(f, 0), ==, CANCEL);
	expect(f, IC_FCOPY_CANCELLED);
	copy_to(f, "/x", 0);
	daemon_do(f, 0);
	guest_ic_close(&f->guest);
	expect(f, IC_FCOPY_GONE);
}

static void test_unanswered(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	guest_ic_start(&f->guest, 1u << 16 | 1);
	source_of_size(f, 20000);
	copy_to(f, "/x", 0);
	g_assert_cmpint(daemon_do(f, 0), ==, START);
	fake_io_advance(f->guest.thread, IC_FCOPY_ANSWER_NS);
	g_assert_cmpuint(f->results, ==, 0);
	g_assert_cmpint(daemon_do(f, 0), ==, WRITE); /* late: not counted */
	g_assert_cmpuint(f->progresses, ==, 0);
	g_assert_cmpint(daemon_do(f, 0), ==, CANCEL);
	expect(f, IC_FCOPY_UNANSWERED);
	/* nor does it answer the cancelling */
	copy_to(f, "/x", 0);
	fake_io_advance(f->guest.thread, 2 * IC_FCOPY_ANSWER_NS);
	expect(f, IC_FCOPY_UNANSWERED);
	/* the ring has no room */
	fake_channel_limit(f->guest.channel, 0);
	copy_to(f, "/x", 0);
	expect(f, IC_FCOPY_UNANSWERED);
}

static void test_every_size(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	source_of_size(f, 0);
	for (uint32_t size = 0; size < 7000; size += size < 60 ? 1 : 211) {
		guest_ic_start(&f->guest, 1u << 16 | 1);
		copy_to(f, "/x", 0);
		g_assert_true(guest_ic_receive(&f->guest));
		guest_ic_answer_cut(&f->guest, IC_STATUS_FAIL, size);
		expect(f, size > 1112 && size <= 6232 ? IC_FCOPY_REFUSED : IC_FCOPY_GONE);
		guest_ic_close(&f->guest);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/ic_fcopy/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("sizes", test_sizes);
	ADD("paths", test_paths);
	ADD("source", test_source);
	ADD("guest-errors", test_guest_errors);
	ADD("cancel", test_cancel);
	ADD("unanswered", test_unanswered);
	ADD("every-size", test_every_size);
	return g_test_run();
}
