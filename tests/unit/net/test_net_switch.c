/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net_switch.h"

#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER sizeof(struct virtio_net_hdr)
#define N      3

struct fixture {
	struct net_switch *net;
	int vm[N];
	uint32_t port[N];
};

static void fixture_set_up(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->net = net_switch_new(NULL);
	g_assert_nonnull(f->net);
	for (int i = 0; i < N; i++) {
		int pair[2];

		g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
		f->vm[i] = pair[0];
		f->port[i] = net_switch_add_port(f->net, pair[1], NULL, NULL);
		g_assert_cmpuint(f->port[i], !=, NET_SWITCH_PORT_NONE);
	}
}

static void fixture_tear_down(struct fixture *f, gconstpointer data)
{
	(void)data;
	for (int i = 0; i < N; i++)
		if (f->vm[i] >= 0)
			close(f->vm[i]);
	net_switch_free(f->net);
}

/* A frame from address `from` to `to` (0: broadcast), with a large header's mark. */
static void transmit(struct fixture *f, int vm, uint8_t to, uint8_t from)
{
	uint8_t message[HEADER + 60] = {0, VIRTIO_NET_HDR_GSO_TCPV4};

	memset(message + HEADER, 0xff, 6);
	if (to != 0)
		memcpy(message + HEADER, "\x02\0\0\0\0", 5), message[HEADER + 5] = to;
	memcpy(message + HEADER + 6, "\x02\0\0\0\0", 5);
	message[HEADER + 11] = from;
	message[HEADER + 59] = 0x77;
	g_assert_cmpint(send(f->vm[vm], message, sizeof(message), 0), ==, sizeof(message));
	g_assert_true(net_switch_run(f->net, 1000));
}

/* True when a frame came, and it is whole. */
static bool came(struct fixture *f, int vm)
{
	uint8_t message[200];
	ssize_t n = recv(f->vm[vm], message, sizeof(message), MSG_DONTWAIT);

	if (n < 0)
		return false;
	g_assert_cmpint(n, ==, HEADER + 60);
	g_assert_cmpuint(message[1], ==, VIRTIO_NET_HDR_GSO_TCPV4);
	g_assert_cmpuint(message[HEADER + 59], ==, 0x77);
	return true;
}

static void test_learning(struct fixture *f, gconstpointer data)
{
	struct net_switch_counters counters;

	(void)data;
	transmit(f, 0, 2, 1); /* nobody knows 2 */
	g_assert_true(came(f, 1) && came(f, 2) && !came(f, 0));
	transmit(f, 1, 1, 2);
	g_assert_true(came(f, 0) && !came(f, 2) && !came(f, 1));
	transmit(f, 0, 2, 1);
	g_assert_true(came(f, 1) && !came(f, 2));
	transmit(f, 2, 0, 3);
	g_assert_true(came(f, 0) && came(f, 1) && !came(f, 2));
	transmit(f, 0, 1, 1); /* to itself: nowhere */
	g_assert_true(!came(f, 0) && !came(f, 1) && !came(f, 2));
	net_switch_counters(f->net, &counters);
	g_assert_cmpuint(counters.flooded, ==, 2);
	g_assert_cmpuint(counters.forwarded, ==, 3);
}

static void test_refused(struct fixture *f, gconstpointer data)
{
	static const uint8_t only[6] = {2, 0, 0, 0, 0, 9};
	struct net_switch_counters counters;
	uint8_t message[HEADER + 13] = {0};
	int pair[2];

	(void)data;
	g_assert_cmpint(send(f->vm[0], message, sizeof(message), 0), >, 0); /* short */
	g_assert_true(net_switch_run(f->net, 1000));
	net_switch_counters(f->net, &counters);
	g_assert_cmpuint(counters.refused, ==, 1);

	net_switch_remove_port(f->net, f->port[1]);
	close(f->vm[1]);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
	f->vm[1] = pair[0];
	g_assert_cmpuint(net_switch_add_port(f->net, pair[1], only, NULL), ==, f->port[1]);
	transmit(f, 1, 0, 8); /* not its own address */
	g_assert_true(!came(f, 0) && !came(f, 2));
	transmit(f, 1, 0, 9);
	g_assert_true(came(f, 0) && came(f, 2));
	net_switch_counters(f->net, &counters);
	g_assert_cmpuint(counters.refused, ==, 2);
}

/* A VM that does not read loses frames, the others do not. */
static void test_slow(struct fixture *f, gconstpointer data)
{
	struct net_switch_counters counters;

	(void)data;
	for (int i = 0; i < 5000; i++) {
		transmit(f, 0, 0, 1);
		g_assert_true(came(f, 1));
	}
	net_switch_counters(f->net, &counters);
	g_assert_cmpuint(counters.dropped, >, 0);
	g_assert_true(came(f, 2));
}

static void test_ports(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	int pair[2];

	(void)data;
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	g_assert_cmpuint(net_switch_add_port(f->net, pair[0], NULL, &error), ==,
			 NET_SWITCH_PORT_NONE);
	g_assert_nonnull(strstr(error->message, "give it a connected seqpacket socket"));
	close(pair[0]);
	close(pair[1]);
	close(f->vm[0]);
	f->vm[0] = -1;
	g_assert_true(net_switch_run(f->net, 1000));
	g_assert_cmpuint(net_switch_n_ports(f->net), ==, N - 1);
	transmit(f, 1, 0, 2);
	g_assert_true(came(f, 2));
	net_switch_remove_port(f->net, 77); /* never was */
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name, test)                                                            \
	g_test_add("/net-switch/" name, struct fixture, NULL, fixture_set_up, test, \
		   fixture_tear_down)
	TEST("learning", test_learning);
	TEST("refused", test_refused);
	TEST("slow", test_slow);
	TEST("ports", test_ports);
#undef TEST
	return g_test_run();
}
