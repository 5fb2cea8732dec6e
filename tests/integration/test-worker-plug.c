/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices come to the real worker and go, when its sandbox has closed: on /dev/kvm. */
#include <fcntl.h>
#include <glib.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmms1.h"
#include "worker_fixture.h"

#define IMAGE_BYTES (1u << 20)
#define DISK(more)  "{\"disks\":[{\"path\":\"/srv/a.img\"" more "}]}"
#define NIC(type)   "{\"nics\":[{\"type\":\"" type "\",\"mac\":\"56:4d:53:00:00:01\"}]}"

static int image_new(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, IMAGE_BYTES), ==, 0);
	return fd;
}

/* The same file opened anew: locks belong to what was opened, and to all its duplicates. */
static int reopen(int fd)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
	int own = open(path, O_RDWR | O_CLOEXEC);

	g_assert_cmpint(own, >=, 0);
	return own;
}

/* Whether somebody else has the lock of a writer. */
static bool is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int own = reopen(fd);
	bool locked;

	locked = fcntl(own, F_OFD_SETLK, &lock) < 0;
	close(own);
	return locked;
}

/* tag NULL: without files. 0, or a negative errno with *error. */
static int attach(struct worker_process *worker, const char *device, const char *tag, int fd,
		  sd_bus_error *error)
{
	return sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER, "Attach",
				  error, NULL, "sa(sh)", device, tag ? 1 : 0, tag, fd);
}

static void attached(struct worker_process *worker, const char *device, const char *tag, int fd)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	if (attach(worker, device, tag, fd, &error) < 0)
		g_error("%s: %s", device, error.message);
}

static void image_attached(struct worker_process *worker, const char *device, int image)
{
	int fd = reopen(image);

	attached(worker, device, "disk0", fd);
	close(fd);
}

static void not_attached(struct worker_process *worker, const char *device, const char *tag, int fd,
			 const char *name, const char *part)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	g_assert_cmpint(attach(worker, device, tag, fd, &error), <, 0);
	g_assert_cmpstr(error.name, ==, name);
	assert_contains(error.message, part);
	sd_bus_error_free(&error);
}

static void refuses(struct worker_process *worker, const char *method, const char *part,
		    const char *types, ...)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	va_list ap;

	g_assert_cmpint(sd_bus_message_new_method_call(worker->bus, &call, NULL, VMMS_WORKER_PATH,
						       VMMS_IFACE_WORKER, method),
			>=, 0);
	va_start(ap, types);
	g_assert_cmpint(sd_bus_message_appendv(call, types, ap), >=, 0);
	va_end(ap);
	g_assert_cmpint(sd_bus_call(worker->bus, call, 0, &error, NULL), <, 0);
	g_assert_cmpstr(error.name, ==, VMMS_ERROR_PREFIX "InvalidArgument");
	assert_contains(error.message, part);
	sd_bus_error_free(&error);
	sd_bus_message_unref(call);
}

static void detach_disk(struct worker_process *worker, uint32_t controller, uint32_t lun)
{
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "DetachDisk", NULL, NULL, "uu", controller, lun),
			>=, 0);
}

static void detach_nic(struct worker_process *worker)
{
	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "DetachNic", NULL, NULL, "s", "56:4d:53:00:00:01"),
			>=, 0);
}

static uint64_t refresh(struct worker_process *worker, uint32_t lun)
{
	sd_bus_message *reply = NULL;
	uint64_t size = 0;

	g_assert_cmpint(sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					   "RefreshDisk", NULL, &reply, "uu", 0u, lun),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "t", &size), >, 0);
	sd_bus_message_unref(reply);
	return size;
}

/* -- disks ------------------------------------------------------------------------------------- */

/* The first disk of a VM that began with none brings a controller and a thread, in the sandbox. */
static void test_disk(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	int image = image_new();

	worker_start_guest(worker, "loop", "");
	image_attached(worker, DISK(",\"lun\":3"), image);
	attached(worker, DISK(",\"lun\":4,\"readOnly\":true,\"cache\":\"writethrough\""), "disk0",
		 worker->kernel_fd);
	g_assert_true(is_locked(image));
	g_assert_cmpint(ftruncate(image, 2 * IMAGE_BYTES), ==, 0);
	g_assert_cmpuint(refresh(worker, 3), ==, 2 * IMAGE_BYTES);
	/* It is there after a reset; what was detached is not. */
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	g_assert_cmpuint(refresh(worker, 3), ==, 2 * IMAGE_BYTES);
	g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0);
	detach_disk(worker, 0, 3);
	g_assert_false(is_locked(image));
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	refuses(worker, "DetachDisk", "controller 0, LUN 3: there is no disk", "uu", 0u, 3u);
	refuses(worker, "RefreshDisk", "controller 0, LUN 3: there is no disk", "uu", 0u, 3u);
	refuses(worker, "DetachDisk", "there is no disk", "uu", 7u, 4000000000u);
	image_attached(worker, DISK(",\"lun\":3"), image);
	g_assert_cmpuint(refresh(worker, 3), ==, 2 * IMAGE_BYTES);
	close(image);
	worker_reap(worker);
}

/* Those that it was started with go as well, and let go of their images. */
static void test_first_disk(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autofree char *definition =
		worker_definition("loop", ",\"disks\":[{\"path\":\"/srv/a.img\",\"lun\":0}]");
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int image = image_new(), fd = reopen(image);

	if (sd_bus_call_method(worker->bus, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER, "Start",
			       &error, NULL, "sa(sh)", definition, 3, VMMS_FILE_KERNEL,
			       worker->kernel_fd, VMMS_FILE_RESULT, worker->result_fd, "disk0",
			       fd) < 0)
		g_error("%s", error.message);
	close(fd);
	g_assert_true(is_locked(image));
	detach_disk(worker, 0, 0);
	g_assert_false(is_locked(image));
	close(image);
	worker_reap(worker);
}

static void test_refused(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	const char *invalid = VMMS_ERROR_PREFIX "InvalidArgument";
	const char *definition = VMMS_ERROR_PREFIX "InvalidDefinition";
	int image = image_new(), pipes[2];

	g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
	not_attached(worker, DISK(",\"lun\":0"), "disk0", image, VMMS_ERROR_PREFIX "WrongState",
		     "its worker is idle; start it first");
	worker_start_guest(worker, "loop", "");
	attached(worker, DISK(",\"lun\":0"), "disk0", image);
	not_attached(worker, DISK(",\"lun\":0"), "disk0", image, invalid,
		     "controller 0, LUN 0: there is a disk already");
	not_attached(worker, DISK(",\"lun\":1"), NULL, -1, invalid, "\"disk0\": it is missing");
	not_attached(worker, DISK(",\"lun\":1"), "disk1", image, invalid,
		     "\"disk0\": it is missing");
	not_attached(worker, DISK(",\"lun\":1"), "disk0", pipes[0], invalid,
		     "neither a regular file nor a block device");
	not_attached(worker, DISK(",\"lun\":1"), "kernel", image, invalid,
		     "no device has a file of this tag");
	not_attached(worker, DISK(",\"lun\":64"), "disk0", image, definition, "$.disks[0].lun");
	not_attached(worker, DISK(",\"lun\":1,\"format\":\"vhdx\""), "disk0", image, invalid,
		     "needs the sockets of a server");
	not_attached(worker, "{}", NULL, -1, definition, "not one disk or one adapter");
	not_attached(worker, "{\"disks\":[],\"nics\":[]}", NULL, -1, definition,
		     "not one disk or one adapter");
	not_attached(worker, "{\"disks\":[]}", NULL, -1, definition, "not one disk or one adapter");
	not_attached(worker, "[", NULL, -1, definition, "not a JSON document");
	not_attached(worker, NIC("user"), "nic0.0", pipes[0], invalid, "a TAP or a socket");
	not_attached(worker, NIC("none"), "nic0.0", image, invalid, "has no file; leave it out");
	refuses(worker, "DetachNic", "is not a unicast address", "s", "56:4d");
	refuses(worker, "DetachNic", "adapter 56:4d:53:00:00:01: there is none", "s",
		"56:4d:53:00:00:01");
	close(pipes[0]);
	close(pipes[1]);
	close(image);
	worker_reap(worker);
}

/* Without VMBus there is nothing that they could come by. */
static void test_hidden(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	int image = image_new();

	worker_start_guest(worker, "loop", ",\"hypervisor\":\"hidden\"");
	not_attached(worker, DISK(",\"lun\":0"), "disk0", image, VMMS_ERROR_PREFIX "NotSupported",
		     "come by VMBus, which this VM is not given");
	not_attached(worker, NIC("none"), NULL, -1, VMMS_ERROR_PREFIX "NotSupported",
		     "come by VMBus");
	close(image);
	worker_reap(worker);
}

/* -- adapters ---------------------------------------------------------------------------------- */

static bool is_hung_up(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void socket_adapter(const char *device, int type)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), ==, 0);
	worker_start_guest(worker, "loop", "");
	attached(worker, device, "nic0.0", pair[1]);
	close(pair[1]);
	not_attached(worker, NIC("none"), NULL, -1, VMMS_ERROR_PREFIX "InvalidArgument",
		     "adapter 56:4d:53:00:00:01: there is one of this address already");
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	g_assert_false(is_hung_up(pair[0]));
	detach_nic(worker);
	g_assert_true(is_hung_up(pair[0]));
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	refuses(worker, "DetachNic", "there is none", "s", "56:4d:53:00:00:01");
	close(pair[0]);
	worker_reap(worker);
}

static void test_sockets(void)
{
	socket_adapter(NIC("private"), SOCK_SEQPACKET);
	socket_adapter(NIC("user"), SOCK_STREAM);
}

/* -1: this host gives none. */
static int tap_new(char name[IFNAMSIZ])
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0) {
		close(fd);
		fd = -1;
	}
	memcpy(name, request.ifr_name, IFNAMSIZ);
	return fd;
}

static void test_tap(void)
{
	struct worker_process *worker;
	char name[IFNAMSIZ];
	int fd = tap_new(name);

	if (fd < 0) {
		g_test_skip("no TAP can be had here");
		return;
	}
	worker = worker_spawn(true, NULL);
	worker_start_guest(worker, "loop", "");
	attached(worker, NIC("bridge"), "nic0.0", fd);
	close(fd);
	g_autofree char *device = g_strdup_printf("/sys/class/net/%s", name);
	g_assert_true(g_file_test(device, G_FILE_TEST_EXISTS));
	detach_nic(worker);
	g_assert_false(g_file_test(device, G_FILE_TEST_EXISTS));
	worker_reap(worker);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		puts("1..0 # SKIP /dev/kvm cannot be opened");
		return 77;
	}
	g_test_add_func("/worker/plug/disk", test_disk);
	g_test_add_func("/worker/plug/first-disk", test_first_disk);
	g_test_add_func("/worker/plug/refused", test_refused);
	g_test_add_func("/worker/plug/hidden", test_hidden);
	g_test_add_func("/worker/plug/sockets", test_sockets);
	g_test_add_func("/worker/plug/tap", test_tap);
	return g_test_run();
}
