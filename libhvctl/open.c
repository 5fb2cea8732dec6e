// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opening a connection by the rules of hvctl.h. Only the default rule tries more than one place. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"

#define START_REMEDY \
	"start it with 'systemctl start vmmsd', or 'vmmsd --private DIR' and 'hvctl --connect DIR'"

static bool bus_is_ready(const void *context)
{
	const hvctl *h = context;

	return sd_bus_is_ready(h->bus) > 0;
}

static const char *fault_text(int r)
{
	switch (-r) {
	case ENOENT:
	case ENOTDIR:
		return "no such file";
	case ECONNREFUSED:
		return "nothing listens there";
	case ENOMEDIUM:
		return "no such bus in this environment";
	case ENAMETOOLONG:
	case E2BIG:
		return "a socket path of more than 107 bytes";
	default:
		return strerror(-r);
	}
}

static int not_an_address(hvctl *h, const char *text)
{
	char buffer[QUOTED_SIZE];

	return error_set(h, HVCTL_ERROR_INVALID_ARGUMENT,
			 "'%s' is not an address of vmmsd; give system, session, the directory of "
			 "'vmmsd --private', or unix:path=SOCKET",
			 quoted(buffer, text));
}

/* The transport could not be opened (`r` from sd-bus). */
static int open_failed(hvctl *h, int r)
{
	switch (-r) {
	case ENOMEM:
		return error_set_oom(h);
	case EACCES:
	case EPERM:
		return error_set(h, HVCTL_ERROR_DENIED,
				 "no permission to connect to vmmsd at %s; be the user that runs "
				 "it, or use the system bus as a member of the group vmms",
				 h->address);
	case EINVAL:
		return not_an_address(h, h->address);
	default:
		return error_set(h, HVCTL_ERROR_UNREACHABLE,
				 "cannot reach vmmsd at %s: %s; " START_REMEDY, h->address,
				 fault_text(r));
	}
}

/* Who listens at the other end; this user when that cannot be told. */
static uid_t peer_uid(const hvctl *h)
{
	struct ucred ucred;
	socklen_t size = sizeof(ucred);

	int fd = sd_bus_get_fd(h->bus);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &size) < 0)
		return geteuid();
	return ucred.uid;
}

/* Authentication (and Hello on a bus), so that what comes later meets a service that answers. */
static int open_finish(hvctl *h)
{
	uid_t uid = peer_uid(h);
	int r = connection_run(h, bus_is_ready, h, deadline_in(h->call_timeout));

	if (r > 0)
		return 0;
	if (r == 0)
		return error_set_bus(h, SD_BUS_ERROR_TIMEOUT, NULL);
	if (h->error.code != HVCTL_ERROR_UNREACHABLE)
		return r;
	/* It takes no other user, and has no words for them before they are authenticated. */
	if (!h->broker && uid != geteuid())
		return error_set(
			h, HVCTL_ERROR_DENIED,
			"vmmsd at %s serves the user with uid %u only; be that user, or use "
			"the system bus as a member of the group vmms",
			h->address, (unsigned)uid);
	return error_set(h, HVCTL_ERROR_UNREACHABLE,
			 "vmmsd at %s closed the connection at once; see its log, or " START_REMEDY,
			 h->address);
}

static int open_peer(hvctl *h, const char *address)
{
	sd_bus *bus = NULL;

	h->address = strdup(address);
	if (!h->address)
		return error_set_oom(h);
	int r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_negotiate_fds(bus, true);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return open_failed(h, r);
	}
	h->bus = bus;
	return open_finish(h);
}

static int open_broker(hvctl *h, enum address_kind kind)
{
	h->broker = true;
	h->address = strdup(kind == ADDRESS_SYSTEM ? "the system bus" : "the session bus");
	if (!h->address)
		return error_set_oom(h);
	int r = kind == ADDRESS_SYSTEM ? sd_bus_open_system(&h->bus) : sd_bus_open_user(&h->bus);
	if (r < 0) {
		h->bus = NULL;
		return open_failed(h, r);
	}
	return open_finish(h);
}

static int open_one(hvctl *h, const char *text)
{
	AUTO_FREE char *address = NULL;
	enum address_kind kind;

	connection_close(h);
	int r = address_resolve(text, &kind, &address);
	if (r == -HVCTL_ERROR_OUT_OF_MEMORY)
		return error_set_oom(h);
	if (r < 0)
		return not_an_address(h, text);
	return kind == ADDRESS_PEER ? open_peer(h, address) : open_broker(h, kind);
}

/* Does the broker know the name: owned now, or startable? */
static bool service_is_known(hvctl *h)
{
	AUTO_MESSAGE sd_bus_message *names = NULL;
	static const char dbus[] = "org.freedesktop.DBus", path[] = "/org/freedesktop/DBus";
	const char *name;

	if (sd_bus_call_method(h->bus, dbus, path, dbus, "GetNameOwner", NULL, NULL, "s",
			       VMMS_BUS_NAME) >= 0)
		return true;
	if (sd_bus_call_method(h->bus, dbus, path, dbus, "ListActivatableNames", NULL, &names,
			       NULL) < 0 ||
	    sd_bus_message_enter_container(names, 'a', "s") < 0)
		return false;
	while (sd_bus_message_read_basic(names, 's', &name) > 0) {
		if (strcmp(name, VMMS_BUS_NAME) == 0)
			return true;
	}
	return false;
}

static int open_default(hvctl *h)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	AUTO_FREE char *directory = NULL;

	int r = open_one(h, "system");
	if (r == 0 && service_is_known(h))
		return 0;
	const char *system = r == 0 ? "nothing there has the name " VMMS_BUS_NAME
			     : r == -HVCTL_ERROR_DENIED ? "no permission"
							: "no such bus";
	if (!runtime || runtime[0] != '/') {
		connection_close(h);
		return error_set(h, HVCTL_ERROR_UNREACHABLE,
				 "cannot reach vmmsd on the system bus: %s; " START_REMEDY, system);
	}
	if (asprintf(&directory, "%s/vmms/bus", runtime) < 0) {
		directory = NULL;
		return error_set_oom(h);
	}
	r = open_one(h, directory);
	if (r != -HVCTL_ERROR_UNREACHABLE)
		return r;
	return error_set(
		h, HVCTL_ERROR_UNREACHABLE,
		"cannot reach vmmsd on the system bus (%s) nor at %s (no service); " START_REMEDY,
		system, directory);
}

HVCTL_PUBLIC int hvctl_open(hvctl *h, const char *address)
{
	if (!address) {
		address = secure_getenv("HVCTL_BUS");
		if (address && address[0] == '\0')
			address = NULL;
	}
	int r = address ? open_one(h, address) : open_default(h);
	if (r < 0)
		h->bus = sd_bus_close_unref(h->bus);
	return r;
}
