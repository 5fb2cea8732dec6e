/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers of images come and go. */
#include "served.h"

#include <sys/socket.h>
#include <unistd.h>

#include "worker_error.h"

#define WAIT_US	 (UINT64_C(20) * G_USEC_PER_SEC)
#define SHORT_US UINT64_C(50000)

struct fixture {
	sd_event *event;
	struct served *served;
	struct engine_disk disk; /* the second of two, behind a raw one */
	int server;		 /* its end; -1: gone */
	unsigned int asked;	 /* so often for another */
};

static void on_lost(void *context, uint32_t controller, uint32_t lun)
{
	struct fixture *f = context;

	g_assert_cmpuint(controller, ==, 1);
	g_assert_cmpuint(lun, ==, 5);
	f->asked++;
}

/* A server begins; the worker's end is in f->disk. */
static void server_begin(struct fixture *f)
{
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	f->disk.life_fd = pair[0];
	f->server = pair[1];
}

static void server_end(struct fixture *f)
{
	close(f->server);
	f->server = -1;
}

static void setup(struct fixture *f, enum engine_disk_error on_error)
{
	*f = (struct fixture){.disk = {.path = "/a.qcow2",
				       .format = ENGINE_DISK_QCOW2,
				       .on_error = on_error,
				       .fd = -1,
				       .controller = 1,
				       .lun = 5}};
	server_begin(f);
	const struct engine_disk disks[] = {{.path = "/raw", .fd = -1, .life_fd = -1}, f->disk};
	const struct engine_devices devices = {.disks = disks, .n_disks = G_N_ELEMENTS(disks)};

	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->served = served_new(f->event, &devices, on_lost, f, NULL);
	g_assert_nonnull(f->served);
	close(f->disk.life_fd);
}

static void teardown(struct fixture *f)
{
	served_free(f->served);
	sd_event_unref(f->event);
	if (f->server >= 0)
		close(f->server);
}

static void wait_asked(struct fixture *f, unsigned int n)
{
	while (f->asked < n)
		g_assert_cmpint(sd_event_run(f->event, WAIT_US), >, 0);
	g_assert_cmpuint(f->asked, ==, n);
}

static void server_replace(struct fixture *f)
{
	server_begin(f);
	g_assert_true(served_has(f->served, &f->disk));
	g_assert_true(served_take(f->served, &f->disk, NULL));
	close(f->disk.life_fd);
	g_assert_null(served_missing(f->served));
}

/* It asks at once, and again, until there is one. */
static void test_lost(void)
{
	struct fixture f;
	g_autoptr(GError) error = NULL;

	setup(&f, ENGINE_DISK_ERROR_REPORT);
	g_assert_null(served_missing(f.served));
	g_assert_cmpint(sd_event_run(f.event, 0), ==, 0);
	server_end(&f);
	wait_asked(&f, 2);
	g_assert_cmpstr(served_missing(f.served), ==, "/a.qcow2");
	g_assert_true(served_may_resume(f.served, NULL)); /* its errors are the guest's */
	server_replace(&f);
	g_assert_false(served_take(f.served, &f.disk, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	g_assert_cmpstr(error->message, ==,
			"disk /a.qcow2: its server is there; another is not needed");
	g_assert_cmpint(sd_event_run(f.event, SHORT_US), ==, 0);
	server_end(&f);
	wait_asked(&f, 3);
	teardown(&f);
}

/* An image that kills each server is tried at once only a few times. */
static void test_short_lives(void)
{
	struct fixture f;

	setup(&f, ENGINE_DISK_ERROR_REPORT);
	for (unsigned int i = 1; i <= 3; i++) {
		server_end(&f);
		wait_asked(&f, i);
		server_replace(&f);
	}
	server_end(&f);
	while (!served_missing(f.served))
		g_assert_cmpint(sd_event_run(f.event, WAIT_US), >, 0);
	g_assert_cmpint(sd_event_run(f.event, SHORT_US), ==, 0);
	g_assert_cmpuint(f.asked, ==, 3);
	teardown(&f);
}

/* Who would be paused again is not resumed, but asks. */
static void test_resume(void)
{
	struct fixture f;
	g_autoptr(GError) error = NULL;

	setup(&f, ENGINE_DISK_ERROR_PAUSE);
	g_assert_true(served_may_resume(f.served, NULL));
	server_end(&f);
	wait_asked(&f, 1);
	g_assert_false(served_may_resume(f.served, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_BUSY);
	g_assert_true(g_str_has_prefix(error->message, "disk /a.qcow2 has no server, and would "));
	g_assert_cmpint(sd_event_run(f.event, SHORT_US), >, 0);
	g_assert_cmpuint(f.asked, ==, 2);
	/* QEMU, whose requests still wait, has not lost it. */
	server_replace(&f);
	g_assert_true(served_may_resume(f.served, NULL));
	teardown(&f);
}

static void test_another(void)
{
	struct fixture f;
	struct engine_disk other;

	setup(&f, ENGINE_DISK_ERROR_REPORT);
	other = f.disk;
	other.lun = 6;
	g_assert_false(served_has(f.served, &other));
	other = f.disk;
	other.path = "/b.qcow2";
	g_assert_false(served_has(f.served, &other));
	other = f.disk;
	other.format = ENGINE_DISK_VHDX;
	g_assert_false(served_has(f.served, &other));
	other = f.disk;
	other.read_only = true;
	g_assert_false(served_has(f.served, &other));
	teardown(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/translate/served/lost", test_lost);
	g_test_add_func("/translate/served/short-lives", test_short_lives);
	g_test_add_func("/translate/served/resume", test_resume);
	g_test_add_func("/translate/served/another", test_another);
	return g_test_run();
}
