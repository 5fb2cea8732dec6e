/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vmms1.h>

#include "console.h"

/*
 * What the guest prints is a function of the position: lines of 64 letters, so that whatever a
 * viewer receives can be checked against where it must stand.
 */
static uint8_t pattern(uint64_t position)
{
	if (position % 64 == 63)
		return '\n';
	return (uint8_t)('a' + (position * 7 + position / 64 * 11 + position / 4096) % 26);
}

struct fixture {
	sd_event *event;
	struct console *console;
	int ring_fd;
	uint64_t written;
	GString *input;
	size_t room; /* of the guest's receiver */
};

/* The far end of a viewer, and where in the stream it stands. */
struct far_end {
	uint64_t position, dropped;
	size_t notice_size;
	char notice[64]; /* one that has begun */
	int fd;
	unsigned int notices;
	bool ended;
};

static size_t take_input(void *context, const uint8_t *data, size_t size)
{
	struct fixture *f = context;
	size_t n = MIN(size, f->room);

	g_string_append_len(f->input, (const char *)data, (gssize)n);
	f->room -= n;
	return n;
}

static void set_up(struct fixture *f, gconstpointer data)
{
	const struct console_input input = {.put = take_input, .context = f};
	size_t size = data ? *(const size_t *)data : 4096;
	GError *error = NULL;

	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->ring_fd = memfd_create("ring", MFD_CLOEXEC);
	f->console = console_new(f->event, f->ring_fd, size, &input, &error);
	g_assert_no_error(error);
	f->input = g_string_new(NULL);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	console_free(f->console);
	sd_event_unref(f->event);
	close(f->ring_fd);
	g_string_free(f->input, TRUE);
}

/* Runs the loop until nothing is to be done. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 100000; i++) {
		bool resting = console_resting(f->console);
		int r = sd_event_run(f->event, resting ? 1000000 : 0);

		g_assert_cmpint(r, >=, 0);
		if (r == 0 && !resting)
			return;
	}
	g_error("the console spins");
}

static void print(struct fixture *f, size_t n)
{
	uint8_t *data = g_malloc(n);

	for (size_t i = 0; i < n; i++)
		data[i] = pattern(f->written++);
	console_write(f->console, data, n);
	g_free(data);
}

static struct far_end attach(struct fixture *f, uint32_t flags)
{
	struct far_end end = {};
	GError *error = NULL;

	g_assert_true(console_add_viewer(f->console, flags, &end.fd, &error));
	g_assert_no_error(error);
	end.position = flags & (VMMS_CONSOLE_REPLAY | VMMS_CONSOLE_LOG_ONLY) ? 0 : f->written;
	return end;
}

static void far_end_byte(struct far_end *end, uint8_t byte)
{
	char *rest;
	uint64_t count;

	if (end->notice_size == 0 && byte != '\r') {
		g_assert_cmphex(byte, ==, pattern(end->position));
		end->position++;
		return;
	}
	g_assert_cmpuint(end->notice_size, <, sizeof end->notice - 1);
	end->notice[end->notice_size++] = (char)byte;
	end->notice[end->notice_size] = '\0';
	if (end->notice_size < 4 || byte != '\n')
		return;
	g_assert_true(g_str_has_prefix(end->notice, "\r\n[vmms: "));
	count = g_ascii_strtoull(end->notice + 9, &rest, 10);
	g_assert_cmpstr(rest, ==, " bytes dropped]\r\n");
	g_assert_cmpuint(count, >, 0);
	end->position += count;
	end->dropped += count;
	end->notices++;
	end->notice_size = 0;
}

/* Reads up to n bytes and checks them; returns how many there were. */
static size_t far_end_read(struct far_end *end, size_t n)
{
	size_t total = 0;

	while (total < n) {
		uint8_t data[4096];
		ssize_t got = recv(end->fd, data, MIN(n - total, sizeof data), MSG_DONTWAIT);

		if (got < 0) {
			g_assert_cmpint(errno, ==, EAGAIN);
			break;
		}
		if (got == 0) {
			end->ended = true;
			break;
		}
		for (ssize_t i = 0; i < got; i++)
			far_end_byte(end, data[i]);
		total += (size_t)got;
	}
	return total;
}

/* Reads until nothing more comes. */
static void far_end_drain(struct fixture *f, struct far_end *end)
{
	do
		settle(f);
	while (far_end_read(end, SIZE_MAX) > 0);
}

static void test_live(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end;

	print(f, 100);
	end = attach(f, 0);
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, 100);
	for (int i = 0; i < 200; i++) {
		print(f, 37);
		far_end_drain(f, &end);
		g_assert_cmpuint(end.position, ==, f->written);
	}
	g_assert_cmpuint(end.notices, ==, 0);
	close(end.fd);
}

/* A guest that prints byte by byte wakes the loop once for many of them. */
static void test_burst(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end = attach(f, 0);
	unsigned int turns = 0;

	settle(f);
	for (int i = 0; i < 10000; i++) {
		print(f, 1);
		while (sd_event_run(f->event, 0) > 0)
			turns++;
	}
	g_assert_cmpuint(turns, >, 0); /* the first byte did not wait */
	g_assert_cmpuint(turns, <, 1000);
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, f->written);
	close(end.fd);
}

static void test_replay(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end;

	print(f, 1000);
	end = attach(f, VMMS_CONSOLE_REPLAY);
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, 1000);
	print(f, 10);
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, 1010);
	close(end.fd);
	/* 5010 bytes were written: the ring lost 914, the first whole line begins at 960 */
	print(f, 4000);
	end = attach(f, VMMS_CONSOLE_REPLAY);
	end.position = 960;
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, f->written);
	g_assert_cmpuint(end.notices, ==, 0);
	close(end.fd);
}

static void test_log_only(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end, empty = attach(f, VMMS_CONSOLE_LOG_ONLY);

	far_end_drain(f, &empty);
	g_assert_true(empty.ended);
	print(f, 1000);
	end = attach(f, VMMS_CONSOLE_LOG_ONLY);
	g_assert_cmpint(send(end.fd, "typed", 5, MSG_NOSIGNAL), ==, 5);
	print(f, 1000); /* later than the log */
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, 1000);
	g_assert_true(end.ended); /* and not ECONNRESET, although it typed */
	g_assert_cmpuint(f->input->len, ==, 0);
	g_assert_cmpuint(console_viewers(f->console), ==, 0);
	close(end.fd);
	close(empty.fd);
}

static void test_log_larger_than_socket(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end;

	print(f, 1 << 20);
	end = attach(f, VMMS_CONSOLE_LOG_ONLY);
	settle(f);
	g_assert_cmpuint(console_viewers(f->console), ==, 1);
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, 1 << 20);
	g_assert_true(end.ended);
	close(end.fd);
}

/* Nobody reads while the guest prints the ring's size a hundred times. */
static void test_slow_viewer(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end slow = attach(f, 0), fast = attach(f, 0);

	for (int i = 0; i < 4000; i++) {
		print(f, 1000);
		far_end_drain(f, &fast);
	}
	g_assert_cmpuint(fast.position, ==, f->written);
	g_assert_cmpuint(fast.notices, ==, 0);
	far_end_drain(f, &slow);
	g_assert_cmpuint(slow.position, ==, f->written);
	g_assert_cmpuint(slow.notices, ==, 1);
	g_assert_cmpuint(slow.dropped, >, 0);
	/* and it goes on as if nothing had been */
	print(f, 1000);
	far_end_drain(f, &slow);
	g_assert_cmpuint(slow.position, ==, f->written);
	g_assert_cmpuint(slow.notices, ==, 1);
	close(slow.fd);
	close(fast.fd);
}

static void test_viewer_limit(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end ends[CONSOLE_MAX_VIEWERS];
	g_autoptr(GError) error = NULL;
	int fd = -1;

	for (unsigned int i = 0; i < CONSOLE_MAX_VIEWERS; i++)
		ends[i] = attach(f, 0);
	g_assert_false(console_add_viewer(f->console, 0, &fd, &error));
	g_assert_error(error, CONSOLE_ERROR, CONSOLE_ERROR_VIEWERS);
	g_assert_nonnull(strstr(error->message, "32 viewers"));
	g_assert_cmpint(fd, ==, -1);
	for (int round = 0; round < 10; round++) {
		print(f, 500);
		for (unsigned int i = 0; i < CONSOLE_MAX_VIEWERS; i++) {
			far_end_drain(f, &ends[i]);
			g_assert_cmpuint(ends[i].position, ==, f->written);
		}
	}
	close(ends[7].fd);
	settle(f);
	g_assert_cmpuint(console_viewers(f->console), ==, CONSOLE_MAX_VIEWERS - 1);
	ends[7] = attach(f, 0);
	print(f, 1);
	far_end_drain(f, &ends[7]);
	g_assert_cmpuint(ends[7].position, ==, f->written);
	for (unsigned int i = 0; i < CONSOLE_MAX_VIEWERS; i++)
		close(ends[i].fd);
}

static void test_viewer_vanishes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end = attach(f, 0);

	/* with its socket full */
	for (int i = 0; i < 100; i++) {
		print(f, 4000);
		settle(f);
	}
	close(end.fd);
	settle(f);
	g_assert_cmpuint(console_viewers(f->console), ==, 0);
	/* with input that nobody takes */
	end = attach(f, 0);
	g_assert_cmpint(send(end.fd, "typed", 5, MSG_NOSIGNAL), ==, 5);
	settle(f);
	close(end.fd);
	settle(f);
	g_assert_cmpuint(console_viewers(f->console), ==, 0);
	console_input_ready(f->console);
	settle(f);
	/* before it was looked at at all */
	end = attach(f, VMMS_CONSOLE_REPLAY);
	close(end.fd);
	settle(f);
	g_assert_cmpuint(console_viewers(f->console), ==, 0);
	/* its last words are heard */
	f->room = 100;
	console_input_ready(f->console);
	end = attach(f, 0);
	g_assert_cmpint(send(end.fd, "reboot\n", 7, MSG_NOSIGNAL), ==, 7);
	close(end.fd);
	settle(f);
	g_assert_cmpstr(f->input->str, ==, "reboot\n");
	print(f, 100);
	settle(f);
}

static void test_half_close(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end = attach(f, 0);

	f->room = 100;
	g_assert_cmpint(send(end.fd, "once", 4, MSG_NOSIGNAL), ==, 4);
	shutdown(end.fd, SHUT_WR);
	settle(f);
	g_assert_cmpstr(f->input->str, ==, "once");
	print(f, 100);
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, 100);
	close(end.fd);
	settle(f);
	g_assert_cmpuint(console_viewers(f->console), ==, 0);
}

static void test_read_only(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end = attach(f, VMMS_CONSOLE_READ_ONLY);

	f->room = 100;
	for (int i = 0; i < 1000; i++) {
		g_assert_cmpint(send(end.fd, "0123456789", 10, MSG_DONTWAIT | MSG_NOSIGNAL), ==,
				10);
		settle(f);
	}
	g_assert_cmpuint(f->input->len, ==, 0);
	close(end.fd);
}

/* A guest that does not read stops the viewer; one that does gets all, in order. */
static void test_back_pressure(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end = attach(f, 0);
	size_t sent = 0;
	ssize_t n;

	do {
		uint8_t bytes[1000];

		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = pattern(sent + i);
		n = send(end.fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		settle(f);
	} while (n > 0);
	g_assert_cmpint(errno, ==, EAGAIN);
	g_assert_cmpuint(f->input->len, ==, 0);
	while (f->input->len < sent) {
		size_t before = f->input->len;

		f->room = 16;
		console_input_ready(f->console);
		settle(f);
		g_assert_cmpuint(f->input->len, ==, MIN(before + 16, sent));
	}
	for (size_t i = 0; i < sent; i++)
		g_assert_cmphex((uint8_t)f->input->str[i], ==, pattern(i));
	close(end.fd);
}

/* One viewer pastes a lot, the other types a word: the word does not wait for the paste. */
static void test_fair_input(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end paste = attach(f, 0), word = attach(f, 0);
	char bulk[20000];

	memset(bulk, '.', sizeof bulk);
	g_assert_cmpint(send(paste.fd, bulk, sizeof bulk, MSG_NOSIGNAL), ==, sizeof bulk);
	settle(f);
	g_assert_cmpint(send(word.fd, "hello", 5, MSG_NOSIGNAL), ==, 5);
	settle(f);
	for (int i = 0; i < 3; i++) {
		f->room = 16;
		console_input_ready(f->console);
		settle(f);
	}
	g_assert_nonnull(strstr(f->input->str, "hello"));
	g_assert_cmpuint(f->input->len, >=, 33);
	close(paste.fd);
	close(word.fd);
}

static void test_free_flushes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end a = attach(f, 0), b = attach(f, VMMS_CONSOLE_REPLAY);
	const struct console_input input = {};

	print(f, 3000);
	g_assert_cmpint(send(a.fd, "typed", 5, MSG_NOSIGNAL), ==, 5);
	console_free(f->console);
	far_end_read(&a, SIZE_MAX);
	far_end_read(&b, SIZE_MAX);
	g_assert_cmpuint(a.position, ==, 3000);
	g_assert_cmpuint(b.position, ==, 3000);
	g_assert_true(a.ended && b.ended);
	close(a.fd);
	close(b.fd);
	/* the next console goes on with the same ring, with no guest to type to */
	f->console = console_new(f->event, f->ring_fd, 4096, &input, NULL);
	a = attach(f, VMMS_CONSOLE_REPLAY);
	g_assert_cmpint(send(a.fd, "typed", 5, MSG_NOSIGNAL), ==, 5);
	far_end_drain(f, &a);
	g_assert_cmpuint(a.position, ==, 3000);
	close(a.fd);
}

static void test_errors(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct console_input input = {};
	g_autoptr(GError) error = NULL;

	g_assert_null(console_new(f->event, f->ring_fd, 5000, &input, &error));
	g_assert_error(error, CONSOLE_ERROR, CONSOLE_ERROR_RING);
	g_clear_error(&error);
	g_assert_null(console_new(f->event, -1, 4096, &input, &error));
	g_assert_error(error, CONSOLE_ERROR, CONSOLE_ERROR_RING);
	console_free(NULL);
}

/* Whatever happens in whatever order, every byte arrives in order or is counted. */
static void test_random_schedule(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end ends[5];
	unsigned int notices = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
		ends[i] = attach(f, 0);
	for (int i = 0; i < 30000; i++) {
		struct far_end *end = &ends[g_test_rand_int_range(0, G_N_ELEMENTS(ends))];

		switch (g_test_rand_int_range(0, 8)) {
		case 0:
			print(f, (size_t)g_test_rand_int_range(1, 9000));
			break;
		case 1:
		case 2:
			print(f, (size_t)g_test_rand_int_range(1, 50));
			break;
		case 3:
			far_end_read(end, (size_t)g_test_rand_int_range(1, 50));
			break;
		case 4:
			far_end_read(end, (size_t)g_test_rand_int_range(1, 20000));
			break;
		case 5:
			g_assert_cmpint(sd_event_run(f->event, 0), >=, 0);
			break;
		case 6:
			if (g_test_rand_int_range(0, 100) == 0) {
				notices += end->notices;
				close(end->fd);
				settle(f);
				*end = attach(f, 0);
			}
			break;
		default:
			if (g_test_rand_int_range(0, 20) == 0)
				settle(f);
			break;
		}
	}
	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		far_end_drain(f, &ends[i]);
		g_assert_cmpuint(ends[i].position, ==, f->written);
		notices += ends[i].notices;
		close(ends[i].fd);
	}
	g_assert_cmpuint(notices, >, 10); /* else this tested little */
}

#define THREAD_BYTES (4u << 20)

static void *print_much(void *data)
{
	struct fixture *f = data;

	while (f->written < THREAD_BYTES)
		print(f, f->written % 997 == 0 ? 1 : 1 + f->written % 300);
	return NULL;
}

/* A VP thread against the main thread, which sleeps in its loop until it is woken. */
static void test_thread(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct far_end end = attach(f, 0);
	GThread *thread = g_thread_new("vp", print_much, f);

	while (end.position < THREAD_BYTES) {
		g_assert_cmpint(sd_event_run(f->event, 20000000), >, 0); /* else it was not woken */
		far_end_read(&end, SIZE_MAX);
	}
	g_thread_join(thread);
	far_end_drain(f, &end);
	g_assert_cmpuint(end.position, ==, f->written);
	close(end.fd);
}

int main(int argc, char *argv[])
{
	static const size_t megabyte = 1 << 20;

	g_test_init(&argc, &argv, NULL);
#define TEST_SIZE(name, size, function) \
	g_test_add(name, struct fixture, size, set_up, function, tear_down)
#define TEST(name, function) TEST_SIZE(name, NULL, function)
	TEST("/console/live", test_live);
	TEST("/console/burst", test_burst);
	TEST("/console/replay", test_replay);
	TEST("/console/log-only", test_log_only);
	TEST_SIZE("/console/log-larger-than-socket", &megabyte, test_log_larger_than_socket);
	TEST("/console/slow-viewer", test_slow_viewer);
	TEST("/console/viewer-limit", test_viewer_limit);
	TEST("/console/viewer-vanishes", test_viewer_vanishes);
	TEST("/console/half-close", test_half_close);
	TEST("/console/read-only", test_read_only);
	TEST("/console/back-pressure", test_back_pressure);
	TEST("/console/fair-input", test_fair_input);
	TEST("/console/free-flushes", test_free_flushes);
	TEST("/console/errors", test_errors);
	TEST("/console/random-schedule", test_random_schedule);
	TEST("/console/thread", test_thread);
	TEST_SIZE("/console/thread-large-ring", &megabyte, test_thread);
	return g_test_run();
}
