/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "switch_hub.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_switch.h"
#include "switch_port_wire.h"

#define EVENTS	    64
#define NETWORK_MAX 64u

/* What the hub waits for: connections, the first message of one, or frames of a network. */
struct hub_source {
	int fd;			/* a connection that has not said what it is; -1 */
	struct net_switch *net; /* NULL: none */
	char *network;		/* its name */
};

struct switch_hub {
	int epoll_fd, listener;
	GPtrArray *networks; /* struct hub_source */
	GPtrArray *pending;  /* likewise */
};

static void source_free(gpointer data)
{
	struct hub_source *source = data;

	if (source->fd >= 0)
		close(source->fd);
	net_switch_free(source->net);
	g_free(source->network);
	g_free(source);
}

/* source NULL: the listener. */
static bool hub_watch(struct switch_hub *hub, int fd, struct hub_source *source)
{
	struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = source}};

	return epoll_ctl(hub->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct switch_hub *switch_hub_new(int listener, GError **error)
{
	struct switch_hub *hub = g_new0(struct switch_hub, 1);

	hub->listener = listener;
	hub->networks = g_ptr_array_new_with_free_func(source_free);
	hub->pending = g_ptr_array_new_with_free_func(source_free);
	hub->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (hub->epoll_fd >= 0 && hub_watch(hub, listener, NULL))
		return hub;
	g_set_error(error, NET_SWITCH_ERROR, 0,
		    "connections cannot be waited for: %s; pass a listening socket",
		    g_strerror(errno));
	switch_hub_free(hub);
	return NULL;
}

void switch_hub_free(struct switch_hub *hub)
{
	if (!hub)
		return;
	g_ptr_array_unref(hub->pending);
	g_ptr_array_unref(hub->networks);
	if (hub->epoll_fd >= 0)
		close(hub->epoll_fd);
	g_free(hub);
}

static struct hub_source *hub_find(const struct switch_hub *hub, const char *network)
{
	for (guint i = 0; i < hub->networks->len; i++) {
		struct hub_source *source = hub->networks->pdata[i];
		if (strcmp(source->network, network) == 0)
			return source;
	}
	return NULL;
}

static struct hub_source *hub_add(struct switch_hub *hub, const char *network, GError **error)
{
	struct hub_source *source = g_new0(struct hub_source, 1);

	source->fd = -1;
	source->network = g_strdup(network);
	source->net = net_switch_new(error);
	if (source->net && hub_watch(hub, net_switch_fd(source->net), source)) {
		g_ptr_array_add(hub->networks, source);
		return source;
	}
	if (source->net)
		g_set_error(error, NET_SWITCH_ERROR, 0, "it cannot be watched: %s",
			    g_strerror(errno));
	source_free(source);
	return NULL;
}

/* ---- connections ----------------------------------------------------------------------------- */

static bool hello_is_good(const struct vmms_switch_port *hello, size_t size)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789-_.";
	size_t length;

	if (size != sizeof(*hello) ||
	    memcmp(hello->magic, VMMS_SWITCH_MAGIC, sizeof(hello->magic)) != 0 || hello->mac[0] & 1)
		return false;
	length = strnlen(hello->network, sizeof(hello->network));
	return length > 0 && length <= NETWORK_MAX && strspn(hello->network, good) == length;
}

static void hub_plug(struct switch_hub *hub, struct hub_source *pending,
		     const struct vmms_switch_port *hello)
{
	g_autoptr(GError) error = NULL;
	struct hub_source *network = hub_find(hub, hello->network);

	(void)epoll_ctl(hub->epoll_fd, EPOLL_CTL_DEL, pending->fd, NULL);
	if (!network)
		network = hub_add(hub, hello->network, &error);
	if (network && net_switch_add_port(network->net, pending->fd, hello->mac, &error) !=
			       NET_SWITCH_PORT_NONE)
		pending->fd = -1; /* the switch's */
	else
		g_message("network %s: %s", hello->network, error->message);
	if (network && net_switch_n_ports(network->net) == 0)
		g_ptr_array_remove(hub->networks, network);
}

static void hub_hello(struct switch_hub *hub, struct hub_source *pending)
{
	struct vmms_switch_port hello = {0};
	ssize_t n = recv(pending->fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && hello_is_good(&hello, (size_t)n))
		hub_plug(hub, pending, &hello);
	g_ptr_array_remove(hub->pending, pending);
}

static void hub_accept(struct switch_hub *hub)
{
	int fd = accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct hub_source *pending;

	if (fd < 0)
		return;
	pending = g_new0(struct hub_source, 1);
	pending->fd = fd;
	if (hub_watch(hub, fd, pending))
		g_ptr_array_add(hub->pending, pending);
	else
		source_free(pending);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void hub_forward(struct switch_hub *hub, struct hub_source *network)
{
	if (!net_switch_run(network->net, 0))
		g_message("network %s: %s", network->network, g_strerror(errno));
	if (net_switch_n_ports(network->net) == 0)
		g_ptr_array_remove(hub->networks, network);
}

/* A source is freed by no event but its own, so that those of a batch stay good. */
bool switch_hub_run(struct switch_hub *hub, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(hub->epoll_fd, events, EVENTS, timeout_ms);

	if (n < 0)
		return errno == EINTR;
	for (int i = 0; i < n; i++) {
		struct hub_source *source = events[i].data.ptr;
		if (!source)
			hub_accept(hub);
		else if (source->net)
			hub_forward(hub, source);
		else
			hub_hello(hub, source);
	}
	return true;
}

bool switch_hub_is_idle(const struct switch_hub *hub)
{
	return hub->networks->len == 0 && hub->pending->len == 0;
}

unsigned int switch_hub_ports(const struct switch_hub *hub, const char *network)
{
	const struct hub_source *source = hub_find(hub, network);

	return source ? net_switch_n_ports(source->net) : 0;
}
