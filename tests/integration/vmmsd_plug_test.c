/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hvctl attach, detach and resize, with the real service and a worker that does as it is told. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmsd_tools.h"

#define IMAGE_BYTES 1048576

/* ---- helpers --------------------------------------------------------------------------------- */

static char *image_new(const struct fixture *f, const char *name)
{
	char *path = g_build_filename(f->dir, name, NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, IMAGE_BYTES), ==, 0);
	close(fd);
	return path;
}

static off_t size_of(const char *path)
{
	struct stat st;

	g_assert_cmpint(stat(path, &st), ==, 0);
	return st.st_size;
}

static bool definition_has(struct fixture *f, const char *vm, const char *text)
{
	sd_bus_message *reply = NULL;
	const char *definition;
	bool has;

	g_assert_cmpint(sd_bus_call_method(f->bus, VMMS_BUS_NAME, vm, VMMS_IFACE_VM,
					   "GetDefinition", NULL, &reply, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "s", &definition), >, 0);
	has = strstr(definition, text) != NULL;
	sd_bus_message_unref(reply);
	return has;
}

static char *disk_spec(const char *path, const char *more)
{
	return g_strdup_printf("path=%s%s", path, more);
}

/* The path of the VM, which runs. */
static char *vm_up(struct fixture *f, const char *name, const char *behaviour)
{
	char *vm = fixture_define(f, name, behaviour);

	fixture_do(f, vm, "Start");
	return vm;
}

/* ---- disks ----------------------------------------------------------------------------------- */

static void test_disk(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_new(f, "a.img"), *other = image_new(f, "b.img");
	g_autofree char *spec = disk_spec(image, ""), *second = disk_spec(other, ",lun=9");
	g_autofree char *vm = vm_up(f, "web1", "run");

	HVCTL_EXPECT(0, "", "attach", "web1", "--disk", spec);
	HVCTL_EXPECT(0, "", "attach", "web1", "--disk", second);
	g_assert_true(definition_has(f, vm, image));
	g_assert_true(try_lock(image));
	g_assert_true(try_lock(other));
	HVCTL_EXPECT(0, "attached", "events", "--no-follow");
	HVCTL_EXPECT(0, "b.img (0:9)", "events", "--no-follow");
	/* The service that comes next knows of both, and can take them away. */
	(void)fixture_end(f, SIGKILL);
	g_assert_true(try_lock(image));
	fixture_start(f);
	g_assert_true(definition_has(f, vm, image));
	HVCTL_EXPECT(0, "", "detach", "web1", "--disk", image);
	g_assert_false(try_lock(image));
	g_assert_false(definition_has(f, vm, image));
	HVCTL_EXPECT(2, "is the image of none of its disks", "detach", "web1", "--disk", image);
	/* One that is paused, too; and the place is free again. */
	fixture_do(f, vm, "Pause");
	HVCTL_EXPECT(0, "", "detach", "web1", "--disk", "0:9");
	HVCTL_EXPECT(2, "\"0:9\" is the place of no disk", "detach", "web1", "--disk", "0:9");
	g_assert_false(try_lock(other));
	HVCTL_EXPECT(0, "", "attach", "web1", "--disk", second);
	fixture_do(f, vm, "Resume");
	/* What was attached is there when it starts again. */
	fixture_do(f, vm, "Stop");
	g_assert_false(try_lock(other));
	fixture_do(f, vm, "Start");
	g_assert_true(try_lock(other));
	fixture_free(f);
}

static void test_disk_refused(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_new(f, "a.img"), *used = image_new(f, "used.img");
	g_autofree char *spec = disk_spec(image, ""), *at_zero = disk_spec(used, ",lun=0");
	g_autofree char *taken = disk_spec(used, ""), *vhd = disk_spec(used, ",format=vhd");
	g_autofree char *missing = g_strdup_printf("path=%s/none", f->dir);
	g_autofree char *link = g_build_filename(f->dir, "link", NULL);
	g_autofree char *twin = disk_spec(link, "");
	g_autofree char *vm = vm_up(f, "web1", "run"), *user = vm_up(f, "web2", "run");

	g_assert_cmpint(symlink(image, link), ==, 0);
	HVCTL_EXPECT(0, "", "attach", "web2", "--disk", taken);
	HVCTL_EXPECT(0, "", "attach", "web1", "--disk", spec);
	HVCTL_EXPECT(1, "used.img: it is in use by VM web2; stop that", "attach", "web1", "--disk",
		     taken);
	HVCTL_EXPECT(2, "$.disks[1].path: ", "attach", "web1", "--disk", spec);
	HVCTL_EXPECT(1, "it is the same as disk ", "attach", "web1", "--disk", twin);
	HVCTL_EXPECT(2, "controller 0, LUN 0 is the address of $.disks[0] already", "attach",
		     "web1", "--disk", at_zero);
	HVCTL_EXPECT(1, "none: No such file or directory", "attach", "web1", "--disk", missing);
	HVCTL_EXPECT(1, "is not a vhd image, or the beginning of one is lost;", "attach", "web1",
		     "--disk", vhd);
	HVCTL_EXPECT(2, "path is missing", "attach", "web1", "--disk", "lun=1");
	HVCTL_EXPECT(2, "give --disk or --nic, one of them", "attach", "web1");
	HVCTL_EXPECT(2, "give --disk or --nic, one of them", "attach", "web1", "--disk", spec,
		     "--nic", "type=none");
	HVCTL_EXPECT(2, "give --disk or --nic, one of them", "detach", "web1");
	HVCTL_EXPECT(3, "web3", "attach", "web3", "--disk", spec);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "AttachDisk", "InvalidDefinition",
			     "disk: $: expected an object", "s", "[1]");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "AttachDisk", "InvalidDefinition", "disk: ", "s",
			     "{\"path\":");
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "DetachDisk", "InvalidArgument",
			     "neither an absolute path nor CONTROLLER:LUN", "s", "x");
	g_assert_false(definition_has(f, vm, "used.img"));
	g_assert_false(definition_has(f, user, "a.img"));
	/* Off. */
	fixture_do(f, vm, "Stop");
	HVCTL_EXPECT(4, "VM web1 is off, and devices are only attached while it runs: ", "attach",
		     "web1", "--disk", missing);
	HVCTL_EXPECT(4, "hvctl edit web1 --disk", "detach", "web1", "--disk", image);
	g_assert_true(definition_has(f, vm, "a.img"));
	fixture_free(f);
}

/* No more than a VM can have. */
static void test_too_many(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *last = image_new(f, "last.img"), *spec = disk_spec(last, "");
	g_autoptr(GString) members = g_string_new(",\"nics\":[");

	for (unsigned i = 0; i < VMMS_MAX_NICS; i++)
		g_string_append(members, i > 0 ? ",{\"type\":\"none\"}" : "{\"type\":\"none\"}");
	g_string_append(members, "],\"disks\":[");
	for (unsigned i = 0; i < VMMS_MAX_DISKS; i++) {
		g_autofree char *name = g_strdup_printf("%u.img", i), *path = image_new(f, name);
		g_string_append_printf(members, "%s{\"path\":\"%s\"}", i > 0 ? "," : "", path);
	}
	g_string_append_c(members, ']');
	g_autofree char *vm = fixture_define_with(f, "web1", "run", members->str);
	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(2, "$.disks: has 65 elements, more than the 64 allowed; take some out",
		     "attach", "web1", "--disk", spec);
	HVCTL_EXPECT(2, "$.nics: has 9 elements, more than the 8 allowed; take some out", "attach",
		     "web1", "--nic", "type=none");
	g_assert_false(try_lock(last));
	fixture_free(f);
}

/* ---- the worker does not ---------------------------------------------------------------------
 */

static char *plug_begin(struct fixture *f, const char *vm, const char *method, const char *text)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *job;
	char *path;

	if (sd_bus_call_method(f->bus, VMMS_BUS_NAME, vm, VMMS_IFACE_VM, method, &error, &reply,
			       "s", text) < 0)
		g_error("%s: %s", method, error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "o", &job), >, 0);
	path = g_strdup(job);
	sd_bus_message_unref(reply);
	return path;
}

/* What was stored before the worker was asked is as it was. */
static void test_undone(gconstpointer data)
{
	const char *behaviour = data;
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_new(f, "a.img"), *kept = image_new(f, "kept.img");
	g_autofree char *disk = g_strdup_printf("{\"path\":\"%s\"}", image);
	g_autofree char *disks = g_strdup_printf(",\"disks\":[{\"path\":\"%s\"}]", kept);
	bool hangs = g_str_equal(behaviour, "hang-in-plug");

	for (int i = 0; i < 2; i++) {
		g_autofree char *name = g_strdup_printf("web%d", i);
		g_autofree char *vm = fixture_define_with(f, name, behaviour, i ? disks : "");
		fixture_do(f, vm, "Start");
		g_autofree char *job =
			plug_begin(f, vm, i ? "DetachDisk" : "AttachDisk", i ? kept : disk);
		if (hangs) {
			fixture_refuses(f, vm, "Pause", "Busy", i ? "a detach" : "an attach");
			fixture_do(f, vm, "Stop");
		}
		const struct outcome *outcome = fixture_wait(f, job);
		g_assert_cmpstr(outcome->state, ==, hangs ? "canceled" : "failed");
		g_assert_true(definition_has(f, vm, i ? "kept.img" : "\"disks\":[]"));
		wait_unlocked(image);
		if (g_str_equal(behaviour, "refuse-plug")) {
			g_autofree char *state = fixture_get(f, vm, "State");
			g_assert_cmpstr(state, ==, "running");
			g_assert_nonnull(strstr(outcome->message, "VM web"));
			g_assert_nonnull(strstr(outcome->message, "the slot is stuck"));
		}
	}
	fixture_free(f);
}

/* Slow. A worker that does not answer in time is no reason to end its guest: the job fails, and the
 * definition says what is known, and the truth when the answer comes. */
static void test_late(void)
{
	static const struct late_row {
		const char *name, *behaviour;
		gboolean detach, after; /* whether the definition has the disk in the end */
	} rows[] = {
		{"comes", "late-plug", FALSE, TRUE},
		{"stays-away", "late-refusal", FALSE, FALSE},
		{"goes", "late-plug", TRUE, FALSE},
		{"stays", "late-refusal", TRUE, TRUE},
	};
	struct fixture *f = fixture_new(NULL);
	char *vms[G_N_ELEMENTS(rows)], *jobs[G_N_ELEMENTS(rows)];
	gint64 end;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *image = image_new(f, rows[i].name);
		g_autofree char *disk = g_strdup_printf("{\"path\":\"%s\"}", image);
		g_autofree char *disks = g_strdup_printf(",\"disks\":[%s]", disk);

		vms[i] = fixture_define_with(f, rows[i].name, rows[i].behaviour,
					     rows[i].detach ? disks : "");
		fixture_do(f, vms[i], "Start");
		jobs[i] = plug_begin(f, vms[i], rows[i].detach ? "DetachDisk" : "AttachDisk",
				     rows[i].detach ? image : disk);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct outcome *outcome = fixture_wait(f, jobs[i]);
		g_autofree char *path = g_strdup_printf("/%s\"", rows[i].name);

		g_assert_cmpstr(outcome->error, ==, VMMS_ERROR_PREFIX "TimedOut");
		g_assert_nonnull(strstr(outcome->message, "has not answered within 20 s"));
		g_assert_true(definition_has(f, vms[i], path));
	}
	end = g_get_monotonic_time() + WAIT_US;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *state = fixture_get(f, vms[i], "State");
		g_autofree char *path = g_strdup_printf("/%s\"", rows[i].name);

		g_assert_cmpstr(state, ==, "running");
		while (definition_has(f, vms[i], path) != rows[i].after) {
			g_assert_cmpint(g_get_monotonic_time(), <, end);
			g_usleep(20000);
		}
		g_free(vms[i]);
		g_free(jobs[i]);
	}
	/* The second answers of each kind have come when these have. */
	while (fixture_events_count(f, "attached") + fixture_events_count(f, "detached") < 2) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(20000);
	}
	fixture_free(f);
}

/* The host shuts down: the guest is asked, though a device was just on its way to it. */
static void test_stop_all(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_new(f, "a.img");
	g_autofree char *disk = g_strdup_printf("{\"path\":\"%s\"}", image);
	g_autofree char *vm = vm_up(f, "web1", "hang-in-plug");
	g_autofree char *job = plug_begin(f, vm, "AttachDisk", disk);
	g_autofree char *all = NULL;

	all = fixture_stop_all(f);
	g_assert_cmpstr(fixture_wait(f, all)->state, ==, "done");
	g_assert_cmpstr(fixture_wait(f, job)->state, ==, "canceled");
	g_autofree char *reason = fixture_get(f, vm, "Reason");
	g_assert_cmpstr(reason, ==, "the guest powered off");
	g_assert_true(definition_has(f, vm, "\"disks\":[]"));
	fixture_free(f);
}

/* A device that the worker never got, for vmmsd died before it could ask, can be thrown away. */
static void test_forgotten(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_new(f, "a.img");
	g_autofree char *spec = disk_spec(image, "");
	g_autofree char *disks = g_strdup_printf(",\"disks\":[{\"path\":\"%s\"}]", image);
	g_autofree char *vm = fixture_define_with(f, "web1", "forget-plug", disks);

	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(0, "", "detach", "web1", "--disk", image);
	g_assert_true(definition_has(f, vm, "\"disks\":[]"));
	fixture_do(f, vm, "Stop");
	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(2, "VM web1: there is no disk", "attach", "web1", "--disk", spec);
	g_assert_true(definition_has(f, vm, "\"disks\":[]"));
	fixture_free(f);
}

/* ---- adapters -------------------------------------------------------------------------------- */

static void test_nic(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_up(f, "web1", "run"), *other = vm_up(f, "web2", "run");

	HVCTL_EXPECT(0, "", "attach", "web1", "--nic", "type=none,mac=56:4d:53:00:00:01");
	HVCTL_EXPECT(0, "", "attach", "web1", "web2", "--nic", "type=none");
	g_assert_true(definition_has(f, vm, "56:4d:53:00:00:01"));
	HVCTL_EXPECT(2,
		     "$.nics[1].mac: \"56:4d:53:00:00:01\" is the address of an adapter of VM "
		     "web1 already",
		     "attach", "web2", "--nic", "type=none,mac=56:4d:53:00:00:01");
	HVCTL_EXPECT(2, "is the address of $.nics[0] already", "attach", "web1", "--nic",
		     "type=none,mac=56:4D:53:00:00:01");
	HVCTL_EXPECT(2, "is a multicast address", "attach", "web1", "--nic",
		     "type=none,mac=01:00:5e:00:00:01");
	HVCTL_EXPECT(2, "$.nics[2].mac: \"x\" ", "attach", "web1", "--nic", "type=none,mac=x");
	HVCTL_EXPECT(1, "adapter 2: ", "attach", "web1", "--nic", "type=bridge,bridge=vmms-none");
	/* With a libvirt or without, there is no such network. */
	HVCTL_EXPECT(1, "adapter 2: libvirt ", "attach", "web1", "--nic",
		     "type=bridge,network=vmms-none");
	HVCTL_EXPECT(2, "begin with type=", "attach", "web1", "--nic", "mac=56:4d:53:00:00:09");
	HVCTL_EXPECT(2, "\"7\" is the index of no adapter", "detach", "web1", "--nic", "7");
	HVCTL_EXPECT(2, "as a MAC address it ", "detach", "web1", "--nic", "7x");
	HVCTL_EXPECT(2, "is the address of none of its adapters", "detach", "web1", "--nic",
		     "56:4d:53:00:00:99");
	HVCTL_EXPECT(0, "", "detach", "web1", "--nic", "56:4D:53:00:00:01");
	g_assert_false(definition_has(f, vm, "56:4d:53:00:00:01"));
	HVCTL_EXPECT(0, "", "detach", "web1", "--nic", "0");
	g_assert_true(definition_has(f, vm, "\"nics\":[]"));
	HVCTL_EXPECT(2, "is the index of no adapter", "detach", "web1", "--nic", "0");
	g_assert_false(definition_has(f, other, "56:4d:53:00:00:01"));
	/* The address is free for others at once. */
	HVCTL_EXPECT(0, "", "attach", "web2", "--nic", "type=none,mac=56:4d:53:00:00:01");
	fixture_free(f);
}

/* What is behind an adapter is the worker's alone, and ends when that lets go. */
static void test_nic_files(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_up(f, "web1", "run");
	g_autofree char *fd = g_strdup_printf("/proc/%u/fd/600", fixture_worker_pid(f, vm));

	HVCTL_EXPECT(0, "", "attach", "web1", "--nic", "type=private,network=lan");
	g_autofree char *link = g_file_read_link(fd, NULL);
	g_assert_nonnull(link);
	g_assert_true(g_str_has_prefix(link, "socket:"));
	HVCTL_EXPECT(0, "", "detach", "web1", "--nic", "0");
	g_assert_false(g_file_test(fd, G_FILE_TEST_IS_SYMLINK));
	fixture_free(f);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void test_resize(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_new(f, "a.img"), *moved = image_new(f, "moved.img");
	g_autofree char *iso = image_new(f, "b.iso");
	g_autofree char *disks = g_strdup_printf(
		",\"disks\":[{\"path\":\"%s\"},{\"path\":\"%s\",\"type\":\"dvd\"}]", image, iso);
	g_autofree char *vm = fixture_define_with(f, "web1", "run", disks);

	/* Off. */
	HVCTL_EXPECT(0, "", "resize", "web1", "--disk", image, "2M");
	g_assert_cmpint(size_of(image), ==, 2 * IMAGE_BYTES);
	HVCTL_EXPECT(4, "give a SIZE", "resize", "web1", "--disk", image);
	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(0, "", "resize", "web1", "--disk", "0:0", "3M");
	g_assert_cmpint(size_of(image), ==, 3 * IMAGE_BYTES);
	HVCTL_EXPECT(0, "a.img (0:0): 3145728 bytes", "events", "--no-follow");
	HVCTL_EXPECT(2,
		     "a.img: it has 3145728 bytes, and what is behind the first 1048576 would be "
		     "lost",
		     "resize", "web1", "--disk", image, "1M");
	g_assert_cmpint(size_of(image), ==, 3 * IMAGE_BYTES);
	HVCTL_EXPECT(0, "", "resize", "web1", "--disk", image, "1M", "--force");
	g_assert_cmpint(size_of(image), ==, IMAGE_BYTES);
	/* By other means. */
	g_assert_cmpint(truncate(image, 4 * IMAGE_BYTES), ==, 0);
	HVCTL_EXPECT(0, "", "resize", "web1", "--disk", image);
	HVCTL_EXPECT(0, "4194304 bytes", "events", "--no-follow");
	HVCTL_EXPECT(2, "no size of a disk", "resize", "web1", "--disk", image, "5000001");
	HVCTL_EXPECT(2, "'0' is not a size like 20G", "resize", "web1", "--disk", image, "0");
	HVCTL_EXPECT(2, "'x' is not a size like 20G", "resize", "web1", "--disk", image, "x");
	HVCTL_EXPECT(2, "--disk is missing", "resize", "web1", "2M");
	HVCTL_EXPECT(2, "b.iso: it is read-only", "resize", "web1", "--disk", iso, "2M");
	HVCTL_EXPECT(2, "is the image of none of its disks", "resize", "web1", "--disk", moved,
		     "2M");
	HVCTL_EXPECT(1, "it cannot have ", "resize", "web1", "--disk", image, "8000000T");
	/* Not the file that the VM has. */
	g_assert_cmpint(rename(moved, image), ==, 0);
	HVCTL_EXPECT(1, "is not the one that the VM has open", "resize", "web1", "--disk", image,
		     "8M");
	g_assert_cmpint(size_of(image), ==, IMAGE_BYTES);
	fixture_free(f);
}

/* A guest that cannot be told: the image is as it was. */
static void test_resize_undone(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *image = image_new(f, "a.img");
	g_autofree char *disks = g_strdup_printf(",\"disks\":[{\"path\":\"%s\"}]", image);
	g_autofree char *vm = fixture_define_with(f, "web1", "refuse-plug", disks);
	g_autofree char *taker = fixture_define_with(f, "web2", "run", disks);

	fixture_do(f, vm, "Start");
	HVCTL_EXPECT(1, "VM web1: the slot is stuck", "resize", "web1", "--disk", image, "8M");
	g_assert_cmpint(size_of(image), ==, IMAGE_BYTES);
	HVCTL_EXPECT(1, "it is in use", "resize", "web2", "--disk", image, "8M");
	g_assert_cmpint(size_of(image), ==, IMAGE_BYTES);
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/plug/disk", test_disk);
	g_test_add_func("/vmmsd/plug/disk-refused", test_disk_refused);
	g_test_add_func("/vmmsd/plug/too-many", test_too_many);
	g_test_add_data_func("/vmmsd/plug/undone/refused", "refuse-plug", test_undone);
	g_test_add_data_func("/vmmsd/plug/undone/died", "die-in-plug", test_undone);
	g_test_add_data_func("/vmmsd/plug/undone/stopped", "hang-in-plug", test_undone);
	g_test_add_func("/vmmsd/plug/late", test_late);
	g_test_add_func("/vmmsd/plug/stop-all", test_stop_all);
	g_test_add_func("/vmmsd/plug/forgotten", test_forgotten);
	g_test_add_func("/vmmsd/plug/nic", test_nic);
	g_test_add_func("/vmmsd/plug/nic-files", test_nic_files);
	g_test_add_func("/vmmsd/plug/resize", test_resize);
	g_test_add_func("/vmmsd/plug/resize-undone", test_resize_undone);
	return g_test_run();
}
