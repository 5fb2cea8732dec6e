/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_io.h"
#include "hvsock_client.h"
#include "hvsock_fixture.h"
#include "hvsock_guid.h"

static void test_host_to_guest(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = program_connect(f, "CONNECT 22\nhello");

	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 1);
	program_expect_nothing(fd);
	guest_open(f, 22, true);
	program_expect(fd, "OK 22\n");
	guest_expect(f, "hello"); /* what it sent with the line */
	guest_send(f, "SSH-2.0");
	program_expect(fd, "SSH-2.0");
	program_send(f, fd, "more");
	guest_expect(f, "more");
	/* both ends, one after the other */
	g_assert_cmpint(shutdown(fd, SHUT_WR), ==, 0);
	guest_expect(f, "");
	guest_send(f, "last words");
	program_expect(fd, "last words");
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 1);
	guest_send(f, "");
	program_expect_end(fd);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
	g_assert_null(fake_vmbus_nth(f->bus, 0));
	close(fd);
}

static void test_guest_ends_first(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = program_connect(f, "CONNECT 5000\n");

	guest_open(f, 5000, true);
	program_expect(fd, "OK 5000\n");
	guest_send(f, "bye");
	guest_send(f, "");
	program_expect(fd, "bye");
	program_expect_end(fd);
	program_send(f, fd, "still here");
	guest_expect(f, "still here");
	close(fd);
	guest_expect(f, "");
	hvsock_settle(f);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
}

static void test_guest_closes(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = program_connect(f, "CONNECT 5000\n");

	guest_open(f, 5000, true);
	program_expect(fd, "OK 5000\n");
	fake_channel_close(f->channel);
	hvsock_settle(f);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
	program_expect_end(fd);
	close(fd);
}

/* The program wrote and went; the guest still gets all of it. */
static void test_program_goes(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *text = g_strnfill(50000, 'x');
	GString *read = g_string_new(NULL);
	int fd = program_connect(f, "CONNECT 1\n");

	guest_open(f, 1, true);
	fake_channel_limit(f->channel, 9000);
	program_send(f, fd, text);
	close(fd);
	hvsock_settle(f);
	for (bool end = false; !end;) {
		g_autofree char *part = guest_receive(f);

		if (part) {
			g_string_append(read, part);
			end = !*part;
		} else {
			fake_channel_limit(f->channel, 9000);
		}
	}
	g_assert_cmpstr(read->str, ==, text);
	g_string_free(read, TRUE);
	/* the guest talks to nobody, and then says that it is done */
	guest_send(f, "who is there?");
	g_assert_cmpuint(fake_channel_backlog(f->channel), ==, 0);
	guest_send(f, "");
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
}

/* It never says so. */
static void test_linger(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = program_connect(f, "CONNECT 1\n");

	guest_open(f, 1, true);
	fake_channel_limit(f->channel, 0);
	program_send(f, fd, "x");
	close(fd);
	hvsock_settle(f);
	fake_io_advance(f->thread, G_MAXINT64); /* the pipe's clock is the real one */
	hvsock_settle(f);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
}

/* Nothing is queued without end, and nothing is lost, when one side does not read. */
static void test_flow(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *block = g_strnfill(4000, 'a');
	int fd = program_connect(f, "CONNECT 1\n");
	size_t sent = 0, read = 0;
	char buffer[65536];
	ssize_t n;

	guest_open(f, 1, true);
	program_expect(fd, "OK 1\n");
	for (int i = 0; i < 1000; i++)
		guest_send_header(f, 1, 4000, block, 4000);
	g_assert_cmpuint(fake_channel_backlog(f->channel), >, 500); /* it stays in the ring */
	while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			g_assert_cmpint(buffer[i], ==, 'a');
		read += (size_t)n;
		hvsock_settle(f);
	}
	g_assert_cmpuint(read, ==, 4000000);
	g_assert_cmpuint(fake_channel_backlog(f->channel), ==, 0);
	/* the other way */
	fake_channel_limit(f->channel, 20000);
	while (send(fd, block, 4000, MSG_DONTWAIT | MSG_NOSIGNAL) == 4000) {
		sent += 4000;
		hvsock_settle(f);
		g_assert_cmpuint(sent, <, 4000000);
	}
	for (read = 0; read < sent;) {
		g_autofree char *part = guest_receive(f);

		if (part)
			read += strlen(part);
		else
			fake_channel_limit(f->channel, 20000);
	}
	g_assert_cmpuint(read, ==, sent);
	g_assert_cmpuint(fake_channel_refused(f->channel), <, 1000); /* it does not spin */
	close(fd);
}

static void test_handshakes(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const bad[] = {
		"GET / HTTP/1.0\n",
		"CONNECT\n",
		"CONNECT \n",
		"connect 22\n",
		"CONNECT -1\n",
		"CONNECT 2147483648\n",
		"CONNECT 22 \n",
		"CONNECT 22\r\n",
		"CONNECT 00000000000000022\n",
		"CONNECT 99999999999999999999999999999999999",
	};
	uint32_t port;
	int fd;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		fd = program_connect(f, bad[i]);
		program_expect_end(fd);
		close(fd);
	}
	g_assert_null(fake_vmbus_nth(f->bus, 0));
	fd = program_connect(f, NULL);
	for (const char *p = "CONNECT 2147483647\n"; *p; p++) {
		char one[2] = {*p, '\0'};

		g_assert_null(fake_vmbus_nth(f->bus, 0));
		program_send(f, fd, one);
	}
	guest_open(f, 2147483647, true);
	program_expect(fd, "OK 2147483647\n");
	close(fd);
	hvsock_settle(f);
	/* one that says nothing and goes */
	fd = program_connect(f, "CONN");
	close(fd);
	hvsock_settle(f);
	g_assert_cmpint(hvsock_client_parse("CONNECT 7\nabc", 13, &port), ==, 10);
	g_assert_cmpuint(port, ==, 7);
	for (int i = 0; i < 9; i++)
		g_assert_cmpint(hvsock_client_parse("CONNECT 7\n", (size_t)i, &port), ==, 0);
}

static void test_limits(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fds[HVSOCK_CLIENTS_MAX + 8];

	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
		fds[i] = program_connect(f, "CONNECT ");
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		if (i < HVSOCK_CLIENTS_MAX)
			program_expect_nothing(fds[i]);
		else
			program_expect_end(fds[i]);
		close(fds[i]);
	}
	hvsock_settle(f);
	fake_vmbus_fail_offers(f->bus, 1);
	fds[0] = program_connect(f, "CONNECT 1\n");
	program_expect_end(fds[0]);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
	close(fds[0]);
}

static void test_hostile(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		uint32_t type, claim, size;
	} bad[] = {
		{0, 4, 4},	    {2, 4, 4},	       {0xffffffff, 4, 4}, {1, 9, 8},
		{1, 0xffffffff, 8}, {1, 16385, 16392}, {1, 1, 20000},
	};
	g_autofree char *block = g_strnfill(20000, 'x');

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		int fd = program_connect(f, "CONNECT 1\n");

		guest_open(f, 1, true);
		program_expect(fd, "OK 1\n");
		guest_send_header(f, bad[i].type, bad[i].claim, block, bad[i].size);
		program_expect_end(fd);
		g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
		close(fd);
	}
	for (uint32_t size = 0; size < 8; size++) { /* the ring pads to 8: only 0 is too short */
		int fd = program_connect(f, "CONNECT 1\n");

		guest_open(f, 1, true);
		fake_channel_send(f->channel,
				  &(struct fake_packet){.payload = "\1\0\0\0\0\0\0", .size = size});
		hvsock_settle(f);
		g_assert_cmpuint(hvsock_connections(f->hvsock), ==, size != 0);
		if (size != 0) { /* it was the end: nothing may follow */
			guest_send(f, "x");
			g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
		}
		close(fd);
	}
}

/* The hvsock is freed in the middle of everything. */
static void test_free(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int a = program_connect(f, "CONNECT 1\n"), b = program_connect(f, "CONN"), c;

	guest_open(f, 1, true);
	c = program_connect(f, "CONNECT 2\n");
	fake_channel_close(f->channel); /* its end is still to be heard of */
	hvsock_free(f->hvsock);
	f->hvsock = NULL;
	close(a);
	close(b);
	close(c);
}

static void test_timeouts(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int silent = program_connect(f, "CONN"), unheard = program_connect(f, "CONNECT 1\n");
	char byte;

	while (recv(silent, &byte, 1, MSG_DONTWAIT) != 0)
		g_assert_cmpint(sd_event_run(f->event, 30000000), >, 0);
	while (hvsock_connections(f->hvsock) > 0)
		g_assert_cmpint(sd_event_run(f->event, 30000000), >, 0);
	program_expect_end(unheard);
	g_assert_null(fake_vmbus_nth(f->bus, 0));
	close(silent);
	close(unheard);
	/* one that was taken has no such limit */
	unheard = program_connect(f, "CONNECT 1\n");
	if (fake_vmbus_nth(f->bus, 0)) { /* a slow machine's */
		guest_open(f, 1, true);
		sd_event_run(f->event, 100000);
		g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 1);
	}
	close(unheard);
}

static void test_guid(void)
{
	const uint8_t bytes[16] = {0x16, 0,    0,    0, 0xcb, 0xfa, 0xe6, 0x11,
				   0xbd, 0x58, 0x64, 0, 0x6a, 0x79, 0x86, 0xd3};
	struct vmbus_guid guid = hvsock_guid_of_port(22), other = hvsock_guid_random();
	uint32_t port;

	g_assert_cmpint(memcmp(&guid, bytes, 16), ==, 0);
	guid = hvsock_guid_of_port(0x7654321);
	g_assert_true(hvsock_guid_port(&guid, &port));
	g_assert_cmphex(port, ==, 0x7654321);
	g_assert_false(hvsock_guid_port(&other, &port));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function)                                                               \
	g_test_add("/hvsock/" name, struct hvsock_fixture, NULL, hvsock_set_up, function, \
		   hvsock_tear_down)
	ADD("host-to-guest", test_host_to_guest);
	ADD("guest-ends-first", test_guest_ends_first);
	ADD("guest-closes", test_guest_closes);
	ADD("program-goes", test_program_goes);
	ADD("linger", test_linger);
	ADD("flow", test_flow);
	ADD("handshakes", test_handshakes);
	ADD("limits", test_limits);
	ADD("hostile", test_hostile);
	ADD("free", test_free);
	g_test_add("/hvsock/timeouts", struct hvsock_fixture, GUINT_TO_POINTER(50), hvsock_set_up,
		   test_timeouts, hvsock_tear_down);
	g_test_add_func("/hvsock/guid", test_guid);
	return g_test_run();
}
