/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that are not raw on their way from the definition to the worker, with a real qemu-nbd. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmsd_tools.h"

/* ---- tools ----------------------------------------------------------------------------------- */

/* over: on that base, as it is written into the image. */
static char *overlay_new(const struct fixture *f, const char *name, const char *base,
			 const char *format)
{
	char *path = g_build_filename(f->dir, name, NULL);

	RUN("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", base, "-F", format, path, "8M");
	return path;
}

static char *vm_new(struct fixture *f, const char *name, const char *path, const char *format,
		    const char *members)
{
	g_autofree char *disks = g_strdup_printf(
		",\"disks\":[{\"path\":\"%s\",\"format\":\"%s\"%s}]", path, format, members);

	return fixture_define_with(f, name, "run", disks);
}

static void assert_start_fails(struct fixture *f, const char *vm, const char *error,
			       const char *text)
{
	g_autofree char *name = g_strconcat(VMMS_ERROR_PREFIX, error, NULL);
	g_autofree char *job = fixture_run(f, vm, "Start");
	const struct outcome *outcome = fixture_wait(f, job);
	g_autofree char *state = fixture_get(f, vm, "State");

	g_assert_cmpstr(outcome->state, ==, "failed");
	if (!strstr(outcome->message, text))
		g_error("\"%s\" is not in \"%s\"", text, outcome->message);
	g_assert_cmpstr(outcome->error, ==, name);
	g_assert_null(strchr(outcome->message, '\n'));
	g_assert_cmpstr(state, ==, "off");
}

/* ---- what works ------------------------------------------------------------------------------ */

/* The fake worker keeps what it gets as disk N and says nothing to it. */
static mode_t worker_file_kind(struct fixture *f, const char *vm, int place)
{
	g_autofree char *link = g_strdup_printf("/proc/%u/fd/%d", fixture_worker_pid(f, vm), place);
	struct stat st;

	g_assert_cmpint(stat(link, &st), ==, 0);
	return st.st_mode & S_IFMT;
}

static void test_served(struct fixture *f, const char *name, const char *driver)
{
	g_autofree char *image = image_of_format(f, name, driver);
	g_autofree char *vm = vm_new(f, name, image, name, "");

	fixture_do(f, vm, "Start");
	g_assert_cmpuint(worker_file_kind(f, vm, 100), ==, S_IFSOCK);
	g_assert_cmpuint(worker_file_kind(f, vm, 400), ==, S_IFSOCK);
	g_assert_cmpint(try_lock(image), ==, EAGAIN);
	/* The server is not the service's: it outlives that, and ends with the worker. */
	(void)fixture_end(f, SIGKILL);
	g_assert_cmpint(try_lock(image), ==, EAGAIN);
	fixture_start(f);
	fixture_do(f, vm, "Stop");
	wait_unlocked(image);
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Stop");
	fixture_do(f, vm, "Start"); /* at once: what the server still writes is waited for */
	fixture_do(f, vm, "Stop");
	wait_unlocked(image);
}

static void test_formats(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	test_served(f, "qcow2", "qcow2");
	test_served(f, "vhd", "vpc");
	test_served(f, "vhdx", "vhdx");
	fixture_free(f);
}

/* A start that comes to nothing leaves no server behind. */
static void test_failed_start(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a", "qcow2");
	g_autofree char *disks =
		g_strdup_printf(",\"disks\":[{\"path\":\"%s\",\"format\":\"qcow2\"}]", image);
	g_autofree char *vm = fixture_define_with(f, "web1", "refuse", disks);
	g_autofree char *job = fixture_run(f, vm, "Start");
	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "failed");
	wait_unlocked(image);
	fixture_free(f);
}

static void test_in_use(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a", "vhdx");
	g_autofree char *web1 = vm_new(f, "web1", image, "vhdx", "");
	g_autofree char *web2 = vm_new(f, "web2", image, "vhdx", "");
	g_autofree char *reader = vm_new(f, "reader", image, "vhdx", ",\"readOnly\":true");
	g_autofree char *again = vm_new(f, "again", image, "vhdx", ",\"readOnly\":true");
	fixture_do(f, web1, "Start");
	fixture_refuses(f, web2, "Start", "Failed", "it is in use by VM web1;");
	fixture_do(f, web1, "Stop");
	fixture_do(f, reader, "Start");
	fixture_do(f, again, "Start");
	fixture_refuses(f, web1, "Start", "Failed", "it is in use by VM again;");
	fixture_free(f);
}

/* ---- what an image is based on --------------------------------------------------------------- */

static void test_backing(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *base = image_of_format(f, "base", "qcow2");
	g_autofree char *middle = overlay_new(f, "middle", "base", "qcow2");
	g_autofree char *one = overlay_new(f, "one", middle, "qcow2"); /* by its whole path */
	g_autofree char *two = overlay_new(f, "two", "./middle", "qcow2");
	g_autofree char *web1 = vm_new(f, "web1", one, "qcow2", "");
	g_autofree char *web2 = vm_new(f, "web2", two, "qcow2", "");
	g_autofree char *writer = vm_new(f, "writer", base, "qcow2", "");
	/* Two VMs share what theirs are based on, and nobody writes to that. */
	fixture_do(f, web1, "Start");
	fixture_do(f, web2, "Start");
	g_assert_cmpint(try_lock(base), ==, EAGAIN);
	assert_start_fails(f, writer, "Failed", "it is in use by a program");
	fixture_do(f, web1, "Stop");
	fixture_do(f, web2, "Stop");
	wait_unlocked(base);
	fixture_do(f, writer, "Start");
	assert_start_fails(f, web1, "InvalidImage",
			   "it is based on base, which somebody writes to");
	fixture_free(f);
}

static void test_bad_backing(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *base = image_of_format(f, "base", "raw");
	g_autofree char *link = g_build_filename(f->dir, "link", NULL);
	g_autofree char *below = g_build_filename(f->dir, "below", NULL);
	g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
	g_assert_cmpint(g_mkdir(below, 0700), ==, 0);
	static const struct {
		const char *name, *base, *text;
	} rows[] = {
		{"absolute", "/etc/passwd",
		 "it is based on /etc/passwd, which is not in its own directory; put both"},
		{"upwards", "../passwd", "it is based on ../passwd, which is not in its own"},
		{"link", "link", "it is based on link, which cannot be opened (a symbolic link)"},
		{"missing", "gone", "it is based on gone, which cannot be opened (No such file"},
		{"url", "nbd:localhost:10809", "it is based on nbd:localhost:10809, which cannot"},
		{"json", "json:{}", "it is based on json:{}, which cannot be opened"},
		{"directory", "below", "it is based on below, which is no regular file"},
		{"control", "a\nb", "it is based on \"a\\nb\", which is no name to open"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *file = g_strconcat("over-", rows[i].name, NULL);
		g_autofree char *image = overlay_new(f, file, rows[i].base, "raw");
		g_autofree char *vm = vm_new(f, rows[i].name, image, "qcow2", "");
		g_autofree char *text =
			g_strdup_printf("VM %s: disk %s: %s", rows[i].name, image, rows[i].text);
		assert_start_fails(f, vm, "InvalidImage", text);
		g_assert_cmpint(try_lock(image), ==, 0);
	}
	/* One that is based on itself ends somewhere, too. */
	g_autofree char *loop = overlay_new(f, "loop", "loop", "qcow2");
	g_autofree char *looping = vm_new(f, "loop", loop, "qcow2", "");
	assert_start_fails(f, looping, "InvalidImage", "which somebody writes to");
	g_autofree char *sealed = vm_new(f, "sealed", loop, "qcow2", ",\"readOnly\":true");
	assert_start_fails(f, sealed, "InvalidImage", "it is based on more than 7 others; merge");
	fixture_free(f);
}

/* ---- bad images ------------------------------------------------------------------------------ */

static void test_bad_images(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *qcow2 = image_of_format(f, "a", "qcow2"),
			*vhdx = image_of_format(f, "b", "vhdx");
	g_autofree char *vhd = image_of_format(f, "c", "vpc");
	g_autofree char *outside = g_build_filename(f->dir, "d", NULL);
	g_autofree char *options = g_strdup_printf("data_file=%s.data", outside);
	g_autofree char *cut_qcow2 = vm_new(f, "qcow2", qcow2, "qcow2", "");
	g_autofree char *cut_vhdx = vm_new(f, "vhdx", vhdx, "vhdx", "");
	g_autofree char *cut_vhd = vm_new(f, "vhd", vhd, "vhd", "");
	g_autofree char *split = vm_new(f, "split", outside, "qcow2", "");

	RUN("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, outside, "8M");
	g_assert_cmpint(truncate(qcow2, 66000), ==, 0);
	g_assert_cmpint(truncate(vhdx, 1 << 20), ==, 0);
	g_assert_cmpint(truncate(vhd, 1024), ==, 0);
	g_autofree char *says = g_strdup_printf(
		"VM qcow2: disk %s: its qcow2 header is damaged or cut short; restore", qcow2);
	assert_start_fails(f, cut_qcow2, "InvalidImage", says);
	assert_start_fails(f, cut_vhdx, "InvalidImage", "b: it cannot be served as vhdx (");
	assert_start_fails(f, cut_vhdx, "InvalidImage", "mend it with qemu-img check, or restore");
	assert_start_fails(f, cut_vhd, "InvalidImage", "its vhd footer is lost");
	assert_start_fails(f, split, "InvalidImage", "it keeps its data in another file; convert");
	wait_unlocked(vhdx);
	fixture_free(f);
}

/* A differencing VHD has its parent elsewhere. */
static void test_differencing(void)
{
	static const uint8_t differencing[] = {0, 0, 0, 4};
	struct fixture *f = fixture_with_tools();
	struct stat st;

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a", "vpc");
	g_autofree char *vm = vm_new(f, "web1", image, "vhd", "");
	int fd = open(image, O_RDWR | O_CLOEXEC);
	g_assert_cmpint(fstat(fd, &st), ==, 0);
	g_assert_cmpint(pwrite(fd, differencing, 4, st.st_size - 512 + 60), ==, 4);
	close(fd);
	assert_start_fails(f, vm, "InvalidImage", "it is a differencing vhd");
	fixture_free(f);
}

static void test_no_program(void)
{
	g_autofree char *path = g_strdup(g_getenv("PATH"));
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a", "qcow2");
	g_autofree char *vm = vm_new(f, "web1", image, "qcow2", "");
	(void)fixture_end(f, SIGTERM);
	g_assert_true(g_setenv("PATH", f->dir, TRUE));
	fixture_start(f);
	g_assert_true(g_setenv("PATH", path, TRUE));
	fixture_refuses(f, vm, "Start", "Failed",
			"qemu-nbd, which serves images of the format qcow2, is not installed; "
			"install the package qemu-utils");
	g_assert_cmpint(try_lock(image), ==, 0);
	fixture_free(f);
}

/* ---- as a user meets it ---------------------------------------------------------------------- */

static void test_hvctl(void)
{
	struct fixture *f = fixture_with_tools();

	if (!f)
		return;
	g_autofree char *image = image_of_format(f, "a.qcow2", "qcow2");
	g_autofree char *cut = image_of_format(f, "b.vhdx", "vhdx");
	g_autofree char *plain = g_strdup_printf("path=%s", image);
	g_autofree char *named = g_strdup_printf("path=%s,format=qcow2", image);
	g_autofree char *bad = g_strdup_printf("path=%s,format=vhdx", cut);
	g_autofree char *odd = g_strdup_printf("path=%s,format=vmdk", image);

	g_assert_cmpint(truncate(cut, 1 << 20), ==, 0);
	HVCTL_EXPECT(0, "", "create", "web1", "--kernel", f->kernel, "--memory", "2M", "--disk",
		     plain);
	HVCTL_EXPECT(1, "is a qcow2 image and not a raw one; name its format, with format=qcow2\n",
		     "start", "web1");
	HVCTL_EXPECT(0, "", "edit", "web1", "--disk", named);
	HVCTL_EXPECT(0, "Format:      qcow2\n", "show", "web1");
	HVCTL_EXPECT(0, "", "start", "web1");
	HVCTL_EXPECT(0, "", "stop", "web1");
	HVCTL_EXPECT(0, "", "edit", "web1", "--disk", bad);
	HVCTL_EXPECT(1, "b.vhdx: it cannot be served as vhdx (", "start", "web1");
	HVCTL_EXPECT(2, "format is one of raw|qcow2|vhd|vhdx, not 'vmdk'", "edit", "web1", "--disk",
		     odd);
	HVCTL_EXPECT(0, "off", "list", "web1");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/images/formats", test_formats);
	g_test_add_func("/vmmsd/images/failed-start", test_failed_start);
	g_test_add_func("/vmmsd/images/in-use", test_in_use);
	g_test_add_func("/vmmsd/images/backing", test_backing);
	g_test_add_func("/vmmsd/images/bad-backing", test_bad_backing);
	g_test_add_func("/vmmsd/images/bad-images", test_bad_images);
	g_test_add_func("/vmmsd/images/differencing", test_differencing);
	g_test_add_func("/vmmsd/images/no-program", test_no_program);
	g_test_add_func("/vmmsd/images/hvctl", test_hvctl);
	return g_test_run();
}
