/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks of a machine alone, with a guest at the other side of a bus that needs no memory. */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "disk_set.h"
#include "storvsp_guest.h"
#include "worker_error.h"

#define IMAGE_SIZE (1u << 20)

struct disks {
	struct disk_set *set;
	int fd; /* of the first image */
	gint stops;
	struct storvsp_guest guest; /* of the controller that was connected last */
};

static void on_stopped(void *context, const char *text G_GNUC_UNUSED)
{
	struct disks *d = context;

	g_atomic_int_inc(&d->stops);
}

static int image_new(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, IMAGE_SIZE), ==, 0);
	return fd;
}

static void set_up(struct disks *d, gconstpointer data)
{
	const struct engine_disk disk = {.fd = d->fd = image_new(),
					 .path = "/srv/a.img",
					 .serial = "A",
					 .on_error = ENGINE_DISK_ERROR_PAUSE};
	const struct disk_set_config config = {.disks = &disk,
					       .n = GPOINTER_TO_UINT(data),
					       .vm_name = "web1",
					       .vm_uuid = {1},
					       .stopped = on_stopped,
					       .context = d};
	g_autoptr(GError) error = NULL;

	d->set = disk_set_new(&config, &error);
	g_assert_no_error(error);
}

static void tear_down(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	disk_set_free(d->set);
	close(d->fd);
}

/* A guest without any of them yet. */
static void guest_boots(struct disks *d)
{
	g_autoptr(GError) error = NULL;

	memset(&d->guest, 0, sizeof(d->guest));
	d->guest.bus = fake_vmbus_new();
	g_assert_true(disk_set_offer(d->set, d->guest.bus, 1, &error));
	g_assert_no_error(error);
	g_assert_true(disk_set_start(d->set, &error));
}

static void guest_finds(struct disks *d, const char *controller)
{
	d->guest.device = fake_vmbus_find(d->guest.bus, controller);
	g_assert_nonnull(d->guest.device);
	guest_connect(&d->guest, VSTOR_VERSION_6_2);
}

static void guest_ends(struct disks *d)
{
	disk_set_withdraw(d->set);
	fake_vmbus_free(d->guest.bus);
}

/* ---- errors of the host ---------------------------------------------------------------------- */

/* A reset ends the wait for a disk that an error has stopped: its successor's guest can use it. */
static void test_reset_after_stop(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512];
	struct guest_srb read = guest_rw(0, false, IMAGE_SIZE / 512 - 1, 1, buffer);

	guest_boots(d);
	guest_finds(d, "storvsp0");
	g_assert_cmpint(ftruncate(d->fd, 512), ==, 0);
	guest_push(&d->guest, d->guest.channel, &read);
	fake_channel_kick(d->guest.channel);
	while (g_atomic_int_get(&d->stops) == 0)
		g_thread_yield();
	guest_ends(d);
	guest_boots(d);
	guest_finds(d, "storvsp0");
	read = guest_rw(0, false, 0, 1, buffer);
	g_assert_cmphex(guest_execute(&d->guest, &read).srb_status, ==, SRB_STATUS_SUCCESS);
	guest_ends(d);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, n, test)                                                                   \
	g_test_add("/worker/disk-set/" name, struct disks, GUINT_TO_POINTER(n), set_up, test, \
		   tear_down)
	CASE("reset-after-stop", 1, test_reset_after_stop);
	return g_test_run();
}
