/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections that the guest begins. */
#include <sys/socket.h>
#include <unistd.h>

#include "hvsock_fixture.h"
#include "hvsock_guid.h"

/* A program of the host's; the other end is what vmmsd would pass on. */
static int host_serves(struct hvsock_fixture *f)
{
	int fds[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==,
			0);
	f->answer = fds[1];
	return fds[0];
}

static void host_ends(struct hvsock_fixture *f)
{
	close(f->answer);
	f->answer = -1;
}

static const struct vmbus_guid port_of_guest = {
	{0xd2, 4, 0, 0, 0xcb, 0xfa, 0xe6, 0x11, 0xbd, 0x58, 0x64, 0, 0x6a, 0x79, 0x86, 0xd3}};

static bool guest_wishes(struct hvsock_fixture *f, uint32_t port)
{
	const struct vmbus_guid service = hvsock_guid_of_port(port);

	return hvsock_tl_connect(f->hvsock, &port_of_guest, &service);
}

static uint64_t last_asked(const struct hvsock_fixture *f)
{
	return g_array_index(f->asked, uint64_t, f->asked->len - 1);
}

static void test_taken(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd;

	g_assert_true(guest_wishes(f, 80)); /* nobody listens */
	g_assert_cmpuint(f->asked->len, ==, 0);
	hvsock_settle(f);
	g_assert_cmpuint(f->port, ==, 80);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, 1);
	g_assert_null(fake_vmbus_nth(f->bus, 0));
	fd = host_serves(f);
	g_assert_true(guest_wishes(f, 81));
	hvsock_settle(f);
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
static void test_refused(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
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
			hvsock_settle(f);
	}
	g_assert_cmpuint(taken, ==, HVSOCK_WISHES_MAX);
	hvsock_settle(f);
	g_assert_cmpuint(f->asked->len, ==, taken);
	for (guint i = 0; i < f->asked->len; i++)
		hvsock_connected(f->hvsock, g_array_index(f->asked, uint64_t, i), -1);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, taken);
	g_assert_true(guest_wishes(f, 80)); /* left to be freed, before it is asked for */
}

/* A guest in a loop asks the host a hundred times a second, and is refused beyond that. */
static void test_rate(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	gint64 begun = g_get_monotonic_time() / G_USEC_PER_SEC, seconds;
	unsigned int n = 0;

	for (; n < 1000; n++) {
		g_assert_true(guest_wishes(f, 80));
		hvsock_settle(f);
	}
	seconds = g_get_monotonic_time() / G_USEC_PER_SEC - begun + 1;
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, n);
	g_assert_cmpuint(f->asked->len, >=, HVSOCK_A_SECOND);
	g_assert_cmpuint(f->asked->len, <=, (guint)seconds * HVSOCK_A_SECOND);
}

/* Answers that come twice, to no question, when there are too many, or not at all. */
static void test_answers(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = host_serves(f), again = dup(f->answer), other = dup(f->answer);
	char byte;

	f->late = true;
	g_assert_true(guest_wishes(f, 80));
	hvsock_settle(f);
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
	hvsock_settle(f);
	hvsock_connected(f->hvsock, last_asked(f), f->answer);
	g_assert_cmpuint(fake_vmbus_refusals(f->bus), ==, 1);
	g_assert_cmpint(read(fd, &byte, 1), ==, 0);
	close(fd);
	g_assert_true(guest_wishes(f, 80)); /* left to be freed, after it was asked for */
	hvsock_settle(f);
}

static void test_silence(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->late = true;
	g_assert_true(guest_wishes(f, 80));
	while (fake_vmbus_refusals(f->bus) == 0)
		g_assert_cmpint(sd_event_run(f->event, 30000000), >, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function)                                                                    \
	g_test_add("/hvsock/host/" name, struct hvsock_fixture, NULL, hvsock_set_up, function, \
		   hvsock_tear_down)
	ADD("taken", test_taken);
	ADD("refused", test_refused);
	ADD("rate", test_rate);
	ADD("answers", test_answers);
	g_test_add("/hvsock/host/silence", struct hvsock_fixture, GUINT_TO_POINTER(50),
		   hvsock_set_up, test_silence, hvsock_tear_down);
	return g_test_run();
}
