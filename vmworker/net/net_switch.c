/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mac_table.h"

#define HEADER	  sizeof(struct virtio_net_hdr)
#define FRAME_MAX 65553u /* NET_FRAME_MAX of net_backend.h */
#define BATCH	  64u	 /* frames of a port before the others have their turn */
#define EVENTS	  64

struct net_switch_port {
	int fd; /* -1: free */
	bool only;
	uint8_t only_mac[6];
};

struct net_switch {
	int epoll_fd;
	uint32_t n_ports, end; /* ports in use; 1 + the highest that was ever used */
	struct mac_table *macs;
	struct net_switch_counters counters;
	struct net_switch_port ports[NET_SWITCH_PORTS_MAX];
	uint8_t message[HEADER + FRAME_MAX + 1]; /* one more, so that a longer one is seen */
};

G_DEFINE_QUARK(vmms_net_switch_error, net_switch_error)

struct net_switch *net_switch_new(GError **error)
{
	struct net_switch *net = g_new0(struct net_switch, 1);

	net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (net->epoll_fd < 0) {
		g_set_error(error, NET_SWITCH_ERROR, 0,
			    "The private network cannot be made: %s; raise the limit of open files",
			    g_strerror(errno));
		g_free(net);
		return NULL;
	}
	for (uint32_t i = 0; i < NET_SWITCH_PORTS_MAX; i++)
		net->ports[i].fd = -1;
	net->macs =
		mac_table_new(NET_SWITCH_PORTS_MAX, NET_SWITCH_MACS_PER_PORT, NET_SWITCH_MAC_AGE);
	return net;
}

void net_switch_free(struct net_switch *net)
{
	if (!net)
		return;
	for (uint32_t i = 0; i < net->end; i++)
		if (net->ports[i].fd >= 0)
			close(net->ports[i].fd);
	close(net->epoll_fd);
	mac_table_free(net->macs);
	g_free(net);
}

static bool net_switch_watch(struct net_switch *net, uint32_t port, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = port}};
	int type = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return false;
	if (type != SOCK_SEQPACKET) {
		errno = EPROTOTYPE;
		return false;
	}
	return epoll_ctl(net->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

uint32_t net_switch_add_port(struct net_switch *net, int fd, const uint8_t only_mac[6],
			     GError **error)
{
	uint32_t port = 0;

	while (port < NET_SWITCH_PORTS_MAX && net->ports[port].fd >= 0)
		port++;
	if (port == NET_SWITCH_PORTS_MAX) {
		g_set_error(error, NET_SWITCH_ERROR, 0,
			    "The private network has %u ports, which is all: use another network",
			    NET_SWITCH_PORTS_MAX);
		return NET_SWITCH_PORT_NONE;
	}
	if (!net_switch_watch(net, port, fd)) {
		g_set_error(error, NET_SWITCH_ERROR, 0,
			    "The private network cannot take the descriptor: %s; give it a "
			    "connected seqpacket socket",
			    g_strerror(errno));
		return NET_SWITCH_PORT_NONE;
	}
	net->ports[port] = (struct net_switch_port){.fd = fd, .only = only_mac != NULL};
	if (only_mac)
		memcpy(net->ports[port].only_mac, only_mac, 6);
	net->n_ports++;
	net->end = MAX(net->end, port + 1);
	return port;
}

void net_switch_remove_port(struct net_switch *net, uint32_t port)
{
	if (port >= net->end || net->ports[port].fd < 0)
		return;
	close(net->ports[port].fd); /* leaves the epoll set as well */
	net->ports[port].fd = -1;
	net->n_ports--;
	mac_table_forget_port(net->macs, port);
}

uint32_t net_switch_n_ports(const struct net_switch *net)
{
	return net->n_ports;
}

int net_switch_fd(const struct net_switch *net)
{
	return net->epoll_fd;
}

static void net_switch_output(struct net_switch *net, uint32_t port, size_t size)
{
	if (send(net->ports[port].fd, net->message, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		net->counters.dropped++;
}

static void net_switch_forward(struct net_switch *net, uint32_t from, size_t size)
{
	const uint8_t *destination = net->message + HEADER, *source = destination + 6;
	const struct net_switch_port *port = &net->ports[from];
	struct timespec now;
	uint32_t to = MAC_TABLE_NONE;

	if (size < HEADER + 14 || size > HEADER + FRAME_MAX || source[0] & 1 ||
	    (port->only && memcmp(source, port->only_mac, 6) != 0)) {
		net->counters.refused++;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	mac_table_learn(net->macs, source, from, (uint64_t)now.tv_sec);
	if (!(destination[0] & 1))
		to = mac_table_find(net->macs, destination, (uint64_t)now.tv_sec);
	if (to != MAC_TABLE_NONE) {
		if (to != from)
			net_switch_output(net, to, size);
		net->counters.forwarded++;
		return;
	}
	for (uint32_t i = 0; i < net->end; i++)
		if (i != from && net->ports[i].fd >= 0)
			net_switch_output(net, i, size);
	net->counters.flooded++;
}

static void net_switch_input(struct net_switch *net, uint32_t port)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		ssize_t n =
			recv(net->ports[port].fd, net->message, sizeof(net->message), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return;
		if (n <= 0) {
			net_switch_remove_port(net, port);
			return;
		}
		net_switch_forward(net, port, (size_t)n);
	}
}

bool net_switch_run(struct net_switch *net, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(net->epoll_fd, events, EVENTS, timeout_ms);

	if (n < 0)
		return errno == EINTR;
	for (int i = 0; i < n; i++)
		if (net->ports[events[i].data.u32].fd >= 0)
			net_switch_input(net, events[i].data.u32);
	return true;
}

void net_switch_counters(const struct net_switch *net, struct net_switch_counters *counters)
{
	*counters = net->counters;
}
