/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hvsock.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_io.h"
#include "fake_vmbus.h"
#include "hvsock_client.h"
#include "hvsock_guid.h"

struct fixture {
	struct vmbus *bus;
	struct io_thread *thread;
	sd_event *event;
	char *dir, *path;
	struct hvsock *hvsock;
	struct vmbus_device *device;
	struct vmbus_channel *channel;
	GArray *asked; /* uint64_t: numbers of the guest's wishes */
	uint32_t port; /* of the last one */
	bool late;     /* answers are the test's */
	int answer;    /* else this descriptor is duplicated, or -1 */
};

static void settle(struct fixture *f)
{
	do
		fake_io_settle(f->thread);
	while (sd_event_run(f->event, 0) > 0);
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(fd, 64), ==, 0);
	return fd;
}

/* vmmsd, which finds a program of the host that listens, or none. */
static void on_connect(void *context, uint64_t number, uint32_t port)
{
	struct fixture *f = context;

	g_array_append_val(f->asked, number);
	f->port = port;
	if (!f->late)
		hvsock_connected(f->hvsock, number, f->answer >= 0 ? dup(f->answer) : -1);
}

/* data: how long a guest or a program may be silent, in ms */
static void set_up(struct fixture *f, gconstpointer data)
{
	f->asked = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	f->answer = -1;
	f->dir = g_dir_make_tmp("hvsock-XXXXXX", NULL);
	f->path = g_build_filename(f->dir, "vsock", NULL);
	f->bus = fake_vmbus_new();
	f->thread = io_thread_new("hvsock", NULL);
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->hvsock =
		hvsock_new(&(struct hvsock_config){f->bus, f->thread, f->event, listen_on(f->path),
						   on_connect, f, GPOINTER_TO_UINT(data),
						   GPOINTER_TO_UINT(data), GPOINTER_TO_UINT(data)},
			   NULL);
	g_assert_nonnull(f->hvsock);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	hvsock_free(f->hvsock);
	g_array_unref(f->asked);
	fake_vmbus_free(f->bus);
	io_thread_free(f->thread);
	sd_event_unref(f->event);
	g_unlink(f->path);
	g_rmdir(f->dir);
	g_free(f->path);
	g_free(f->dir);
}

/* ---- programs of the host -------------------------------------------------------------------- */

static int program_connect(struct fixture *f, const char *line)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_strlcpy(address.sun_path, f->path, sizeof(address.sun_path));
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	if (line)
		g_assert_cmpint(send(fd, line, strlen(line), MSG_NOSIGNAL), ==,
				(gint64)strlen(line));
	settle(f);
	return fd;
}

static void program_expect(int fd, const char *text)
{
	char data[256];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	g_assert_cmpint(n, ==, (gint64)strlen(text));
	g_assert_cmpint(memcmp(data, text, strlen(text)), ==, 0);
}

static void program_expect_nothing(int fd)
{
	char byte;

	g_assert_cmpint(recv(fd, &byte, 1, MSG_DONTWAIT), ==, -1);
	g_assert_cmpint(errno, ==, EAGAIN);
}

static void program_expect_end(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	g_assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

static void program_send(struct fixture *f, int fd, const char *text)
{
	g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (gint64)strlen(text));
	settle(f);
}

/* ---- the guest ------------------------------------------------------------------------------- */

/* Its driver looks at class, flag and the fifth byte of the user's, and opens the channel. */
static void guest_open(struct fixture *f, uint32_t port, bool from_host)
{
	const struct vmbus_device_config *config;
	uint32_t number;

	f->device = fake_vmbus_nth(f->bus, 0);
	g_assert_nonnull(f->device);
	config = fake_device_config(f->device);
	g_assert_cmphex(config->offer_flags & 0x2000, ==, 0x2000);
	g_assert_true(hvsock_guid_port(&config->class_id, &number));
	g_assert_cmpuint(number, ==, port);
	g_assert_cmpuint(config->user_defined[4], ==, from_host);
	f->channel = fake_channel_open(f->device, 0, NULL);
	g_assert_nonnull(f->channel);
	settle(f);
}

static void guest_send_header(struct fixture *f, uint32_t type, uint32_t claim, const void *data,
			      uint32_t size)
{
	g_autofree uint8_t *packet = g_malloc0(8 + size);

	memcpy(packet, &type, 4);
	memcpy(packet + 4, &claim, 4);
	if (size > 0)
		memcpy(packet + 8, data, size);
	fake_channel_send(f->channel, &(struct fake_packet){.payload = packet, .size = 8 + size});
	settle(f);
}

static void guest_send(struct fixture *f, const char *text)
{
	guest_send_header(f, 1, (uint32_t)strlen(text), text, (uint32_t)strlen(text));
}

/* The payload of the next packet, NULL when there is none; "" is the end. */
static char *guest_receive(struct fixture *f)
{
	struct fake_sent sent;
	uint32_t header[2];
	char *text;

	/* Not the main loop: with the last packet it takes the offer back, and the ring stays the
	 * guest's, but not the fake's. */
	fake_io_settle(f->thread);
	if (!fake_channel_pull(f->channel, &sent))
		return NULL;
	g_assert_cmpuint(sent.size, >=, 8);
	memcpy(header, sent.payload, 8);
	g_assert_cmpuint(header[0], ==, 1);
	g_assert_cmpuint(header[1], ==, sent.size - 8);
	g_assert_cmpuint(header[1], <=, 16384);
	text = g_strndup((char *)sent.payload + 8, header[1]);
	fake_sent_clear(&sent);
	return text;
}

static void guest_expect(struct fixture *f, const char *expected)
{
	g_autofree char *text = guest_receive(f);

	g_assert_cmpstr(text, ==, expected);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void test_host_to_guest(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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

static void test_guest_ends_first(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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
	settle(f);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
}

static void test_guest_closes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = program_connect(f, "CONNECT 5000\n");

	guest_open(f, 5000, true);
	program_expect(fd, "OK 5000\n");
	fake_channel_close(f->channel);
	settle(f);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
	program_expect_end(fd);
	close(fd);
}

/* The program wrote and went; the guest still gets all of it. */
static void test_program_goes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *text = g_strnfill(50000, 'x');
	GString *read = g_string_new(NULL);
	int fd = program_connect(f, "CONNECT 1\n");

	guest_open(f, 1, true);
	fake_channel_limit(f->channel, 9000);
	program_send(f, fd, text);
	close(fd);
	settle(f);
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
static void test_linger(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = program_connect(f, "CONNECT 1\n");

	guest_open(f, 1, true);
	fake_channel_limit(f->channel, 0);
	program_send(f, fd, "x");
	close(fd);
	settle(f);
	fake_io_advance(f->thread, G_MAXINT64); /* the pipe's clock is the real one */
	settle(f);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
}

/* Nothing is queued without end, and nothing is lost, when one side does not read. */
static void test_flow(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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
		settle(f);
	}
	g_assert_cmpuint(read, ==, 4000000);
	g_assert_cmpuint(fake_channel_backlog(f->channel), ==, 0);
	/* the other way */
	fake_channel_limit(f->channel, 20000);
	while (send(fd, block, 4000, MSG_DONTWAIT | MSG_NOSIGNAL) == 4000) {
		sent += 4000;
		settle(f);
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

static void test_handshakes(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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
	settle(f);
	/* one that says nothing and goes */
	fd = program_connect(f, "CONN");
	close(fd);
	settle(f);
	g_assert_cmpint(hvsock_client_parse("CONNECT 7\nabc", 13, &port), ==, 10);
	g_assert_cmpuint(port, ==, 7);
	for (int i = 0; i < 9; i++)
		g_assert_cmpint(hvsock_client_parse("CONNECT 7\n", (size_t)i, &port), ==, 0);
}

static void test_limits(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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
	settle(f);
	fake_vmbus_fail_offers(f->bus, 1);
	fds[0] = program_connect(f, "CONNECT 1\n");
	program_expect_end(fds[0]);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
	close(fds[0]);
}

/* A program of the host's; the other end is what vmmsd would pass on. */
static int host_serves(struct fixture *f)
{
	int fds[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==,
			0);
	f->answer = fds[1];
	return fds[0];
}

static void host_ends(struct fixture *f)
{
	close(f->answer);
	f->answer = -1;
}

static const struct vmbus_guid port_of_guest = {
	{0xd2, 4, 0, 0, 0xcb, 0xfa, 0xe6, 0x11, 0xbd, 0x58, 0x64, 0, 0x6a, 0x79, 0x86, 0xd3}};

static bool guest_wishes(struct fixture *f, uint32_t port)
{
	const struct vmbus_guid service = hvsock_guid_of_port(port);

	return hvsock_tl_connect(f->hvsock, &port_of_guest, &service);
}

static uint64_t last_asked(const struct fixture *f)
{
	return g_array_index(f->asked, uint64_t, f->asked->len - 1);
}

static void test_guest_to_host(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd;

	g_assert_true(guest_wishes(f, 80)); /* nobody listens */
	g_assert_cmpuint(f->asked->len, ==, 0);
	settle(f);
	g_assert_cmpuint(f->port, ==, 80);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, 1);
	g_assert_null(fake_vmbus_nth(f->bus, 0));
	fd = host_serves(f);
	g_assert_true(guest_wishes(f, 81));
	settle(f);
	host_ends(f);
	guest_open(f, 81, false);
	g_assert_cmpint(memcmp(&fake_device_config(f->device)->instance_id, &port_of_guest, 16), ==,
			0);
	guest_send(f, "GET /");
	program_expect(fd, "GET /"); /* and no OK */
	program_send(f, fd, "200");
	guest_expect(f, "200");
	close(fd);
	guest_expect(f, "");
	guest_send(f, "");
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, 1);
}

/* Not even asked for: what is no port, and more at once than the main thread can bear. */
static void test_guest_to_host_refused(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct vmbus_guid service = hvsock_guid_of_port(80), endpoint = port_of_guest;
	unsigned int taken = 0;

	service.bytes[15] ^= 1; /* not of the family of ports */
	g_assert_false(hvsock_tl_connect(f->hvsock, &endpoint, &service));
	g_assert_false(guest_wishes(f, 0x80000050));
	service = hvsock_guid_of_port(80);
	endpoint.bytes[4] ^= 1;
	g_assert_false(hvsock_tl_connect(f->hvsock, &endpoint, &service));
	f->late = true;
	for (int i = 0; i < 100; i++) {
		taken += guest_wishes(f, 80);
		if (i == 50)
			settle(f);
	}
	g_assert_cmpuint(taken, ==, HVSOCK_WISHES_MAX);
	settle(f);
	g_assert_cmpuint(f->asked->len, ==, taken);
	for (guint i = 0; i < f->asked->len; i++)
		hvsock_connected(f->hvsock, g_array_index(f->asked, uint64_t, i), -1);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, taken);
	g_assert_true(guest_wishes(f, 80)); /* left to be freed, before it is asked for */
}

/* A guest in a loop asks the host a hundred times a second, and is refused beyond that. */
static void test_guest_to_host_rate(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	gint64 begun = g_get_monotonic_time() / G_USEC_PER_SEC, seconds;
	unsigned int n = 0;

	for (; n < 1000; n++) {
		g_assert_true(guest_wishes(f, 80));
		settle(f);
	}
	seconds = g_get_monotonic_time() / G_USEC_PER_SEC - begun + 1;
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, n);
	g_assert_cmpuint(f->asked->len, >=, HVSOCK_A_SECOND);
	g_assert_cmpuint(f->asked->len, <=, (guint)seconds * HVSOCK_A_SECOND);
}

/* Answers that come twice, to no question, when there are too many, or not at all. */
static void test_guest_to_host_answers(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = host_serves(f), again = dup(f->answer), other = dup(f->answer);
	char byte;

	f->late = true;
	g_assert_true(guest_wishes(f, 80));
	settle(f);
	hvsock_connected(f->hvsock, last_asked(f), f->answer);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 1);
	hvsock_connected(f->hvsock, last_asked(f), again);
	hvsock_connected(f->hvsock, 0, other);
	hvsock_connected(f->hvsock, last_asked(f), -1);
	g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 1);
	g_assert_cmpint(close(again), ==, -1);
	g_assert_cmpint(close(other), ==, -1);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, 0);
	close(fd);
	fd = host_serves(f);
	fake_vmbus_fail_offers(f->bus, 1);
	g_assert_true(guest_wishes(f, 80));
	settle(f);
	hvsock_connected(f->hvsock, last_asked(f), f->answer);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, 1);
	g_assert_cmpint(read(fd, &byte, 1), ==, 0);
	close(fd);
	g_assert_true(guest_wishes(f, 80)); /* left to be freed, after it was asked for */
	settle(f);
}

static void test_guest_to_host_silence(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->late = true;
	g_assert_true(guest_wishes(f, 80));
	while (fake_vmbus_refusals(f->bus) == 0)
		g_assert_cmpint(sd_event_run(f->event, 30000000), >, 0);
}

static void test_hostile(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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
		settle(f);
		g_assert_cmpuint(hvsock_connections(f->hvsock), ==, size != 0);
		if (size != 0) { /* it was the end: nothing may follow */
			guest_send(f, "x");
			g_assert_cmpuint(hvsock_connections(f->hvsock), ==, 0);
		}
		close(fd);
	}
}

/* The hvsock is freed in the middle of everything. */
static void test_free(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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

static void test_timeouts(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
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
#define ADD(name, function) \
	g_test_add("/hvsock/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("host-to-guest", test_host_to_guest);
	ADD("guest-ends-first", test_guest_ends_first);
	ADD("guest-closes", test_guest_closes);
	ADD("program-goes", test_program_goes);
	ADD("linger", test_linger);
	ADD("flow", test_flow);
	ADD("handshakes", test_handshakes);
	ADD("limits", test_limits);
	ADD("guest-to-host", test_guest_to_host);
	ADD("guest-to-host/refused", test_guest_to_host_refused);
	ADD("guest-to-host/rate", test_guest_to_host_rate);
	ADD("guest-to-host/answers", test_guest_to_host_answers);
	g_test_add("/hvsock/guest-to-host/silence", struct fixture, GUINT_TO_POINTER(50), set_up,
		   test_guest_to_host_silence, tear_down);
	ADD("hostile", test_hostile);
	ADD("free", test_free);
	g_test_add("/hvsock/timeouts", struct fixture, GUINT_TO_POINTER(50), set_up, test_timeouts,
		   tear_down);
	g_test_add_func("/hvsock/guid", test_guid);
	return g_test_run();
}
