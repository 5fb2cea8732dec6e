/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The private networks of a host: ports that come and go, and who may not have one. */
#include "switch_hub.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch_port_wire.h"

#define WAIT_MS 20000

struct fixture {
	char *dir;
	struct sockaddr_un address;
	int listener;
	struct switch_hub *hub;
};

static void fixture_listen(struct fixture *f)
{
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	g_assert_cmpint(f->listener, >=, 0);
	g_assert_cmpint(bind(f->listener, (struct sockaddr *)&f->address, sizeof(f->address)), ==,
			0);
	g_assert_cmpint(listen(f->listener, 16), ==, 0);
}

static void fixture_set_up(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->dir = g_dir_make_tmp("switch-XXXXXX", NULL);
	g_assert_nonnull(f->dir);
	f->address.sun_family = AF_UNIX;
	g_snprintf(f->address.sun_path, sizeof(f->address.sun_path), "%s/" VMMS_SWITCH_SOCKET,
		   f->dir);
	fixture_listen(f);
	f->hub = switch_hub_new(f->listener, NULL);
	g_assert_nonnull(f->hub);
}

static void fixture_tear_down(struct fixture *f, gconstpointer data)
{
	(void)data;
	switch_hub_free(f->hub);
	if (f->listener >= 0)
		close(f->listener);
	(void)g_unlink(f->address.sun_path);
	g_assert_cmpint(g_rmdir(f->dir), ==, 0);
	g_free(f->dir);
}

static int connected(const struct fixture *f)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	g_assert_cmpint(fd, >=, 0);
	if (connect(fd, (const struct sockaddr *)&f->address, sizeof(f->address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static struct vmms_switch_port hello_for(const char *network, uint8_t mac)
{
	struct vmms_switch_port hello = {.magic = VMMS_SWITCH_MAGIC, .mac = {2, 0, 0, 0, 0, mac}};

	g_strlcpy(hello.network, network, sizeof(hello.network));
	return hello;
}

static int port_of(struct fixture *f, const char *network, uint8_t mac)
{
	const struct vmms_switch_port hello = hello_for(network, mac);
	int fd = connected(f);

	g_assert_cmpint(send(fd, &hello, sizeof(hello), 0), ==, sizeof(hello));
	return fd;
}

static void settle(struct fixture *f)
{
	for (int i = 0; i < 10; i++)
		g_assert_true(switch_hub_run(f->hub, 0));
}

static bool closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_life(struct fixture *f, gconstpointer data)
{
	int fds[3];

	(void)data;
	g_assert_true(switch_hub_is_idle(f->hub));
	fds[0] = connected(f);
	settle(f);
	g_assert_false(switch_hub_is_idle(f->hub)); /* somebody is about to get a port */
	close(fds[0]);
	settle(f);
	g_assert_true(switch_hub_is_idle(f->hub));
	fds[0] = port_of(f, "lan", 1);
	fds[1] = port_of(f, "lan", 2);
	fds[2] = port_of(f, "dmz", 3);
	settle(f);
	g_assert_cmpuint(switch_hub_ports(f->hub, "lan"), ==, 2);
	g_assert_cmpuint(switch_hub_ports(f->hub, "dmz"), ==, 1);
	close(fds[2]);
	close(fds[0]);
	settle(f);
	g_assert_cmpuint(switch_hub_ports(f->hub, "lan"), ==, 1);
	g_assert_cmpuint(switch_hub_ports(f->hub, "dmz"), ==, 0);
	g_assert_false(switch_hub_is_idle(f->hub));
	close(fds[1]);
	settle(f);
	g_assert_true(switch_hub_is_idle(f->hub));
}

/* Whoever does not say what it is gets no port, and harms none. */
static void test_bad_hellos(struct fixture *f, gconstpointer data)
{
	struct vmms_switch_port bad[7];
	int good = port_of(f, "lan", 1);

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		bad[i] = hello_for("lan", 2);
	bad[0].magic[6] = '2';
	bad[1].network[0] = '\0';
	bad[2].network[1] = '/';
	bad[3].mac[0] = 3; /* multicast */
	memset(bad[4].network, 'a', 65);
	memset(bad[5].network, 'a', sizeof(bad[5].network)); /* without an end */
	bad[6].network[1] = '\n';
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		int fd = connected(f);

		g_assert_cmpint(send(fd, &bad[i], sizeof(bad[i]), 0), ==, sizeof(bad[i]));
		settle(f);
		g_assert_true(closed(fd));
		close(fd);
	}
	for (size_t size = 1; size <= 200; size += size == sizeof(bad[0]) - 1 ? 2 : 1) {
		uint8_t bytes[200] = {0};
		int fd = connected(f);

		bad[0] = hello_for("lan", 2);
		memcpy(bytes, &bad[0], sizeof(bad[0]));
		g_assert_cmpint(send(fd, bytes, size, 0), ==, (ssize_t)size);
		settle(f);
		g_assert_true(closed(fd));
		close(fd);
	}
	g_assert_cmpuint(switch_hub_ports(f->hub, "lan"), ==, 1);
	close(good);
}

/* A network whose ports are all taken refuses the next, and goes on. */
static void test_full(struct fixture *f, gconstpointer data)
{
	int fds[257];

	(void)data;
	g_test_expect_message(NULL, G_LOG_LEVEL_MESSAGE, "network lan: *256 ports*");
	for (int i = 0; i < 257; i++) {
		fds[i] = port_of(f, "lan", 1);
		settle(f);
	}
	g_test_assert_expected_messages();
	g_assert_true(closed(fds[256]));
	g_assert_cmpuint(switch_hub_ports(f->hub, "lan"), ==, 256);
	for (int i = 0; i < 257; i++)
		close(fds[i]);
	for (int i = 0; i < 10; i++)
		settle(f);
	g_assert_true(switch_hub_is_idle(f->hub));
}

/* ---- the program ----------------------------------------------------------------------------- */

struct child {
	int listener, lock;
};

static void child_setup(void *data)
{
	const struct child *child = data;
	char pid[16];

	if (dup2(child->listener, 3) < 0 || (child->lock >= 0 && dup2(child->lock, 4) < 0))
		_exit(127);
	g_snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
}

/* Both numbers are beyond those that the child gets. */
static GPid program_run(const struct fixture *f, bool locked)
{
	char *argv[] = {SWITCH, locked ? "--lock" : NULL, "4", NULL};
	struct child child = {fcntl(f->listener, F_DUPFD_CLOEXEC, 10), -1};
	g_autoptr(GError) error = NULL;
	GPid pid = 0;

	if (locked) {
		int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		child.lock = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		close(fd);
	}
	(void)g_spawn_async(NULL, argv, NULL,
			    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, child_setup,
			    &child, &pid, &error);
	g_assert_no_error(error);
	close(child.listener);
	if (locked)
		close(child.lock);
	return pid;
}

static void frame_send(int fd, uint8_t mac)
{
	uint8_t frame[sizeof(struct virtio_net_hdr) + 60] = {0};
	uint8_t *at = frame + sizeof(struct virtio_net_hdr);

	memset(at, 0xff, 6);
	at[6] = 2;
	at[11] = mac;
	g_assert_cmpint(send(fd, frame, sizeof(frame), 0), ==, sizeof(frame));
}

/* Carries a frame under its system call filter, and ends with its last port. */
static void test_program(struct fixture *f, gconstpointer data)
{
	bool locked = GPOINTER_TO_INT(data);
	int lock = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;
	struct pollfd wait;
	int fds[2];
	GPid pid;

	switch_hub_free(g_steal_pointer(&f->hub));
	g_assert_cmpint(flock(lock, LOCK_EX), ==, 0);
	if (locked) { /* does not end before somebody could connect */
		pid = program_run(f, true);
		fds[0] = port_of(f, "lan", 1);
	} else { /* as systemd does it: somebody has connected */
		fds[0] = port_of(f, "lan", 1);
		pid = program_run(f, false);
	}
	g_assert_cmpint(flock(lock, LOCK_UN), ==, 0);
	fds[1] = port_of(f, "lan", 2);
	wait = (struct pollfd){.fd = fds[1], .events = POLLIN};
	/* A frame that comes before the other's port is there goes nowhere. */
	do {
		frame_send(fds[0], 1);
	} while (poll(&wait, 1, 10) == 0);
	g_assert_cmpint(wait.revents, ==, POLLIN);
	close(fds[0]);
	close(fds[1]);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	close(lock);
}

/* Two ports of a network, of the switch that there is or else of a new one, as vmmsd has them. */
static void ports_of_any(struct fixture *f, GArray *pids, int fds[2])
{
	int lock = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), probe;

	g_assert_cmpint(flock(lock, LOCK_EX), ==, 0);
	probe = connected(f);
	if (probe < 0) {
		GPid pid;

		(void)g_unlink(f->address.sun_path);
		fixture_listen(f);
		pid = program_run(f, true);
		g_array_append_val(pids, pid);
		close(f->listener);
		f->listener = -1;
	}
	fds[0] = port_of(f, "lan", 1);
	fds[1] = port_of(f, "lan", 2);
	if (probe >= 0)
		close(probe);
	close(lock);
}

/* One that ends meets one that connects, time and again: no port is lost. */
static void test_handover(struct fixture *f, gconstpointer data)
{
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(GPid));

	(void)data;
	switch_hub_free(g_steal_pointer(&f->hub));
	close(f->listener);
	for (int i = 0; i < 50; i++) {
		struct pollfd wait = {.events = POLLIN};
		int fds[2];

		ports_of_any(f, pids, fds);
		wait.fd = fds[1];
		do {
			frame_send(fds[0], 1);
		} while (poll(&wait, 1, 10) == 0);
		g_assert_cmpint(wait.revents, ==, POLLIN);
		close(fds[0]);
		close(fds[1]);
	}
	for (guint i = 0; i < pids->len; i++) {
		int status;

		g_assert_cmpint(waitpid(g_array_index(pids, GPid, i), &status, 0), >, 0);
		g_assert_cmpint(status, ==, 0);
	}
}

static void test_usage(void)
{
	char *cases[][4] = {{SWITCH, "--help", NULL}, {SWITCH, "--lock", NULL}, {SWITCH, NULL}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = NULL;
		int status = 0;

		g_assert_true(g_spawn_sync(NULL, cases[i], NULL, 0, NULL, NULL, NULL, &text,
					   &status, NULL));
		g_assert_true(WIFEXITED(status));
		g_assert_cmpint(WEXITSTATUS(status), ==, i < 2 ? 2 : 1);
		g_assert_nonnull(strstr(text, i < 2 ? "usage:" : "there is no listening socket"));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, data, fn) \
	g_test_add("/switch-hub/" name, struct fixture, data, fixture_set_up, fn, fixture_tear_down)
	CASE("life", NULL, test_life);
	CASE("bad-hellos", NULL, test_bad_hellos);
	CASE("full", NULL, test_full);
	CASE("program/spawned", GINT_TO_POINTER(1), test_program);
	CASE("program/activated", GINT_TO_POINTER(0), test_program);
	CASE("program/handover", NULL, test_handover);
	g_test_add_func("/switch-hub/usage", test_usage);
	return g_test_run();
}
