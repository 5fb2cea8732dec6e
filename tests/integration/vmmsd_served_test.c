/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Served images of VMs that run: they come, change their size, and lose their server. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "vmmsd_tools.h"

#define MIB (UINT64_C(1) << 20)

/* Of a qcow2 image, as its header has it. */
static uint64_t size_of(const char *path)
{
	uint64_t size = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(pread(fd, &size, sizeof(size), 24), ==, sizeof(size));
	close(fd);
	return be64toh(size);
}

static char *vm_with(struct fixture *f, const char *behaviour, const char *image,
		     const char *format)
{
	g_autofree char *disks =
		g_strdup_printf(",\"disks\":[{\"path\":\"%s\",\"format\":\"%s\"}]", image, format);

	return fixture_define_with(f, "web1", behaviour, image ? disks : "");
}

static char *spec_of(const char *image, const char *format)
{
	return g_strdup_printf("path=%s,format=%s", image, format);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void test_attach(void)
{
	static const char *const formats[][2] = {
		{"qcow2", "qcow2"}, {"vhd", "vpc"}, {"vhdx", "vhdx"}};
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *vm = vm_with(f, "run", NULL, NULL);
	fixture_do(f, vm, "Start");
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autofree char *image = image_of_format(f, formats[i][0], formats[i][1]);
		g_autofree char *spec = spec_of(image, formats[i][0]);

		HVCTL_EXPECT(0, "", "attach", "web1", "--disk", spec);
		g_assert_cmpint(try_lock(image), ==, EAGAIN);
		HVCTL_EXPECT(0, formats[i][0], "show", "web1");
		HVCTL_EXPECT(0, "", "detach", "web1", "--disk", image);
		wait_unlocked(image);
	}
	fixture_free(f);
}

static void test_attach_refused(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *vm = vm_with(f, "run", NULL, NULL);
	g_autofree char *cut = image_of_format(f, "cut", "vhdx");
	g_autofree char *image = image_of_format(f, "image", "qcow2");
	g_autofree char *bad = spec_of(cut, "vhdx"), *wrong = spec_of(image, "vhd");
	g_autofree char *plain = g_strdup_printf("path=%s", image);
	g_autofree char *over = g_build_filename(f->dir, "over", NULL);
	g_autofree char *outside = spec_of(over, "qcow2");

	RUN("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", over,
	    "8M");
	g_assert_cmpint(truncate(cut, 1 << 20), ==, 0);
	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(1, "cut: it cannot be served as vhdx (", "attach", "web1", "--disk", bad);
	HVCTL_EXPECT(1, "is a qcow2 image and not a vhd one;", "attach", "web1", "--disk", wrong);
	HVCTL_EXPECT(1, "is a qcow2 image and not a raw one;", "attach", "web1", "--disk", plain);
	HVCTL_EXPECT(1, "over: it is based on /etc/passwd, which is not in its own directory;",
		     "attach", "web1", "--disk", outside);
	HVCTL_EXPECT(2, "is the image of none of its disks", "detach", "web1", "--disk", cut);
	wait_unlocked(cut);
	wait_unlocked(image);
	fixture_free(f);
}

/* ---- another size ---------------------------------------------------------------------------- */

static void test_resize(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a", "qcow2");
	g_autofree char *vm = vm_with(f, "run", image, "qcow2");

	for (int up = 0; up < 2; up++) {
		HVCTL_EXPECT(0, "", "resize", "web1", "--disk", image, "16M");
		g_assert_cmpuint(size_of(image), ==, 16 * MIB);
		HVCTL_EXPECT(2, "a: it has 16777216 bytes, and what is behind the first 8388608 ",
			     "resize", "web1", "--disk", image, "8M");
		/* What QEMU cannot do leaves a disk that is served as before. */
		HVCTL_EXPECT(1, "a: it cannot be served as qcow2 (", "resize", "web1", "--disk",
			     image, "4000000T");
		g_assert_cmpuint(size_of(image), ==, 16 * MIB);
		HVCTL_EXPECT(0, "", "resize", "web1", "--disk", image, "8M", "--force");
		g_assert_cmpuint(size_of(image), ==, 8 * MIB);
		HVCTL_EXPECT(0, "a (0:0): 8388608 bytes", "events", "--no-follow");
		if (up) {
			g_assert_cmpint(try_lock(image), ==, EAGAIN);
		} else {
			wait_unlocked(image);
			fixture_do(f, vm, "Start");
		}
	}
	fixture_free(f);
}

static void test_resize_refused(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *vhdx = image_of_format(f, "a", "vhdx");
	g_autofree char *image = image_of_format(f, "b", "qcow2");
	g_autofree char *more = spec_of(image, "qcow2");
	g_autofree char *vm = vm_with(f, "refuse-plug", vhdx, "vhdx");

	HVCTL_EXPECT(0, "", "edit", "web1", "--disk", more);
	HVCTL_EXPECT(2, "b: 8388609 bytes is no size of a disk", "resize", "web1", "--disk", image,
		     "8388609");
	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(1, "VM web1: the slot is stuck", "resize", "web1", "--disk", image, "16M");
	g_assert_cmpuint(size_of(image), ==, 8 * MIB);
	fixture_do(f, vm, "Stop");
	g_autofree char *old = spec_of(vhdx, "vhdx");
	HVCTL_EXPECT(0, "", "edit", "web1", "--disk", old);
	HVCTL_EXPECT(1,
		     "a: QEMU cannot resize vhdx images; convert it with qemu-img convert -O "
		     "qcow2",
		     "resize", "web1", "--disk", vhdx, "16M");
	fixture_free(f);
}

/* ---- the real worker ------------------------------------------------------------------------- */

static guint64 server_of(const struct fixture *f)
{
	guint64 keeper = child_of((guint64)f->pid, "vmms-nbd");

	return keeper ? child_of(keeper, "qemu-nbd") : 0;
}

/* Kills the server, and returns when another has the image. */
static void replace_server(const struct fixture *f, const char *image)
{
	gint64 end = g_get_monotonic_time() + WAIT_US;
	guint64 before = server_of(f), now = before;

	g_assert_cmpuint(before, !=, 0);
	g_assert_cmpint(kill((pid_t)before, SIGKILL), ==, 0);
	while (now == before || now == 0 || try_lock(image) == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(5000);
		now = server_of(f);
	}
}

static void wait_event(struct fixture *f, const char *event)
{
	gint64 end = g_get_monotonic_time() + WAIT_US;

	while (fixture_events_count(f, event) == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(20000);
	}
}

/* A worker in its sandbox gets a disk, other servers for it, and another size. */
static void test_real_worker(void)
{
	struct fixture *f = fixture_with_real_worker();

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a", "qcow2");
	g_autofree char *spec = spec_of(image, "qcow2");
	g_autofree char *vm = vm_with(f, "echo", NULL, NULL);

	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(0, "", "attach", "web1", "--disk", spec);
	replace_server(f, image);
	wait_event(f, "served-again");
	HVCTL_EXPECT(0, "", "resize", "web1", "--disk", image, "16M");
	g_assert_cmpuint(size_of(image), ==, 16 * MIB);
	replace_server(f, image);
	HVCTL_EXPECT(0, "", "detach", "web1", "--disk", "0:0");
	wait_unlocked(image);
	HVCTL_EXPECT(0, "running", "list", "web1");
	fixture_do(f, vm, "Stop");
	fixture_free(f);
}

/* A disk that it was started with; while its image is gone nobody can serve it. */
static void test_missing(void)
{
	struct fixture *f = fixture_with_real_worker();

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a", "qcow2");
	g_autofree char *away = g_strconcat(image, ".away", NULL);
	g_autofree char *vm = vm_with(f, "echo", image, "qcow2");

	fixture_do(f, vm, "Start");
	g_assert_cmpint(g_rename(image, away), ==, 0);
	g_assert_cmpint(kill((pid_t)server_of(f), SIGKILL), ==, 0);
	wait_unlocked(away);
	g_assert_cmpint(g_rename(away, image), ==, 0);
	wait_event(f, "served-again"); /* it asks again */
	g_assert_cmpint(try_lock(image), ==, EAGAIN);
	fixture_do(f, vm, "Stop");
	wait_unlocked(image);
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/served/attach", test_attach);
	g_test_add_func("/vmmsd/served/attach-refused", test_attach_refused);
	g_test_add_func("/vmmsd/served/resize", test_resize);
	g_test_add_func("/vmmsd/served/resize-refused", test_resize_refused);
	g_test_add_func("/vmmsd/served/real-worker", test_real_worker);
	g_test_add_func("/vmmsd/served/missing", test_missing);
	return g_test_run();
}
