/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images on their way from the definition to the worker: opened, checked, locked, handed over. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmsd_tools.h"

#define IMAGE_BYTES 1048576

/* A file of that size in the fixture's directory with text at an offset; path, g_free. */
static char *image_new(const struct fixture *f, const char *name, off_t size, off_t offset,
		       const char *text, size_t n)
{
	char *path = g_build_filename(f->dir, name, NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, size), ==, 0);
	if (text)
		g_assert_cmpint(pwrite(fd, text, n, offset), ==, (gssize)n);
	close(fd);
	return path;
}

static char *image_plain(const struct fixture *f, const char *name)
{
	return image_new(f, name, IMAGE_BYTES, 0, NULL, 0);
}

/* members: more of the disk, ",\"readOnly\":true" */
static char *vm_new(struct fixture *f, const char *name, const char *path, const char *members)
{
	g_autofree char *disks = g_strdup_printf(",\"disks\":[{\"path\":\"%s\"%s}]", path, members);

	return fixture_define_with(f, name, "run", disks);
}

/* 0 when nobody is in the way of a user like this one. */
static int try_lock_as(const char *path, gboolean read_only)
{
	struct flock lock = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC), r;

	g_assert_cmpint(fd, >=, 0);
	r = fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
	close(fd);
	return r;
}

/* The file that the worker has as disk N, and the flags of the descriptor. */
static char *worker_disk(struct fixture *f, const char *vm, int n, int *flags)
{
	guint32 pid = fixture_worker_pid(f, vm);
	g_autofree char *link = g_strdup_printf("/proc/%u/fd/%d", pid, 100 + n);
	g_autofree char *info = g_strdup_printf("/proc/%u/fdinfo/%d", pid, 100 + n);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	char *path = g_file_read_link(link, &error);

	g_assert_no_error(error);
	g_assert_true(g_file_get_contents(info, &text, NULL, NULL));
	*flags = (int)g_ascii_strtoull(strstr(text, "flags:") + 6, NULL, 8);
	return path;
}

static void test_handed_over(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *a = image_plain(f, "a.img"), *b = image_plain(f, "b.iso");
	g_autofree char *disks = g_strdup_printf(
		",\"disks\":[{\"path\":\"%s\"},{\"path\":\"%s\",\"type\":\"dvd\"}]", a, b);
	g_autofree char *vm = fixture_define_with(f, "web1", "run", disks);
	int flags;

	fixture_do(f, vm, "Start");
	g_autofree char *first = worker_disk(f, vm, 0, &flags);
	g_assert_cmpstr(first, ==, a);
	g_assert_cmpint(flags & O_ACCMODE, ==, O_RDWR);
	g_assert_cmpint(flags & (O_DIRECT | O_NONBLOCK), ==, 0);
	g_autofree char *second = worker_disk(f, vm, 1, &flags);
	g_assert_cmpstr(second, ==, b);
	g_assert_cmpint(flags & O_ACCMODE, ==, O_RDONLY);
	/* The locks are the worker's: they outlive the service, and end with it. */
	g_assert_cmpint(try_lock_as(a, TRUE), ==, EAGAIN);
	g_assert_cmpint(try_lock_as(b, FALSE), ==, EAGAIN);
	g_assert_cmpint(try_lock_as(b, TRUE), ==, 0);
	(void)fixture_end(f, SIGKILL);
	g_assert_cmpint(try_lock_as(a, FALSE), ==, EAGAIN);
	fixture_start(f);
	fixture_do(f, vm, "Stop");
	g_assert_cmpint(try_lock_as(a, FALSE), ==, 0);
	g_assert_cmpint(try_lock_as(b, FALSE), ==, 0);
	fixture_do(f, vm, "Start");
	fixture_free(f);
}

/* As many as there may be go over in one message. */
static void test_many(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autoptr(GString) disks = g_string_new(",\"disks\":[");
	int flags;

	for (unsigned i = 0; i < VMMS_MAX_DISKS; i++) {
		g_autofree char *name = g_strdup_printf("%u.img", i);
		g_autofree char *path = image_plain(f, name);
		g_string_append_printf(disks, "%s{\"path\":\"%s\"}", i > 0 ? "," : "", path);
	}
	g_string_append_c(disks, ']');
	g_autofree char *vm = fixture_define_with(f, "web1", "run", disks->str);
	fixture_do(f, vm, "Start");
	g_autofree char *last = worker_disk(f, vm, VMMS_MAX_DISKS - 1, &flags);
	g_assert_true(g_str_has_suffix(last, "/63.img"));
	fixture_free(f);
}

static void test_in_use(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_plain(f, "a.img");
	g_autofree char *link = g_build_filename(f->dir, "link", NULL);
	g_autofree char *web1 = vm_new(f, "web1", image, "");
	g_autofree char *reader = NULL, *web2 = NULL, *twin = NULL, *again = NULL;

	g_assert_cmpint(symlink(image, link), ==, 0);
	web2 = vm_new(f, "web2", link, "");
	reader = vm_new(f, "reader", image, ",\"readOnly\":true");
	again = vm_new(f, "again", link, ",\"readOnly\":true");
	fixture_do(f, web1, "Start");
	fixture_refuses(f, web2, "Start", "Failed",
			"link: it is in use by VM web1; stop that, or give another image");
	fixture_refuses(f, reader, "Start", "Failed", "it is in use by VM web1;");
	g_autofree char *state = fixture_get(f, web2, "State");
	g_assert_cmpstr(state, ==, "off");
	/* The refusal has not taken the lock away. */
	g_assert_cmpint(try_lock_as(image, TRUE), ==, EAGAIN);
	fixture_do(f, web1, "Stop");
	fixture_do(f, reader, "Start");
	fixture_do(f, again, "Start"); /* readers bear each other */
	fixture_refuses(f, web1, "Start", "Failed", "it is in use by VM again;");
	fixture_do(f, reader, "Stop");
	fixture_do(f, again, "Stop");
	fixture_do(f, web2, "Start");

	g_autofree char *b = image_plain(f, "b.img"), *b_link = g_build_filename(f->dir, "b", NULL);
	g_assert_cmpint(symlink(b, b_link), ==, 0);
	g_autofree char *disks =
		g_strdup_printf(",\"disks\":[{\"path\":\"%s\"},{\"path\":\"%s\"}]", b, b_link);
	twin = fixture_define_with(f, "twin", "run", disks);
	fixture_refuses(f, twin, "Start", "InvalidImage", "it is the same as disk ");
	fixture_free(f);
}

static void assert_start_fails(struct fixture *f, const char *vm, const char *text)
{
	g_autofree char *job = fixture_run(f, vm, "Start");
	const struct outcome *outcome = fixture_wait(f, job);
	g_autofree char *state = NULL;

	g_assert_cmpstr(outcome->state, ==, "failed");
	g_assert_cmpstr(outcome->error, ==, VMMS_ERROR_PREFIX "Failed");
	if (!strstr(outcome->message, text))
		g_error("\"%s\" is not in \"%s\"", text, outcome->message);
	state = fixture_get(f, vm, "State");
	g_assert_cmpstr(state, ==, "off");
}

/* Somebody else's locks: named where the kernel knows, and waited for a moment. */
static void test_foreign(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_plain(f, "a.img");
	g_autofree char *vm = vm_new(f, "web1", image, "");
	g_autofree char *named = g_strdup_printf("it is in use by process %d;", (int)getpid());
	g_autofree char *unknown = g_strdup_printf(
		"VM web1: disk %s: it is in use by a program that vmms does not know;", image);
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = open(image, O_RDWR | O_CLOEXEC);

	g_assert_cmpint(fcntl(fd, F_OFD_SETLK, &lock), ==, 0);
	assert_start_fails(f, vm, unknown);
	g_autofree char *job = fixture_run(f, vm, "Start");
	close(fd); /* let go in time */
	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "done");
	fixture_do(f, vm, "Stop");

	fd = open(image, O_RDWR | O_CLOEXEC);
	lock.l_type = F_WRLCK;
	g_assert_cmpint(fcntl(fd, F_SETLK, &lock), ==, 0);
	assert_start_fails(f, vm, named);
	/* A start that waits can be canceled, by a stop as well. */
	g_autofree char *waiting = fixture_run(f, vm, "Start");
	fixture_do(f, vm, "Stop");
	g_assert_cmpstr(fixture_wait(f, waiting)->state, ==, "canceled");
	close(fd);
	fixture_do(f, vm, "Start");
	fixture_free(f);
}

/* Each bad image is one sentence, nothing is started and nothing stays locked. */
static void test_bad_images(void)
{
	static const struct {
		const char *name;
		off_t size, offset;
		const char *bytes;
		size_t n;
		const char *members, *error, *text;
	} rows[] = {
		{"empty", 0, 0, NULL, 0, "", "InvalidImage", "it is empty; give it a size"},
		{"short", 100, 0, NULL, 0, "", "InvalidImage",
		 "it has 100 bytes, no multiple of 512"},
		{"short-qcow2", 100, 0, "QFI\xfb", 4, ",\"format\":\"qcow2\"", "InvalidImage",
		 "is not a qcow2 image, or the beginning of one is lost"},
		{"cut", 1000, 0, NULL, 0, "", "InvalidImage",
		 "it has 1000 bytes, no multiple of 512"},
		{"iso", 2560, 0, NULL, 0, ",\"type\":\"dvd\"", "InvalidImage",
		 "it has 2560 bytes, no multiple of 2048"},
		{"qcow2", 4096, 0, "QFI\xfb", 4, "", "InvalidImage",
		 "is a qcow2 image and not a raw one; name its format, with format=qcow2"},
		{"vhdx", 4096, 0, "vhdxfile", 8, ",\"format\":\"qcow2\"", "InvalidImage",
		 "is a vhdx image and not a qcow2 one"},
		{"vhd", 4096, 4096 - 512, "conectix", 8, "", "InvalidImage",
		 "is a vhd image and not a raw one"},
		{"dynamic", 4096, 0, "conectix", 8, "", "InvalidImage",
		 "is a vhd image and not a raw one"},
		{"vmdk", 4096, 0, "KDMV", 4, "", "InvalidImage",
		 "is a VMDK image, which vmms cannot read; convert it"},
		{"zeroes", 4096, 0, NULL, 0, ",\"format\":\"vhdx\"", "InvalidImage",
		 "is not a vhdx image, or the beginning of one is lost"},
	};
	struct fixture *f = fixture_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *image = image_new(f, rows[i].name, rows[i].size, rows[i].offset,
						   rows[i].bytes, rows[i].n);
		g_autofree char *vm = vm_new(f, rows[i].name, image, rows[i].members);
		g_autofree char *text =
			g_strdup_printf("VM %s: disk %s: %s", rows[i].name, image, rows[i].text);
		fixture_refuses(f, vm, "Start", rows[i].error, text);
		g_assert_cmpint(try_lock_as(image, FALSE), ==, 0);
		g_autofree char *state = fixture_get(f, vm, "State");
		g_assert_cmpstr(state, ==, "off");
	}
	fixture_free(f);
}

static void test_bad_paths(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *fifo = g_build_filename(f->dir, "fifo", NULL);
	g_autofree char *secret = image_plain(f, "secret");
	g_autofree char *missing = vm_new(f, "missing", "/nonexistent/a.img", "");
	g_autofree char *directory = vm_new(f, "directory", "/", "");
	g_autofree char *device = vm_new(f, "device", "/dev/null", "");
	g_autofree char *pipe = vm_new(f, "pipe", fifo, "");
	g_autofree char *below = g_strconcat(secret, "/x", NULL);
	g_autofree char *nested = vm_new(f, "nested", below, "");

	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	fixture_refuses(f, missing, "Start", "InvalidImage",
			"VM missing: disk /nonexistent/a.img: No such file or directory; give the "
			"path of an image");
	fixture_refuses(f, directory, "Start", "InvalidImage", "neither a regular file nor");
	fixture_refuses(f, device, "Start", "InvalidImage", "neither a regular file nor");
	fixture_refuses(f, pipe, "Start", "InvalidImage", "neither a regular file nor");
	fixture_refuses(f, nested, "Start", "InvalidImage", "Not a directory; give the path");
	/* What root may not write either. */
	g_autofree char *fixed = vm_new(f, "fixed", "/proc/version", "");
	fixture_refuses(f, fixed, "Start", "InvalidImage", "fixed: disk /proc/version: ");
	fixture_free(f);
}

/* Runs a program; its exit code, and what it printed. */
static int run(char **argv, char **out, char **err)
{
	int status;

	if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, out, err, &status,
			  NULL))
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The same as a user meets it. */
static void test_hvctl(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_plain(f, "a,b.img");
	g_autofree char *in_use = g_strdup_printf(
		"hvctl: VM web2: disk %s: it is in use by VM web1; stop that, or give another "
		"image\n",
		image);
	g_autofree char *disk = g_strdup_printf("path=%s/a,,b.img,lun=7", f->dir);

	HVCTL_EXPECT(0, "", "create", "web1", "web2", "--kernel", f->kernel, "--memory", "2M",
		     "--disk", disk, "--nic", "type=none");
	HVCTL_EXPECT(0, "", "start", "web1");
	HVCTL_EXPECT(1, in_use, "start", "web2");
	HVCTL_EXPECT(0, "off", "list", "web2");
	HVCTL_EXPECT(0, "LUN:         7\n", "show", "web1");
	HVCTL_EXPECT(0, "MAC:        56:4d:53:", "show", "web1");
	HVCTL_EXPECT(4, "needs it to be off", "edit", "web1", "--disk", "");
	HVCTL_EXPECT(2, "$.nics[0].mac: \"01:00:5e:00:00:01\" is a multicast address", "edit",
		     "web2", "--nic", "type=none,mac=01:00:5e:00:00:01");
	HVCTL_EXPECT(2, "$.disks[1].lun: controller 0, LUN 0 is the address of $.disks[0] already",
		     "edit", "web2", "--disk", "path=/a,lun=0", "--disk", "path=/b,lun=0");
	HVCTL_EXPECT(2, "$.nics: has 9 elements, more than the 8 allowed; take some out", "edit",
		     "web2", "--nic", "type=none", "--nic", "type=none", "--nic", "type=none",
		     "--nic", "type=none", "--nic", "type=none", "--nic", "type=none", "--nic",
		     "type=none", "--nic", "type=none", "--nic", "type=none");
	HVCTL_EXPECT(0, "LUN:         7\n", "show", "web2"); /* nothing changed */
	HVCTL_EXPECT(0, "", "edit", "web2", "--disk", "");
	HVCTL_EXPECT(0, "", "start", "web2");
	fixture_free(f);
}

/* Each is said when the definition is made: usage. */
static void test_bad_specs(void)
{
	static const struct {
		const char *spec, *text;
	} rows[] = {
		{"path=/a,lun=64", "$.disks[0].lun: 64 is above the maximum 63"},
		{"path=/a,lun=x", "lun"},
		{"path=/a,controller=4", "$.disks[0].controller: 4 is above the maximum 3"},
		{"path=/a,format=vmdk", "format is one of raw|qcow2|vhd|vhdx, not 'vmdk'"},
		{"format=raw", "path is missing"},
		{"path=/a,on-error=ignore", "on-error is one of "},
		{"path=/a,colour=red", "colour"},
	};
	struct fixture *f = fixture_new(NULL);
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		HVCTL_EXPECT(2, rows[i].text, "create", "web1", "--kernel", f->kernel, "--disk",
			     rows[i].spec);
	HVCTL_EXPECT(2, "$.disks[1].path: ", "create", "web1", "--kernel", f->kernel, "--disk",
		     "path=/a", "--disk", "path=/a");
	HVCTL_EXPECT(2, "controller 1, LUN 2 is the address of $.disks[0] already", "create",
		     "web1", "--kernel", f->kernel, "--disk", "path=/a,controller=1,lun=2",
		     "--disk", "path=/b,controller=1,lun=2");
	for (const char *const *word =
		     (const char *const[]){"create", "web1", "--kernel", f->kernel, NULL};
	     *word; word++)
		g_ptr_array_add(words, g_strdup(*word));
	for (unsigned i = 0; i <= VMMS_MAX_DISKS; i++) {
		g_ptr_array_add(words, g_strdup("--disk"));
		g_ptr_array_add(words, g_strdup_printf("path=/%u,controller=%u", i, i % 4));
	}
	g_ptr_array_add(words, NULL);
	hvctl_expect(f, 2, "--disk is given more than 64 times", (const char *const *)words->pdata);
	HVCTL_EXPECT(0, "", "list", "-o", "name");
	HVCTL_EXPECT(3, "web1", "show", "web1");
	fixture_free(f);
}

/* Each is said when it starts: the host's files are not what they should be. */
static void test_bad_files(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *cut = image_new(f, "cut", 1000, 0, NULL, 0);
	g_autofree char *empty = image_new(f, "empty", 0, 0, NULL, 0);
	g_autofree char *sealed = image_new(f, "sealed", 0, 0, NULL, 0);
	const struct {
		const char *path, *format, *text;
	} rows[] = {
		{"/nonexistent/a", "raw", "/nonexistent/a: No such file or directory; give the"},
		{"/proc/version", "raw", "/proc/version: "},
		/* Root may write to it all the same. */
		{sealed, "raw",
		 geteuid() == 0 ? "it is empty" : "that can be written, or make it read-only"},
		{"/", "raw",
		 "neither a regular file nor a block device; give the path of an image"},
		{cut, "raw", "it has 1000 bytes, no multiple of 512: the end of it may be lost;"},
		{empty, "raw", "it is empty; give it a size with truncate -s SIZE"},
	};

	g_assert_cmpint(chmod(sealed, 0400), ==, 0);
	HVCTL_EXPECT(0, "", "create", "web1", "--kernel", f->kernel, "--memory", "2M");
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *spec =
			g_strdup_printf("path=%s,format=%s", rows[i].path, rows[i].format);

		HVCTL_EXPECT(0, "", "edit", "web1", "--disk", spec);
		HVCTL_EXPECT(1, rows[i].text, "start", "web1");
		HVCTL_EXPECT(0, "off", "list", "web1");
	}
	fixture_free(f);
}

/* A block device is claimed, so that neither the host nor another VM writes to it. */
static void test_block_device(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_plain(f, "a.img");
	g_autofree char *out = NULL, *err = NULL, *web1 = NULL, *web2 = NULL;
	char *attach[] = {(char *)"losetup", (char *)"-f", (char *)"--show", image, NULL};

	if (run(attach, &out, &err) != 0) {
		g_test_skip("no loop device can be had here");
		fixture_free(f);
		return;
	}
	char *device = g_strchomp(out);
	char *detach[] = {(char *)"losetup", (char *)"-d", device, NULL};
	/* Detached already: it goes with the last who has it open, however this test ends. */
	int keep = open(device, O_RDONLY | O_CLOEXEC);
	g_assert_cmpint(keep, >=, 0);
	g_assert_cmpint(run(detach, NULL, NULL), ==, 0);
	web1 = vm_new(f, "web1", device, "");
	web2 = vm_new(f, "web2", device, "");
	int fd = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
	g_assert_cmpint(fd, >=, 0);
	fixture_refuses(f, web1, "Start", "Failed", "the host itself uses this device");
	close(fd);
	fixture_do(f, web1, "Start");
	fixture_refuses(f, web2, "Start", "Failed", "it is in use by VM web1;");
	g_assert_cmpint(open(device, O_RDWR | O_EXCL | O_CLOEXEC), ==, -1);
	g_assert_cmpint(errno, ==, EBUSY);
	fixture_do(f, web1, "Stop");
	fixture_do(f, web2, "Start");
	fixture_do(f, web2, "Stop");
	close(keep);
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/disks/handed-over", test_handed_over);
	g_test_add_func("/vmmsd/disks/many", test_many);
	g_test_add_func("/vmmsd/disks/in-use", test_in_use);
	g_test_add_func("/vmmsd/disks/foreign", test_foreign);
	g_test_add_func("/vmmsd/disks/bad-images", test_bad_images);
	g_test_add_func("/vmmsd/disks/bad-paths", test_bad_paths);
	g_test_add_func("/vmmsd/disks/hvctl", test_hvctl);
	g_test_add_func("/vmmsd/disks/block-device", test_block_device);
	g_test_add_func("/vmmsd/disks/bad-specs", test_bad_specs);
	g_test_add_func("/vmmsd/disks/bad-files", test_bad_files);
	return g_test_run();
}
