/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hvsock_fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_io.h"
#include "hvsock_guid.h"

void hvsock_settle(struct hvsock_fixture *f)
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
	struct hvsock_fixture *f = context;

	g_array_append_val(f->asked, number);
	f->port = port;
	if (!f->late)
		hvsock_connected(f->hvsock, number, f->answer >= 0 ? dup(f->answer) : -1);
}

/* data: how long a guest or a program may be silent, in ms */
void hvsock_set_up(struct hvsock_fixture *f, gconstpointer data)
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

void hvsock_tear_down(struct hvsock_fixture *f, gconstpointer data G_GNUC_UNUSED)
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

int program_connect(struct hvsock_fixture *f, const char *line)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_strlcpy(address.sun_path, f->path, sizeof(address.sun_path));
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	if (line)
		g_assert_cmpint(send(fd, line, strlen(line), MSG_NOSIGNAL), ==,
				(gint64)strlen(line));
	hvsock_settle(f);
	return fd;
}

void program_expect(int fd, const char *text)
{
	char data[256];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	g_assert_cmpint(n, ==, (gint64)strlen(text));
	g_assert_cmpint(memcmp(data, text, strlen(text)), ==, 0);
}

void program_expect_nothing(int fd)
{
	char byte;

	g_assert_cmpint(recv(fd, &byte, 1, MSG_DONTWAIT), ==, -1);
	g_assert_cmpint(errno, ==, EAGAIN);
}

void program_expect_end(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	g_assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

void program_send(struct hvsock_fixture *f, int fd, const char *text)
{
	g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (gint64)strlen(text));
	hvsock_settle(f);
}

/* ---- the guest ------------------------------------------------------------------------------- */

/* Its driver looks at class, flag and the fifth byte of the user's, and opens the channel. */
void guest_open(struct hvsock_fixture *f, uint32_t port, bool from_host)
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
	hvsock_settle(f);
}

void guest_send_header(struct hvsock_fixture *f, uint32_t type, uint32_t claim, const void *data,
		       uint32_t size)
{
	g_autofree uint8_t *packet = g_malloc0(8 + size);

	memcpy(packet, &type, 4);
	memcpy(packet + 4, &claim, 4);
	if (size > 0)
		memcpy(packet + 8, data, size);
	fake_channel_send(f->channel, &(struct fake_packet){.payload = packet, .size = 8 + size});
	hvsock_settle(f);
}

void guest_send(struct hvsock_fixture *f, const char *text)
{
	guest_send_header(f, 1, (uint32_t)strlen(text), text, (uint32_t)strlen(text));
}

/* The payload of the next packet, NULL when there is none; "" is the end. */
char *guest_receive(struct hvsock_fixture *f)
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

void guest_expect(struct hvsock_fixture *f, const char *expected)
{
	g_autofree char *text = guest_receive(f);

	g_assert_cmpstr(text, ==, expected);
}
