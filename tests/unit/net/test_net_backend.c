/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net_backend.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_backends.h"

/* The device: keeps what it is given, when it has room. On the I/O thread, but for `lock`. */
struct device {
	struct io_thread *thread;
	struct net_backend *backend;
	int peer;
	GMutex lock;
	GCond changed;
	GPtrArray *frames; /* GBytes */
	struct virtio_net_hdr header;
	unsigned int room, rows, writable;
	bool up;
};

static bool device_received(void *context, const struct virtio_net_hdr *header, uint8_t *frame,
			    size_t size)
{
	struct device *device = context;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&device->lock);

	if (device->room == 0)
		return false;
	device->room--;
	device->header = *header;
	g_ptr_array_add(device->frames, g_bytes_new(frame, size));
	memset(frame, 0xee, size); /* it may */
	g_cond_signal(&device->changed);
	return true;
}

static void device_received_all(void *context)
{
	struct device *device = context;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&device->lock);

	device->rows++;
}

static void device_writable(void *context)
{
	struct device *device = context;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&device->lock);

	device->writable++;
	g_cond_signal(&device->changed);
}

static void device_link_changed(void *context, bool up)
{
	struct device *device = context;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&device->lock);

	device->up = up;
	g_cond_signal(&device->changed);
}

static const struct net_backend_events events = {.received = device_received,
						 .received_all = device_received_all,
						 .writable = device_writable,
						 .link_changed = device_link_changed};

static void device_attach(void *context)
{
	struct device *device = context;

	g_assert_true(net_backend_attach(device->backend, device->thread, &events, device, NULL));
}

static void device_detach(void *context)
{
	struct device *device = context;

	net_backend_detach(device->backend);
}

static void device_resume(void *context)
{
	struct device *device = context;

	net_backend_resume(device->backend);
}

static void device_open(struct device *device, int type)
{
	int pair[2];

	memset(device, 0, sizeof(*device));
	g_assert_cmpint(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), ==, 0);
	device->peer = pair[0];
	device->backend = type == SOCK_STREAM ? net_user_new("nic0", pair[1], NULL)
					      : net_port_new("nic0", pair[1], NULL);
	g_assert_nonnull(device->backend);
	g_mutex_init(&device->lock);
	g_cond_init(&device->changed);
	device->frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	device->room = G_MAXUINT;
	device->up = true;
	device->thread = io_thread_new("test-net", NULL);
	io_thread_call(device->thread, device_attach, device);
}

static void device_close(struct device *device)
{
	io_thread_call(device->thread, device_detach, device);
	io_thread_free(device->thread);
	net_backend_free(device->backend);
	g_ptr_array_unref(device->frames);
	if (device->peer >= 0)
		close(device->peer);
	g_mutex_clear(&device->lock);
	g_cond_clear(&device->changed);
}

/* Waits until `n` frames came. */
static void device_wait_frames(struct device *device, guint n)
{
	gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&device->lock);

	while (device->frames->len < n)
		g_assert_true(g_cond_wait_until(&device->changed, &device->lock, end));
}

static void device_wait_down(struct device *device)
{
	gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&device->lock);

	while (device->up)
		g_assert_true(g_cond_wait_until(&device->changed, &device->lock, end));
}

static void device_give_room(struct device *device, unsigned int room)
{
	g_mutex_lock(&device->lock);
	device->room = room;
	g_mutex_unlock(&device->lock);
	if (room > 0)
		io_thread_call(device->thread, device_resume, device);
}

struct sending {
	struct device *device;
	size_t size;
	uint8_t fill;
	unsigned int n, sent;
	uint32_t flags;
};

/* Sends n frames in three pieces each, as long as it may. */
static void device_send(void *context)
{
	struct sending *sending = context;
	struct virtio_net_hdr header = {.flags = (uint8_t)sending->flags};
	g_autofree uint8_t *frame = g_malloc(sending->size);
	struct iovec iov[3] = {{frame, 14}, {frame + 14, 1}, {frame + 15, sending->size - 15}};

	memset(frame, sending->fill, sending->size);
	while (sending->sent < sending->n && net_backend_can_send(sending->device->backend) &&
	       net_backend_send(sending->device->backend, 5, &header, iov, 3))
		sending->sent++;
}

static void put_frame(GByteArray *stream, size_t size, uint8_t fill)
{
	uint8_t prefix[4] = {0, (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
	g_autofree uint8_t *frame = g_malloc(size);

	memset(frame, fill, size);
	g_byte_array_append(stream, prefix, 4);
	g_byte_array_append(stream, frame, (guint)size);
}

static void assert_frame(struct device *device, guint n, size_t size, uint8_t fill)
{
	size_t length;
	const uint8_t *data = g_bytes_get_data(device->frames->pdata[n], &length);

	g_assert_cmpuint(length, ==, size);
	for (size_t i = 0; i < length; i++)
		g_assert_cmpuint(data[i], ==, fill);
}

/* Frames of every size, cut anywhere by the stream, come out as they were. */
static void test_user_receive(void)
{
	g_autoptr(GByteArray) stream = g_byte_array_new();
	struct device device;
	size_t sizes[200], at = 0;

	device_open(&device, SOCK_STREAM);
	for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
		sizes[i] = i % 50 == 49 ? NET_FRAME_MAX
					: (size_t)g_test_rand_int_range(NET_FRAME_MIN, 3000);
		put_frame(stream, sizes[i], (uint8_t)i);
	}
	while (at < stream->len) {
		size_t n = (size_t)g_test_rand_int_range(1, 5000);
		ssize_t sent = send(device.peer, stream->data + at, MIN(n, stream->len - at), 0);

		g_assert_cmpint(sent, >, 0);
		at += (size_t)sent;
	}
	device_wait_frames(&device, G_N_ELEMENTS(sizes));
	for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
		assert_frame(&device, i, sizes[i], (uint8_t)i);
	device_close(&device);
}

static void test_pressure(gconstpointer data)
{
	int type = GPOINTER_TO_INT(data);
	struct device device;

	device_open(&device, type);
	device_give_room(&device, 0);
	for (guint i = 0; i < 100; i++) {
		g_autoptr(GByteArray) stream = g_byte_array_new();

		put_frame(stream, 100, (uint8_t)i);
		if (type != SOCK_STREAM)
			g_byte_array_prepend(stream, (const uint8_t[6]){0}, 6); /* 10 with the 4 */
		g_assert_cmpint(send(device.peer, stream->data, stream->len, 0), ==, stream->len);
	}
	for (guint i = 0; i < 100; i += 10) {
		device_give_room(&device, 10);
		device_wait_frames(&device, i + 10);
		g_assert_cmpuint(device.frames->len, ==, i + 10);
	}
	for (guint i = 0; i < 100; i++)
		assert_frame(&device, i, 100, (uint8_t)i);
	device_close(&device);
}

/* While the guest has no room, as much is taken as its windows can bring; what is more waits in the
 * socket; and every frame comes once, in order. */
static void test_user_window(void)
{
	enum { FRAMES = 6000, WINDOW = 2000, SIZE = 1500, ROOM = 100 };
	g_autoptr(GByteArray) stream = g_byte_array_new();
	const size_t window = (size_t)WINDOW * (SIZE + 4);
	const struct timeval patience = {.tv_sec = 10};
	struct device device;
	size_t sent = 0;

	device_open(&device, SOCK_STREAM);
	device_give_room(&device, 0);
	for (guint i = 0; i < FRAMES; i++)
		put_frame(stream, SIZE, (uint8_t)(i * 7 + i / 256));
	g_assert_cmpint(
		setsockopt(device.peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), ==,
		0);
	while (sent < window) {
		ssize_t n = send(device.peer, stream->data + sent, window - sent, 0);

		g_assert_cmpint(n, >, 0);
		sent += (size_t)n;
	}
	for (guint got = ROOM; got <= FRAMES; got += ROOM) {
		ssize_t n =
			send(device.peer, stream->data + sent, stream->len - sent, MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		g_assert_cmpuint(sent, <, (got + 4000) * (SIZE + 4)); /* there is a bound */
		device_give_room(&device, ROOM);
		device_wait_frames(&device, got);
		g_assert_cmpuint(device.frames->len, ==, got);
	}
	for (guint i = 0; i < FRAMES; i++)
		assert_frame(&device, i, SIZE, (uint8_t)(i * 7 + i / 256));
	device_close(&device);
}

/* The other side takes nothing for a while: each frame that was accepted arrives whole, in order.
 */
static void test_user_send(void)
{
	struct device device;
	struct sending sending;
	unsigned int got = 0;
	g_autoptr(GByteArray) stream = g_byte_array_new();

	device_open(&device, SOCK_STREAM);
	sending = (struct sending){.device = &device, .size = 9000, .fill = 0x5a, .n = 1000};
	io_thread_call(device.thread, device_send, &sending);
	g_assert_cmpuint(sending.sent, <, 1000);
	while (got < sending.n) {
		uint8_t buffer[65536];
		ssize_t n = recv(device.peer, buffer, sizeof(buffer), 0);

		g_assert_cmpint(n, >, 0);
		g_byte_array_append(stream, buffer, (guint)n);
		while (stream->len >= 9004) {
			g_assert_cmpint(memcmp(stream->data, "\0\0\x23\x28", 4), ==, 0);
			for (size_t i = 4; i < 9004; i++)
				g_assert_cmpuint(stream->data[i], ==, 0x5a);
			g_byte_array_remove_range(stream, 0, 9004);
			got++;
		}
		io_thread_call(device.thread, device_send, &sending);
	}
	g_assert_cmpuint(stream->len, ==, 0);
	/* It cannot leave a checksum to passt. */
	sending = (struct sending){.device = &device, .size = 100, .n = 1, .flags = 1};
	io_thread_call(device.thread, device_send, &sending);
	g_assert_cmpuint(sending.sent, ==, 0);
	device_close(&device);
}

static void test_port_send(void)
{
	struct device device;
	struct sending sending;

	device_open(&device, SOCK_SEQPACKET);
	sending =
		(struct sending){.device = &device, .size = 5000, .fill = 1, .n = 500, .flags = 1};
	io_thread_call(device.thread, device_send, &sending);
	for (unsigned int i = 0; i < 500; i++) {
		uint8_t buffer[65536];

		g_assert_cmpint(recv(device.peer, buffer, sizeof(buffer), 0), ==, 5010);
		g_assert_cmpuint(buffer[0], ==, 1);
		g_assert_cmpuint(buffer[10], ==, 1);
		g_assert_cmpuint(buffer[5009], ==, 1);
		io_thread_call(device.thread, device_send, &sending);
	}
	g_assert_cmpuint(sending.sent, ==, 500);
	g_assert_cmpuint(device.writable, >, 0);
	device_close(&device);
}

static void test_malformed(void)
{
	struct net_backend_counters counters;
	struct device device;
	uint8_t message[100] = {0};

	device_open(&device, SOCK_SEQPACKET);
	g_assert_cmpint(send(device.peer, message, 5, 0), ==, 5);   /* no header */
	g_assert_cmpint(send(device.peer, message, 20, 0), ==, 20); /* no Ethernet header */
	g_assert_cmpint(send(device.peer, message, 70, 0), ==, 70);
	device_wait_frames(&device, 1);
	io_thread_call(device.thread, device_resume, &device);
	net_backend_counters(device.backend, &counters);
	g_assert_cmpuint(counters.receive_malformed, ==, 2);
	g_assert_cmpuint(counters.received, ==, 1);
	device_close(&device);

	device_open(&device, SOCK_STREAM); /* a length that no frame has: the stream is lost */
	g_assert_cmpint(send(device.peer, "\x7f\xff\xff\xff zz", 7, 0), ==, 7);
	device_wait_down(&device);
	device_close(&device);
}

static void test_end(gconstpointer data)
{
	struct device device;
	struct sending sending;

	device_open(&device, GPOINTER_TO_INT(data));
	close(device.peer);
	device.peer = -1;
	device_wait_down(&device);
	sending = (struct sending){.device = &device, .size = 100, .n = 1};
	io_thread_call(device.thread, device_send, &sending);
	g_assert_cmpuint(sending.sent, ==, 0);
	device_close(&device);
}

static void test_refused(void)
{
	g_autoptr(GError) tap = NULL, user = NULL, port = NULL, none = NULL;
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), ==, 0);
	g_assert_null(net_tap_new("nic0", pair, 1, &tap));
	g_assert_error(tap, NET_ERROR, NET_ERROR_DESCRIPTOR);
	g_assert_cmpstr(tap->message, ==,
			"The TAP of adapter 'nic0' cannot be used, it is no TAP: have it opened "
			"with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR");
	g_assert_null(net_user_new("nic0", pair[0], &user));
	g_assert_nonnull(strstr(user->message, "see that passt runs and restart the VM"));
	g_assert_null(net_port_new("nic0", pair[0], &port));
	g_assert_nonnull(strstr(port->message, "restart the switch and the VM"));
	g_assert_null(net_tap_new("nic0", pair, 0, &none));
	g_assert_error(none, NET_ERROR, NET_ERROR_LIMIT);
	close(pair[0]);
	close(pair[1]);
}

/* A TAP of this machine, where one may be made. */
static int open_tap(short flags)
{
	struct ifreq request = {.ifr_flags = flags};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void test_tap(void)
{
	int plain = open_tap(IFF_TAP | IFF_NO_PI), good;
	g_autoptr(GError) error = NULL;
	struct net_backend *backend;

	if (plain < 0) {
		g_test_skip("no TAP can be made here");
		return;
	}
	g_assert_null(net_tap_new("nic0", &plain, 1, &error));
	g_assert_nonnull(strstr(error->message, "it has other flags"));
	close(plain);
	good = open_tap(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
	g_assert_cmpint(good, >=, 0);
	backend = net_tap_new("nic0", &good, 1, NULL);
	g_assert_nonnull(backend);
	g_assert_cmpstr(net_backend_kind(backend), ==, "tap");
	net_backend_free(backend);
}

static void test_none(void)
{
	struct device device = {.backend = net_none_new(), .up = true};

	g_mutex_init(&device.lock);
	device.thread = io_thread_new("test-net", NULL);
	io_thread_call(device.thread, device_attach, &device);
	g_assert_false(device.up);
	g_assert_cmpstr(net_backend_kind(device.backend), ==, "none");
	io_thread_call(device.thread, device_detach, &device);
	io_thread_free(device.thread);
	net_backend_free(device.backend);
}

int main(int argc, char **argv)
{
	gconstpointer stream = GINT_TO_POINTER(SOCK_STREAM);
	gconstpointer packet = GINT_TO_POINTER(SOCK_SEQPACKET);

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/net-backend/user/receive", test_user_receive);
	g_test_add_data_func("/net-backend/user/pressure", stream, test_pressure);
	g_test_add_func("/net-backend/user/window", test_user_window);
	g_test_add_data_func("/net-backend/port/pressure", packet, test_pressure);
	g_test_add_func("/net-backend/user/send", test_user_send);
	g_test_add_func("/net-backend/port/send", test_port_send);
	g_test_add_func("/net-backend/malformed", test_malformed);
	g_test_add_data_func("/net-backend/user/end", stream, test_end);
	g_test_add_data_func("/net-backend/port/end", packet, test_end);
	g_test_add_func("/net-backend/refused", test_refused);
	g_test_add_func("/net-backend/tap", test_tap);
	g_test_add_func("/net-backend/none", test_none);
	return g_test_run();
}
