/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * By ioctl and not by rtnetlink: these work on any socket, so that the service needs no other
 * address family than AF_UNIX (vmmsd.service).
 */
#include "tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "service_error.h"

#define TUN_DEVICE  "/dev/net/tun"
#define TAP_NAME    "vmms%d"
#define TAP_MTU_MAX 65521 /* of the kernel */

static gboolean tap_fail(GError **error, const char *step)
{
	int fault = errno;

	if (fault == EPERM || fault == EACCES)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_DENIED,
			    "its TAP device cannot be %s (%s); run vmmsd as root, or give the "
			    "adapter the type user",
			    step, g_strerror(fault));
	else
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "its TAP device cannot be %s (%s); see whether ip tuntap add can do it",
			    step, g_strerror(fault));
	return FALSE;
}

static gboolean tap_no_bridge(GError **error, const char *bridge)
{
	if (errno == EOPNOTSUPP)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "%s is not a bridge; give the name of one (ip link show type bridge)",
			    bridge);
	else if (errno == ENODEV)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "there is no bridge %s; create it with ip link add %s type bridge, or "
			    "give another",
			    bridge, bridge);
	else
		return tap_fail(error, "added to the bridge");
	return FALSE;
}

static struct ifreq request_for(const char *name)
{
	struct ifreq request = {0};

	(void)g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
	return request;
}

/* One queue of the device of that name, which is made if it has a "%d". */
static int tap_open_queue(char name[IFNAMSIZ], gboolean several, GError **error)
{
	struct ifreq request = request_for(name);
	autofd int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "this host has no TAP devices (%s: %s); load them with modprobe tun",
			    TUN_DEVICE, g_strerror(errno));
		return -1;
	}
	request.ifr_flags =
		(short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (several ? IFF_MULTI_QUEUE : 0));
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
		(void)tap_fail(error, "made");
		return -1;
	}
	(void)g_strlcpy(name, request.ifr_name, IFNAMSIZ);
	return fd_steal(&fd);
}

/* The lowest address of its ports is the bridge's, unless it was given one: ours must not be that,
 * or the host would change its address whenever a VM starts. */
static gboolean tap_set_mac(int control, const char *name, const struct mac_address *guest,
			    GError **error)
{
	struct ifreq request = request_for(name);

	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, guest->bytes, sizeof(guest->bytes));
	request.ifr_hwaddr.sa_data[0] = (char)(guest->bytes[0] == 0xfe ? 0xfa : 0xfe);
	return ioctl(control, SIOCSIFHWADDR, &request) == 0 || tap_fail(error, "given its address");
}

/* A port with a smaller MTU than its bridge's would make that smaller, too. */
static gboolean tap_set_mtu(int control, const char *name, const struct tap_spec *spec,
			    GError **error)
{
	struct ifreq request = request_for(spec->bridge);
	int mtu = (int)spec->mtu;

	if (ioctl(control, SIOCGIFMTU, &request) < 0)
		return tap_no_bridge(error, spec->bridge);
	mtu = MIN(MAX(mtu, request.ifr_mtu), TAP_MTU_MAX);
	request = request_for(name);
	request.ifr_mtu = mtu;
	return ioctl(control, SIOCSIFMTU, &request) == 0 || tap_fail(error, "given its MTU");
}

static gboolean tap_join(int control, const char *name, const char *bridge, GError **error)
{
	struct ifreq request = request_for(name);
	int index;

	if (ioctl(control, SIOCGIFINDEX, &request) < 0)
		return tap_fail(error, "found");
	index = request.ifr_ifindex;
	request = request_for(bridge);
	request.ifr_ifindex = index;
	if (ioctl(control, SIOCBRADDIF, &request) < 0)
		return tap_no_bridge(error, bridge);
	request = request_for(name);
	if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
		return tap_fail(error, "brought up");
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	return ioctl(control, SIOCSIFFLAGS, &request) == 0 || tap_fail(error, "brought up");
}

static gboolean tap_make(int control, const struct tap_spec *spec, int *fds, size_t n, size_t *done,
			 GError **error)
{
	struct ifreq bridge = request_for(spec->bridge);
	char name[IFNAMSIZ] = TAP_NAME;

	if (ioctl(control, SIOCGIFINDEX, &bridge) < 0)
		return tap_no_bridge(error, spec->bridge);
	for (*done = 0; *done < n; (*done)++) {
		fds[*done] = tap_open_queue(name, n > 1, error);
		if (fds[*done] < 0)
			return FALSE;
	}
	return tap_set_mac(control, name, &spec->mac, error) &&
	       tap_set_mtu(control, name, spec, error) &&
	       tap_join(control, name, spec->bridge, error);
}

gboolean tap_open(const struct tap_spec *spec, int *fds, size_t n, GError **error)
{
	autofd int control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t done = 0;

	if (control < 0)
		return tap_fail(error, "made");
	if (tap_make(control, spec, fds, n, &done, error))
		return TRUE;
	while (done > 0) {
		done--;
		fds[done] = fd_close(fds[done]);
	}
	return FALSE;
}
