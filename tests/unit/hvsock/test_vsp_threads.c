/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hv_sock and the services on a real I/O thread, beside a main loop: that each call is made on the
 * thread that it belongs to (the fake bus looks), and that nothing is left when they are freed. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fake_vmbus.h"
#include "hvsock.h"
#include "services.h"

#define SECONDS_MAX 30u

struct fixture {
	struct vmbus *bus;
	struct io_thread *thread;
	sd_event *event;
	unsigned int results;
	int last;
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	f->bus = fake_vmbus_new();
	f->thread = io_thread_new("vsp", NULL);
	g_assert_nonnull(f->thread);
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	fake_vmbus_free(f->bus);
	io_thread_free(f->thread);
	sd_event_unref(f->event);
}

/* Runs the loop until `is` says so. */
static void run_until(struct fixture *f, bool (*is)(struct fixture *f, void *context),
		      void *context)
{
	gint64 end = g_get_monotonic_time() + (gint64)SECONDS_MAX * G_USEC_PER_SEC;

	while (!is(f, context)) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
	}
}

static bool is_offered(struct fixture *f, void *context G_GNUC_UNUSED)
{
	return fake_vmbus_nth(f->bus, 0) != NULL;
}

static bool is_alone(struct fixture *f G_GNUC_UNUSED, void *context)
{
	return hvsock_connections(context) == 0;
}

static bool is_readable(struct fixture *f G_GNUC_UNUSED, void *context)
{
	char byte;

	return recv(*(int *)context, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
}

/* An abstract socket, so that there is no file. */
static void socket_address(struct sockaddr_un *address, socklen_t *size)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "vmms-test-%d",
		 (int)getpid());
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			    strlen(address->sun_path + 1));
}

static void guest_echo(struct vmbus_channel *channel)
{
	struct fake_sent sent;

	g_assert_true(fake_channel_wait(channel, SECONDS_MAX * 1000, &sent));
	fake_channel_send(channel,
			  &(struct fake_packet){.payload = sent.payload, .size = sent.size});
	fake_sent_clear(&sent);
}

static void test_hvsock(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct vmbus_channel *channel;
	struct sockaddr_un address;
	struct hvsock *hvsock;
	char text[64];
	socklen_t size;

	socket_address(&address, &size);
	g_assert_cmpint(bind(listener, (struct sockaddr *)&address, size), ==, 0);
	g_assert_cmpint(listen(listener, 8), ==, 0);
	hvsock = hvsock_new(&(struct hvsock_config){.bus = f->bus,
						    .thread = f->thread,
						    .event = f->event,
						    .listen_fd = listener},
			    NULL);
	g_assert_nonnull(hvsock);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, size), ==, 0);
	g_assert_cmpint(send(fd, "CONNECT 7\n", 10, 0), ==, 10);
	run_until(f, is_offered, NULL);
	channel = fake_channel_open(fake_vmbus_nth(f->bus, 0), 0, NULL);
	run_until(f, is_readable, &fd);
	g_assert_cmpint(recv(fd, text, sizeof(text), 0), ==, 5);
	for (int i = 0; i < 100; i++) {
		g_assert_cmpint(send(fd, &i, sizeof(i), 0), ==, sizeof(i));
		guest_echo(channel);
		run_until(f, is_readable, &fd);
		g_assert_cmpint(recv(fd, text, sizeof(text), 0), ==, sizeof(i));
		g_assert_cmpint(memcmp(text, &i, sizeof(i)), ==, 0);
	}
	g_assert_cmpint(shutdown(fd, SHUT_WR), ==, 0);
	guest_echo(channel); /* the end, too */
	run_until(f, is_alone, hvsock);
	close(fd);
	hvsock_free(hvsock);
}

static uint64_t real_clock(void *context G_GNUC_UNUSED)
{
	return (uint64_t)g_get_monotonic_time() * 1000;
}

static void on_done(void *context, int result)
{
	struct fixture *f = context;

	f->results++;
	f->last = result;
}

static bool is_answered(struct fixture *f, void *context G_GNUC_UNUSED)
{
	return f->results > 0;
}

static void test_services(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	const struct ic_clock clock = {real_clock, real_clock, real_clock, NULL};
	struct services *services = services_new(&(struct services_config){.bus = f->bus,
									   .thread = f->thread,
									   .event = f->event,
									   .clock = &clock,
									   .offered = SERVICES_ALL},
						 NULL);
	struct vmbus_channel *channel;
	struct fake_sent sent;

	g_assert_nonnull(services);
	services_shutdown(services, IC_SHUTDOWN_POWER_OFF, false, NULL, IC_SECOND, on_done, f);
	run_until(f, is_answered, NULL);
	g_assert_cmpint(f->last, ==, IC_SHUTDOWN_ABSENT);
	for (unsigned int i = 0; i < 6; i++) { /* each speaks first, without being spoken to */
		channel = fake_channel_open(fake_vmbus_nth(f->bus, i), 0, NULL);
		g_assert_nonnull(channel);
		g_assert_true(fake_channel_wait(channel, SECONDS_MAX * 1000, &sent));
		fake_sent_clear(&sent);
	}
	for (int i = 0; i < 100; i++)
		services_freeze(services, IC_SECOND, IC_SECOND, on_done, f);
	services_free(services);
	g_assert_cmpuint(f->results, ==, 101);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/vsp_threads/hvsock", struct fixture, NULL, set_up, test_hvsock, tear_down);
	g_test_add("/vsp_threads/services", struct fixture, NULL, set_up, test_services, tear_down);
	return g_test_run();
}
