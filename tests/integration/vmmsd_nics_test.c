/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What adapters are connected to, on its way to the worker. In a network and a mount namespace of
 * its own, so that nothing of the host is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmmsd_fixture.h"

/* ---- the network namespace ------------------------------------------------------------------- */

static int control(unsigned long request, void *argument)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	g_assert_cmpint(fd, >=, 0);
	r = ioctl(fd, request, argument) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static struct ifreq interface_named(const char *name)
{
	struct ifreq request = {0};

	g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
	return request;
}

static int interface_index(const char *name)
{
	struct ifreq request = interface_named(name);
	int r = control(SIOCGIFINDEX, &request);

	return r < 0 ? r : request.ifr_ifindex;
}

static void bridge_new(const char *name, int mtu)
{
	char bridge[IFNAMSIZ] = "";
	struct ifreq request = interface_named(name);

	g_strlcpy(bridge, name, sizeof(bridge));
	g_assert_cmpint(control(SIOCBRADDBR, bridge), ==, 0);
	request.ifr_mtu = mtu;
	g_assert_cmpint(control(SIOCSIFMTU, &request), ==, 0);
}

static void bridge_delete(const char *name)
{
	char bridge[IFNAMSIZ] = "";

	g_strlcpy(bridge, name, sizeof(bridge));
	g_assert_cmpint(control(SIOCBRDELBR, bridge), ==, 0);
}

/* ---- a worker's descriptors ------------------------------------------------------------------ */

/* A duplicate of the descriptor that the worker has as queue q of adapter n; -1: it has none. */
static int worker_nic(struct fixture *f, const char *vm, int n, int q)
{
	int pidfd = pidfd_open((pid_t)fixture_worker_pid(f, vm), 0), fd;

	g_assert_cmpint(pidfd, >=, 0);
	fd = pidfd_getfd(pidfd, 200 + 16 * n + q, 0);
	close(pidfd);
	return fd;
}

static char *vm_new(struct fixture *f, const char *name, const char *nics)
{
	g_autofree char *members = g_strdup_printf(",\"nics\":[%s]", nics);

	return fixture_define_with(f, name, "run", members);
}

static void cancel_start(struct fixture *f, const char *vm)
{
	g_autofree char *job = fixture_run(f, vm, "Start");

	fixture_cancel(f, job);
	g_assert_cmpstr(fixture_wait(f, job)->error, ==, VMMS_ERROR_PREFIX "Canceled");
	fixture_wait_state(f, vm, "off");
}

/* ---- bridge ---------------------------------------------------------------------------------- */

static void assert_port(const char *name, const char *bridge, int mtu)
{
	struct ifreq request = interface_named(name);

	g_assert_cmpint(control(SIOCGIFFLAGS, &request), ==, 0);
	g_assert_true(request.ifr_flags & IFF_UP);
	g_assert_cmpint(control(SIOCGIFMTU, &request), ==, 0);
	g_assert_cmpint(request.ifr_mtu, ==, mtu);
	g_assert_cmpint(control(SIOCGIFHWADDR, &request), ==, 0);
	g_assert_cmpint((uint8_t)request.ifr_hwaddr.sa_data[0], ==, 0xfe);
	g_assert_cmpint((uint8_t)request.ifr_hwaddr.sa_data[5], ==, 0x21);
	/* Only a port can be taken away. */
	request.ifr_ifindex = interface_index(name);
	g_strlcpy(request.ifr_name, bridge, sizeof(request.ifr_name));
	g_assert_cmpint(control(SIOCBRDELIF, &request), ==, 0);
	g_assert_cmpint(control(SIOCBRADDIF, &request), ==, 0);
}

/* A queue for each processor, of one device, that goes with the worker and not with vmmsd. */
static void test_bridge(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define_with(
		f, "web1", "run",
		",\"cpus\":{\"count\":3},\"nics\":[{\"type\":\"none\"},{\"type\":\"bridge\","
		"\"bridge\":\"br0\",\"mac\":\"56:4d:53:00:00:21\"}]");
	char name[IFNAMSIZ] = "";

	bridge_new("br0", 4000);
	fixture_do(f, vm, "Start");
	g_assert_cmpint(worker_nic(f, vm, 0, 0), ==, -1);
	for (int q = 0; q < 3; q++) {
		const int wanted = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
		struct ifreq request = {0};
		int fd = worker_nic(f, vm, 1, q);

		g_assert_cmpint(fd, >=, 0);
		g_assert_cmpint(ioctl(fd, TUNGETIFF, &request), ==, 0);
		g_assert_cmpint(request.ifr_flags & wanted, ==, wanted);
		g_assert_true(q == 0 || strcmp(name, request.ifr_name) == 0);
		g_strlcpy(name, request.ifr_name, sizeof(name));
		close(fd);
	}
	g_assert_cmpint(worker_nic(f, vm, 1, 3), ==, -1);
	g_assert_true(g_str_has_prefix(name, "vmms"));
	assert_port(name, "br0", 4000);
	(void)fixture_end(f, SIGKILL);
	g_assert_cmpint(interface_index(name), >, 0);
	fixture_start(f);
	fixture_do(f, vm, "Stop");
	g_assert_cmpint(interface_index(name), ==, -ENODEV);
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Stop");
	fixture_free(f);
	bridge_delete("br0");
}

/* One processor needs one queue; an MTU larger than the bridge's is the port's. */
static void test_bridge_single(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1",
				     "{\"type\":\"bridge\",\"bridge\":\"br0\",\"mtu\":9000,"
				     "\"mac\":\"56:4d:53:00:00:21\"}");
	struct ifreq request = {0};
	int fd;

	bridge_new("br0", 1500);
	fixture_do(f, vm, "Start");
	fd = worker_nic(f, vm, 0, 0);
	g_assert_cmpint(ioctl(fd, TUNGETIFF, &request), ==, 0);
	g_assert_cmpint(request.ifr_flags & IFF_MULTI_QUEUE, ==, 0);
	g_assert_cmpint(worker_nic(f, vm, 0, 1), ==, -1);
	close(fd);
	assert_port(request.ifr_name, "br0", 9000);
	fixture_free(f);
	bridge_delete("br0");
}

static void test_bad_bridges(void)
{
	struct fixture *f = fixture_new(NULL);
	const struct {
		const char *name, *nic, *error, *text;
	} cases[] = {
		{"missing", "{\"type\":\"bridge\",\"bridge\":\"br7\"}", "Failed",
		 "VM missing: adapter 1: there is no bridge br7; create it with ip link add br7 "
		 "type bridge, or give another"},
		{"other", "{\"type\":\"bridge\",\"bridge\":\"lo\"}", "Failed",
		 "VM other: adapter 1: lo is not a bridge; give the name of one"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *nics = g_strdup_printf("{\"type\":\"none\"},%s", cases[i].nic);
		g_autofree char *vm = vm_new(f, cases[i].name, nics), *state = NULL;

		fixture_refuses(f, vm, "Start", cases[i].error, cases[i].text);
		state = fixture_get(f, vm, "State");
		g_assert_cmpstr(state, ==, "off");
		/* What was made on the way there is gone. */
		g_assert_cmpint(interface_index("vmms0"), ==, -ENODEV);
	}
	fixture_free(f);
}

static void refused_in_subprocess(const char *error, const char *text)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1", "{\"type\":\"bridge\",\"bridge\":\"br0\"}");

	fixture_refuses(f, vm, "Start", error, text);
	fixture_free(f);
}

static void test_tap_denied(void)
{
	if (g_test_subprocess()) {
		g_assert_cmpint(prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN), ==, 0);
		refused_in_subprocess("Denied",
				      "VM web1: adapter 0: its TAP device cannot be made "
				      "(Operation not permitted); run vmmsd as root, or give the "
				      "adapter the type user");
		return;
	}
	bridge_new("br0", 1500);
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
	g_test_trap_assert_passed();
	bridge_delete("br0");
}

static void test_no_tun(void)
{
	if (g_test_subprocess()) {
		g_assert_cmpint(mount("none", "/dev/net", "tmpfs", 0, NULL), ==, 0);
		refused_in_subprocess("Failed", "VM web1: adapter 0: this host has no TAP devices "
						"(/dev/net/tun: No such file or directory); load "
						"them with modprobe tun");
		g_assert_cmpint(umount("/dev/net"), ==, 0);
		return;
	}
	bridge_new("br0", 1500);
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
	g_test_trap_assert_passed();
	bridge_delete("br0");
}

/* ---- networks of libvirt --------------------------------------------------------------------- */

/* The start of a VM whose second adapter is on a network must fail, and leave nothing. */
static void refuses_network(const char *variable, const char *value, const char *network,
			    const char *text)
{
	g_autofree char *nics = g_strdup_printf(
		"{\"type\":\"none\"},{\"type\":\"bridge\",\"network\":\"%s\"}", network);
	const struct outcome *outcome;
	struct fixture *f;

	g_setenv(variable, value, TRUE);
	f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1", nics);
	g_autofree char *job = fixture_run(f, vm, "Start");
	outcome = fixture_wait(f, job);
	g_assert_cmpstr(outcome->error, ==, VMMS_ERROR_PREFIX "Failed");
	if (!strstr(outcome->message, text))
		g_error("%s does not have %s", outcome->message, text);
	g_assert_true(g_str_has_prefix(outcome->message, "VM web1: adapter 1: "));
	fixture_wait_state(f, vm, "off");
	g_assert_cmpint(interface_index("vmms0"), ==, -ENODEV);
	fixture_free(f);
	g_unsetenv(variable);
}

/* libvirt's test driver has a network default with the bridge virbr0. */
static void test_network(void)
{
	struct fixture *f;
	struct ifreq request = {0};
	int fd;

	g_setenv("VMMS_LIBVIRT_URI", "test:///default", TRUE);
	f = fixture_new(NULL);
	g_autofree char *vm = vm_new(
		f, "web1",
		"{\"type\":\"bridge\",\"network\":\"default\",\"mac\":\"56:4d:53:00:00:21\"},"
		"{\"type\":\"bridge\",\"network\":\"default\"}");
	bridge_new("virbr0", 1500);
	fixture_do(f, vm, "Start");
	fd = worker_nic(f, vm, 0, 0);
	g_assert_cmpint(ioctl(fd, TUNGETIFF, &request), ==, 0);
	close(fd);
	assert_port(request.ifr_name, "virbr0", 1500);
	fd = worker_nic(f, vm, 1, 0);
	g_assert_cmpint(fd, >=, 0);
	close(fd);
	fixture_do(f, vm, "Stop");
	fixture_free(f);
	bridge_delete("virbr0");
	g_unsetenv("VMMS_LIBVIRT_URI");
}

static void test_bad_networks(void)
{
	static const char domains[] =
		"<node><network><name>pci</name><forward mode='hostdev'><pf dev='eth3'/></forward>"
		"</network></node>";
	g_autofree char *file = NULL, *uri = NULL;
	int fd = g_file_open_tmp("networks-XXXXXX.xml", &file, NULL);

	close(fd);
	g_assert_true(g_file_set_contents(file, domains, -1, NULL));
	uri = g_strdup_printf("test://%s", file);
	refuses_network("VMMS_LIBVIRT_URI", uri, "pci", "libvirt's network pci has no bridge (");
	refuses_network("VMMS_LIBVIRT_URI", "test:///default", "lan",
			"libvirt has no network lan; virsh net-list --all shows those that ");
	refuses_network("VMMS_LIBVIRT_URI", "test:///default", "default",
			"there is no bridge virbr0; create it with ");
	refuses_network("VMMS_LIBVIRT_URI", "qemu+unix:///system?socket=/nonexistent", "default",
			"libvirt cannot be reached at qemu+unix:///system?socket=/nonexistent (");
	refuses_network("VMMS_LIBVIRT_HELPER", "/bin/true", "default",
			"libvirt's bridge has a name that no bridge can have");
	refuses_network("VMMS_LIBVIRT_HELPER", "/bin/false", "default",
			"libvirt cannot be asked for a bridge");
	refuses_network("VMMS_LIBVIRT_HELPER", "/nonexistent", "default",
			"/nonexistent cannot be run: No such file or directory");
	(void)g_unlink(file);
}

/* A daemon that does not answer holds up one start, which can be cancelled. */
static void test_network_cancelled(void)
{
	g_autofree char *dir = g_dir_make_tmp("helper-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(dir, "helper", NULL);
	struct fixture *f;

	g_assert_true(g_file_set_contents(file, "#!/bin/sh\nexec sleep 600\n", -1, NULL));
	g_assert_cmpint(chmod(file, 0700), ==, 0);
	g_setenv("VMMS_LIBVIRT_HELPER", file, TRUE);
	f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1", "{\"type\":\"bridge\",\"network\":\"default\"}");
	cancel_start(f, vm);
	fixture_free(f);
	g_unsetenv("VMMS_LIBVIRT_HELPER");
	(void)g_unlink(file);
	(void)g_rmdir(dir);
}

/* ---- user ------------------------------------------------------------------------------------ */

static char *old_path;

/* vmmsd's PATH is a directory with this script as passt; NULL: with nothing. Returns it. */
static char *path_with_passt(const char *script)
{
	char *dir = g_dir_make_tmp("passt-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(dir, "passt", NULL);

	g_assert_nonnull(dir);
	if (script) {
		g_assert_true(g_file_set_contents(file, script, -1, NULL));
		g_assert_cmpint(chmod(file, 0700), ==, 0);
	}
	g_setenv("PATH", dir, TRUE);
	return dir;
}

static void path_restore(const char *dir)
{
	g_autofree char *file = g_build_filename(dir, "passt", NULL);
	g_autofree char *arguments = g_build_filename(dir, "arguments", NULL);

	g_setenv("PATH", old_path, TRUE);
	(void)g_unlink(file);
	(void)g_unlink(arguments);
	(void)g_rmdir(dir);
}

/* Like passt it leaves a process of its own behind, which ends with the socket. */
static void test_user(void)
{
	g_autofree char *dir = path_with_passt("#!/bin/sh\necho \"$*\" >${0%/*}/arguments\n"
					       "/bin/cat <&3 >&3 2>/dev/null &\n");
	g_autofree char *file = g_build_filename(dir, "arguments", NULL), *arguments = NULL;
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1",
				     "{\"type\":\"none\"},{\"type\":\"user\",\"mtu\":1400},"
				     "{\"type\":\"user\"}");
	char got[3] = "";
	struct pollfd wait;

	fixture_do(f, vm, "Start");
	g_assert_true(g_file_get_contents(file, &arguments, NULL, NULL));
	g_assert_cmpstr(arguments, ==, "--quiet --no-map-gw --mtu 1500 --fd 3\n");
	for (int n = 1; n <= 2; n++) {
		wait = (struct pollfd){.fd = worker_nic(f, vm, n, 0), .events = POLLIN};
		g_assert_cmpint(send(wait.fd, "hi", 2, 0), ==, 2);
		g_assert_cmpint(poll(&wait, 1, WAIT_US / 1000), ==, 1);
		g_assert_cmpint(recv(wait.fd, got, 2, 0), ==, 2);
		g_assert_cmpstr(got, ==, "hi");
		close(wait.fd);
	}
	(void)fixture_end(f, SIGKILL);
	fixture_start(f);
	wait.fd = worker_nic(f, vm, 1, 0);
	g_assert_cmpint(send(wait.fd, "on", 2, 0), ==, 2);
	g_assert_cmpint(poll(&wait, 1, WAIT_US / 1000), ==, 1);
	g_assert_cmpint(recv(wait.fd, got, 2, 0), ==, 2);
	close(wait.fd);
	fixture_free(f);
	path_restore(dir);
}

static void test_passt_missing(void)
{
	g_autofree char *dir = path_with_passt(NULL);
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1", "{\"type\":\"user\"}");

	fixture_refuses(f, vm, "Start", "Failed",
			"VM web1: adapter 0: passt, which is the network of the type user, is not "
			"installed; install the package passt");
	fixture_free(f);
	path_restore(dir);
}

static void test_passt_fails(void)
{
	g_autofree char *dir =
		path_with_passt("#!/bin/sh\necho 'no \033[1minterface' >&2\nexit 1\n");
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1", "{\"type\":\"none\"},{\"type\":\"user\"}");
	g_autofree char *job = fixture_run(f, vm, "Start");
	const struct outcome *outcome = fixture_wait(f, job);

	g_assert_cmpstr(outcome->state, ==, "failed");
	g_assert_cmpstr(outcome->error, ==, VMMS_ERROR_PREFIX "Failed");
	g_assert_cmpstr(outcome->message, ==,
			"VM web1: adapter 1: passt does not start (no  [1minterface); run passt "
			"--foreground to see why");
	fixture_wait_state(f, vm, "off");
	fixture_free(f);
	path_restore(dir);
}

/* A passt that never gets ready is ended with the start. */
static void test_passt_cancelled(void)
{
	g_autofree char *dir = path_with_passt("#!/bin/sh\nexec /bin/cat <&3\n");
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1", "{\"type\":\"user\"}");

	cancel_start(f, vm);
	fixture_free(f);
	path_restore(dir);
}

/* ---- private --------------------------------------------------------------------------------- */

#define FRAME_SIZE (sizeof(struct virtio_net_hdr) + 60)

static void frame_send(int fd, uint8_t source)
{
	uint8_t frame[FRAME_SIZE] = {0};
	uint8_t *at = frame + sizeof(struct virtio_net_hdr);

	memset(at, 0xff, 6);
	memcpy(at + 6, "\x56\x4d\x53\0\0", 5);
	at[11] = source;
	g_assert_cmpint(send(fd, frame, sizeof(frame), 0), ==, sizeof(frame));
}

/* Who sent the next frame. */
static uint8_t frame_receive(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint8_t frame[FRAME_SIZE + 1];

	g_assert_cmpint(poll(&wait, 1, WAIT_US / 1000), ==, 1);
	g_assert_cmpint(recv(fd, frame, sizeof(frame), 0), ==, FRAME_SIZE);
	return frame[sizeof(struct virtio_net_hdr) + 11];
}

static void test_private(void)
{
	struct fixture *f = fixture_new(NULL);
	static const char *const networks[] = {"lan", "lan", "dmz", "dmz"};
	char *vms[4];
	int fds[4];

	for (int i = 0; i < 4; i++) {
		g_autofree char *name = g_strdup_printf("vm%d", i);
		g_autofree char *nic = g_strdup_printf("{\"type\":\"private\",\"network\":\"%s\","
						       "\"mac\":\"56:4d:53:00:00:0%d\"}",
						       networks[i], i);
		vms[i] = vm_new(f, name, nic);
	}
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			fixture_do(f, vms[i], "Start");
			fds[i] = worker_nic(f, vms[i], 0, 0);
			g_assert_cmpint(fds[i], >=, 0);
			/* The switch is not the service's: a later one finds it. */
			if (i == 0) {
				(void)fixture_end(f, SIGKILL);
				fixture_start(f);
			}
		}
		/* Each network by itself, and each port with its own address. */
		frame_send(fds[0], 9);
		frame_send(fds[0], 0);
		frame_send(fds[2], 2);
		g_assert_cmpint(frame_receive(fds[1]), ==, 0);
		g_assert_cmpint(frame_receive(fds[3]), ==, 2);
		frame_send(fds[3], 3);
		g_assert_cmpint(frame_receive(fds[2]), ==, 3);
		for (int i = 0; i < 4; i++) {
			g_assert_cmpint(recv(fds[i], NULL, 0, MSG_DONTWAIT), ==, -1);
			close(fds[i]);
			fixture_do(f, vms[i], "Stop");
		}
	}
	for (int i = 0; i < 4; i++)
		g_free(vms[i]);
	fixture_free(f);
}

static void test_no_switch(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = vm_new(f, "web1", "{\"type\":\"private\",\"network\":\"lan\"}");
	g_autofree char *in_the_way = g_build_filename(f->dir, "run", "switch", NULL);

	g_assert_cmpint(g_mkdir(in_the_way, 0700), ==, 0);
	fixture_refuses(f, vm, "Start", "Failed",
			"VM web1: adapter 0: the switch of private networks cannot be reached at ");
	fixture_refuses(f, vm, "Start", "Failed", "/run/switch (Is a directory); see that ");
	g_assert_cmpint(g_rmdir(in_the_way), ==, 0);
	fixture_do(f, vm, "Start");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!g_test_subprocess() && (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
				     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
				     access("/dev/net/tun", R_OK | W_OK) < 0)) {
		printf("1..0 # SKIP needs root, namespaces and /dev/net/tun: %s\n",
		       g_strerror(errno));
		return 77;
	}
	old_path = g_strdup(g_getenv("PATH"));
	g_test_add_func("/vmmsd/nics/bridge", test_bridge);
	g_test_add_func("/vmmsd/nics/bridge-single", test_bridge_single);
	g_test_add_func("/vmmsd/nics/bad-bridges", test_bad_bridges);
	g_test_add_func("/vmmsd/nics/tap-denied", test_tap_denied);
	g_test_add_func("/vmmsd/nics/no-tun", test_no_tun);
	g_test_add_func("/vmmsd/nics/network", test_network);
	g_test_add_func("/vmmsd/nics/bad-networks", test_bad_networks);
	g_test_add_func("/vmmsd/nics/network-cancelled", test_network_cancelled);
	g_test_add_func("/vmmsd/nics/user", test_user);
	g_test_add_func("/vmmsd/nics/passt-missing", test_passt_missing);
	g_test_add_func("/vmmsd/nics/passt-fails", test_passt_fails);
	g_test_add_func("/vmmsd/nics/passt-cancelled", test_passt_cancelled);
	g_test_add_func("/vmmsd/nics/private", test_private);
	g_test_add_func("/vmmsd/nics/no-switch", test_no_switch);
	return g_test_run();
}
