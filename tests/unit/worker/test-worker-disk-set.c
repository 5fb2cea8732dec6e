/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks of a machine alone, with a guest at the other side of a bus that needs no memory. */
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "disk_set.h"
#include "scsi.h"
#include "served_image.h"
#include "storvsp_guest.h"
#include "worker_error.h"

#define IMAGE_SIZE (1u << 20)

struct disks {
	struct disk_set *set;
	int fd; /* of the first image */
	gint stops, lost;
	struct storvsp_guest guest; /* of the controller that was connected last */
};

static void on_stopped(void *context, const char *text G_GNUC_UNUSED)
{
	struct disks *d = context;

	g_atomic_int_inc(&d->stops);
}

static void on_lost(void *context, uint32_t controller, uint32_t lun)
{
	struct disks *d = context;

	g_assert_cmpuint(controller, ==, 0);
	g_assert_cmpuint(lun, ==, 5);
	g_atomic_int_inc(&d->lost);
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
					       .server_lost = on_lost,
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

/* NULL: it can be saved. */
static void assert_may_save(struct disks *d, const char *why_not)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(disk_set_may_save(d->set, &error) == !why_not);
	if (!why_not)
		return;
	g_assert_true(g_str_has_prefix(error->message, "VM web1: "));
	g_assert_nonnull(strstr(error->message, why_not));
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
	assert_may_save(d, "an error has stopped disk /srv/a.img");
	guest_ends(d);
	guest_boots(d);
	assert_may_save(d, NULL);
	guest_finds(d, "storvsp0");
	read = guest_rw(0, false, 0, 1, buffer);
	g_assert_cmphex(guest_execute(&d->guest, &read).srb_status, ==, SRB_STATUS_SUCCESS);
	guest_ends(d);
}

/* ---- disks that come and go ------------------------------------------------------------------ */

static struct engine_disk disk_of(int fd, uint32_t controller, uint32_t lun)
{
	return (struct engine_disk){.fd = fd,
				    .path = "/srv/b.img",
				    .serial = "B",
				    .controller = controller,
				    .lun = lun};
}

static void attach(struct disks *d, uint32_t controller, uint32_t lun)
{
	g_autoptr(GError) error = NULL;
	int fd = image_new();
	const struct engine_disk disk = disk_of(fd, controller, lun);

	g_assert_true(disk_set_attach(d->set, &disk, &error));
	g_assert_no_error(error);
	close(fd); /* a duplicate is kept */
}

static void detach(struct disks *d, uint32_t controller, uint32_t lun)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(disk_set_detach(d->set, controller, lun, &error));
	g_assert_no_error(error);
}

/* The guest is told to look. */
static void assert_told(struct disks *d)
{
	struct guest_answer answer;

	g_assert_true(guest_answer(d->guest.channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmpuint(answer.packet.operation, ==, VSTOR_ENUMERATE_BUS);
}

/* The status of reading a sector, after what a unit has to say first. */
static uint8_t read_status(struct disks *d, unsigned int lun)
{
	uint8_t buffer[512];
	struct guest_srb ready = {.lun = (uint8_t)lun, .cdb_size = 6, .direction = SRB_DATA_NONE};
	struct guest_srb read = guest_rw(lun, false, 0, 1, buffer);

	(void)guest_execute(&d->guest, &ready);
	return guest_execute(&d->guest, &read).srb_status;
}

/* On a controller that is there; and so it is for the guest after a reset. */
static void test_attach(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	guest_boots(d);
	guest_finds(d, "storvsp0");
	attach(d, 0, 5);
	assert_told(d);
	g_assert_cmphex(read_status(d, 5), ==, SRB_STATUS_SUCCESS);
	guest_ends(d);
	guest_boots(d);
	guest_finds(d, "storvsp0");
	g_assert_cmphex(read_status(d, 5), ==, SRB_STATUS_SUCCESS);
	detach(d, 0, 0);
	assert_told(d);
	g_assert_cmphex(read_status(d, 0), ==, SRB_STATUS_INVALID_LUN);
	g_assert_cmphex(read_status(d, 5), ==, SRB_STATUS_SUCCESS);
	guest_ends(d);
	guest_boots(d);
	guest_finds(d, "storvsp0");
	g_assert_cmphex(read_status(d, 0), ==, SRB_STATUS_INVALID_LUN);
	g_assert_cmphex(read_status(d, 5), ==, SRB_STATUS_SUCCESS);
	guest_ends(d);
}

/* The first disk of all, and the first of another controller, which the guest is offered. */
static void test_attach_controller(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	guest_boots(d);
	g_assert_null(fake_vmbus_find(d->guest.bus, "storvsp2"));
	attach(d, 2, 63);
	guest_finds(d, "storvsp2");
	g_assert_cmphex(read_status(d, 63), ==, SRB_STATUS_SUCCESS);
	detach(d, 2, 63);
	assert_told(d);
	g_assert_cmphex(read_status(d, 63), ==, SRB_STATUS_INVALID_LUN);
	guest_ends(d);
	guest_boots(d);
	g_assert_null(fake_vmbus_find(d->guest.bus, "storvsp2"));
	guest_ends(d);
}

/* While there is no guest, as between a reset's two halves. */
static void test_attach_unseen(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	attach(d, 1, 0);
	attach(d, 1, 1);
	detach(d, 1, 0);
	guest_boots(d);
	guest_finds(d, "storvsp1");
	g_assert_cmphex(read_status(d, 0), ==, SRB_STATUS_INVALID_LUN);
	g_assert_cmphex(read_status(d, 1), ==, SRB_STATUS_SUCCESS);
	guest_ends(d);
}

static void refused(struct disks *d, const struct engine_disk *disk, enum worker_error code,
		    const char *part)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(disk_set_attach(d->set, disk, &error));
	g_assert_error(error, WORKER_ERROR, (gint)code);
	if (!strstr(error->message, part) || !g_str_has_prefix(error->message, "VM web1: "))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
}

static void test_attach_refused(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	int fd = image_new();
	struct engine_disk disk = disk_of(fd, 0, 0);
	g_autoptr(GError) error = NULL;
	struct guest_answer answer;
	uint64_t size;

	guest_boots(d);
	guest_finds(d, "storvsp0");
	refused(d, &disk, WORKER_ERROR_INVALID_ARGUMENT,
		"controller 0, LUN 0: there is a disk already");
	disk.lun = 64;
	refused(d, &disk, WORKER_ERROR_INVALID_ARGUMENT, "LUN 64: there is no such place");
	disk = disk_of(fd, 4, 0);
	refused(d, &disk, WORKER_ERROR_INVALID_ARGUMENT, "controller 4, ");
	disk = disk_of(fd, 0, 1);
	disk.format = ENGINE_DISK_QCOW2;
	refused(d, &disk, WORKER_ERROR_FAILED, "/srv/b.img: its server does not serve it");
	disk = disk_of(-1, 0, 1);
	refused(d, &disk, WORKER_ERROR_FAILED, "/srv/b.img");
	/* The bus has no room for a controller: the disk is not there either. */
	disk = disk_of(fd, 3, 0);
	fake_vmbus_fail_offers(d->guest.bus, 1);
	refused(d, &disk, WORKER_ERROR_FAILED, "");
	/* A controller that came for a disk that cannot be has gone again. */
	disk.serial = "\x01";
	refused(d, &disk, WORKER_ERROR_INVALID_IMAGE, "a serial number is");
	g_assert_null(fake_vmbus_find(d->guest.bus, "storvsp3"));
	g_assert_false(disk_set_detach(d->set, 3, 0, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	g_assert_false(disk_set_refresh(d->set, 3, 0, &size, NULL));
	for (uint32_t i = 1; i < VMMS_MAX_DISKS; i++)
		attach(d, i % 4, i / 4 + 1);
	disk = disk_of(fd, 0, 63);
	refused(d, &disk, WORKER_ERROR_INVALID_ARGUMENT, "as many as there may be");
	while (guest_answer(d->guest.channel, 0, &answer)) /* it was told of each */
		continue;
	g_assert_cmphex(read_status(d, 0), ==, SRB_STATUS_SUCCESS);
	close(fd);
	guest_ends(d);
}

/* What a removed disk has in flight ends, and its image is closed. */
static void test_detach_busy(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffers[32][4096];
	struct guest_answer answer;

	guest_boots(d);
	guest_finds(d, "storvsp0");
	for (uint32_t i = 0; i < 32; i++) {
		struct guest_srb write = guest_rw(0, true, 8 * i, 8, buffers[i]);
		guest_push(&d->guest, d->guest.channel, &write);
	}
	fake_channel_kick(d->guest.channel);
	detach(d, 0, 0);
	for (uint32_t i = 0; i < 32; i++) {
		g_assert_true(guest_answer(d->guest.channel, GUEST_TIMEOUT_MS, &answer));
		g_assert_true(answer.packet.srb.srb_status == SRB_STATUS_SUCCESS ||
			      answer.packet.srb.srb_status == SRB_STATUS_INVALID_LUN);
	}
	assert_told(d);
	guest_ends(d);
}

/* One that an error has stopped can be thrown away, and the VM goes on without it. */
static void test_detach_stopped(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512];
	struct guest_srb read = guest_rw(0, false, IMAGE_SIZE / 512 - 1, 1, buffer);
	struct guest_answer answer;

	guest_boots(d);
	guest_finds(d, "storvsp0");
	g_assert_cmpint(ftruncate(d->fd, 512), ==, 0);
	guest_push(&d->guest, d->guest.channel, &read);
	fake_channel_kick(d->guest.channel);
	while (g_atomic_int_get(&d->stops) == 0)
		g_thread_yield();
	detach(d, 0, 0);
	do
		g_assert_true(guest_answer(d->guest.channel, GUEST_TIMEOUT_MS, &answer));
	while (answer.packet.operation == VSTOR_ENUMERATE_BUS); /* the size had changed as well */
	g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_INVALID_LUN);
	disk_set_resume(d->set);
	guest_ends(d);
}

/* ---- served ones ----------------------------------------------------------------------------- */

static struct engine_disk disk_served(const struct served_image *image)
{
	struct engine_disk disk = disk_of(image->fd, 0, 5);

	disk.format = ENGINE_DISK_QCOW2;
	disk.life_fd = image->life_fd;
	return disk;
}

static bool attach_served(struct disks *d, struct served_image *image)
{
	const struct engine_disk disk = disk_served(image);
	g_autoptr(GError) error = NULL;
	bool ok = disk_set_attach(d->set, &disk, &error);

	g_assert_no_error(error);
	close(image->fd);
	close(image->life_fd);
	image->fd = image->life_fd = -1;
	return ok;
}

static void serve_anew(struct served_image *image, uint64_t size)
{
	const struct vmms_nbd_order order = {
		.magic = VMMS_NBD_MAGIC, .n_layers = 1, .formats = {VMMS_NBD_QCOW2}, .size = size};

	served_image_serve(image, &order);
}

/* It dies while the guest reads, which waits; the guest never hears of it. */
static void test_server_lost(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t buffer[512];
	struct guest_srb read = guest_rw(5, false, 0, 1, buffer);
	struct served_image image;
	struct engine_disk other;
	struct guest_answer answer;

	if (!served_image_new(&image, VMMS_NBD_QCOW2, IMAGE_SIZE))
		return;
	guest_boots(d);
	guest_finds(d, "storvsp0");
	g_assert_true(attach_served(d, &image));
	assert_told(d);
	g_assert_cmphex(read_status(d, 5), ==, SRB_STATUS_SUCCESS);
	g_assert_cmpint(kill(image.pid, SIGKILL), ==, 0);
	(void)served_image_wait(&image);
	while (g_atomic_int_get(&d->lost) == 0)
		g_thread_yield();
	assert_may_save(d, "waits for its server");
	guest_push(&d->guest, d->guest.channel, &read);
	fake_channel_kick(d->guest.channel);
	serve_anew(&image, 0);
	other = disk_served(&image);
	other.path = "/srv/c.img";
	refused(d, &other, WORKER_ERROR_INVALID_ARGUMENT, "LUN 5: its disk is another one");
	g_assert_true(attach_served(d, &image));
	g_assert_true(guest_answer(d->guest.channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpint(g_atomic_int_get(&d->stops), ==, 0);
	detach(d, 0, 5);
	g_assert_cmpint(served_image_wait(&image), ==, 0);
	served_image_clear(&image);
	guest_ends(d);
}

/* Let go of, given another size, and served again: the guest is told of the size. */
static void test_suspend(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	struct served_image image;
	g_autoptr(GError) error = NULL;
	uint64_t size = 0;

	if (!served_image_new(&image, VMMS_NBD_QCOW2, IMAGE_SIZE))
		return;
	guest_boots(d);
	guest_finds(d, "storvsp0");
	g_assert_true(attach_served(d, &image));
	assert_told(d);
	g_assert_true(disk_set_suspend(d->set, 0, 5, &error));
	g_assert_cmpint(served_image_wait(&image), ==, 0); /* its life was let go of */
	serve_anew(&image, 2 * IMAGE_SIZE);
	g_assert_true(attach_served(d, &image));
	assert_told(d);
	g_assert_true(disk_set_refresh(d->set, 0, 5, &size, &error));
	g_assert_cmpuint(size, ==, 2 * IMAGE_SIZE);
	g_assert_cmpint(g_atomic_int_get(&d->lost), ==, 0);
	g_assert_false(disk_set_suspend(d->set, 0, 0, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	g_assert_nonnull(strstr(error->message, "its disk has no server"));
	g_assert_false(disk_set_suspend(d->set, 0, 1, NULL));
	detach(d, 0, 5);
	g_assert_cmpint(served_image_wait(&image), ==, 0);
	served_image_clear(&image);
	guest_ends(d);
}

static void test_refresh(struct disks *d, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb ready = {.cdb_size = 6, .direction = SRB_DATA_NONE};
	g_autoptr(GError) error = NULL;
	struct vstor_srb answer;
	uint64_t size = 0;

	guest_boots(d);
	guest_finds(d, "storvsp0");
	g_assert_true(disk_set_refresh(d->set, 0, 0, &size, &error));
	g_assert_cmpuint(size, ==, IMAGE_SIZE);
	g_assert_cmpint(ftruncate(d->fd, 2 * IMAGE_SIZE), ==, 0);
	g_assert_true(disk_set_refresh(d->set, 0, 0, &size, &error));
	g_assert_cmpuint(size, ==, 2 * IMAGE_SIZE);
	assert_told(d);
	answer = guest_execute(&d->guest, &ready);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_ATTENTION_CAPACITY_CHANGED);
	guest_ends(d);
	g_assert_cmpint(ftruncate(d->fd, IMAGE_SIZE), ==, 0);
	g_assert_true(disk_set_refresh(d->set, 0, 0, &size, &error));
	g_assert_cmpuint(size, ==, IMAGE_SIZE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, n, test)                                                                   \
	g_test_add("/worker/disk-set/" name, struct disks, GUINT_TO_POINTER(n), set_up, test, \
		   tear_down)
	CASE("reset-after-stop", 1, test_reset_after_stop);
	CASE("attach", 1, test_attach);
	CASE("attach-controller", 0, test_attach_controller);
	CASE("attach-controller-beside", 1, test_attach_controller);
	CASE("attach-unseen", 0, test_attach_unseen);
	CASE("attach-refused", 1, test_attach_refused);
	CASE("detach-busy", 1, test_detach_busy);
	CASE("detach-stopped", 1, test_detach_stopped);
	CASE("server-lost", 1, test_server_lost);
	CASE("suspend", 1, test_suspend);
	CASE("refresh", 1, test_refresh);
	return g_test_run();
}
