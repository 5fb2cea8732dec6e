// SPDX-License-Identifier: LGPL-2.1-or-later
/* How a method call is made, and how its failure becomes the connection's last error. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

const char *connection_destination(const hvctl *h)
{
	return h->broker ? VMMS_BUS_NAME : NULL;
}

static int call_sent(hvctl *h, sd_bus_message *m, sd_bus_message **reply)
{
	AUTO_BUS_ERROR sd_bus_error error = SD_BUS_ERROR_NULL;

	int r = sd_bus_call(h->bus, m, h->call_timeout, &error, reply);
	if (r >= 0)
		return 0;
	if (r == -ETIMEDOUT || r == -ECONNRESET || r == -ENOTCONN || !sd_bus_error_is_set(&error))
		return error_set_errno(h, r, sd_bus_message_get_member(m));
	return error_set_bus(h, error.name, error.message);
}

static int call_methodv(hvctl *h, const char *path, const char *interface, const char *member,
			sd_bus_message **reply, const char *types, va_list ap)
{
	AUTO_MESSAGE sd_bus_message *m = NULL;

	int r = connection_check(h);
	if (r < 0)
		return r;
	r = sd_bus_message_new_method_call(h->bus, &m, connection_destination(h), path, interface,
					   member);
	if (r >= 0 && h->no_activation)
		r = sd_bus_message_set_auto_start(m, false);
	if (r >= 0 && types)
		r = sd_bus_message_appendv(m, types, ap);
	if (r == -EINVAL)
		return error_set(h, HVCTL_ERROR_INVALID_ARGUMENT,
				 "%s: an argument is not valid UTF-8 text", member);
	if (r < 0)
		return error_set_errno(h, r, member);
	return call_sent(h, m, reply);
}

int call_method(hvctl *h, const char *path, const char *interface, const char *member,
		sd_bus_message **reply, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	int r = call_methodv(h, path, interface, member, reply, types, ap);
	va_end(ap);
	return r;
}

int call_get_property(hvctl *h, const char *path, const char *interface, const char *property,
		      sd_bus_message **reply, const char *type)
{
	AUTO_MESSAGE sd_bus_message *m = NULL;

	int r = call_method(h, path, "org.freedesktop.DBus.Properties", "Get", &m, "ss", interface,
			    property);
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(m, 'v', type);
	if (r < 0)
		return error_set_errno(h, r, property);
	*reply = m;
	m = NULL;
	return 0;
}

int call_check_text(hvctl *h, const char *what, const char *text)
{
	size_t length = strlen(text);

	if (length <= VMMS_MAX_GUEST_TEXT)
		return 0;
	return error_set(h, HVCTL_ERROR_INVALID_ARGUMENT,
			 "the %s has %zu bytes; at most %u are taken", what, length,
			 VMMS_MAX_GUEST_TEXT);
}

int reply_string(hvctl *h, sd_bus_message *reply, char **ret)
{
	const char *text;

	int r = sd_bus_message_read_basic(reply, 's', &text);
	if (r <= 0)
		return error_set_errno(h, r < 0 ? r : -EBADMSG, "reading a text");
	*ret = strdup(text);
	return *ret ? 0 : error_set_oom(h);
}

/*
 * What can be no name at all is refused here, with the right words: it would not fit in a message,
 * or D-Bus would refuse it as text. The service owns the precise rule.
 */
static int check_name(hvctl *h, const char *name)
{
	char buffer[QUOTED_SIZE];
	size_t length = strlen(name);

	bool plain = length > 0 && length <= VMMS_NAME_MAX;
	for (size_t i = 0; plain && i < length; i++)
		plain = (name[i] >= '0' && name[i] <= '9') || (name[i] >= 'A' && name[i] <= 'Z') ||
			(name[i] >= 'a' && name[i] <= 'z') || strchr("-_.", name[i]) != NULL;
	if (plain)
		return 0;
	return error_set(h, HVCTL_ERROR_INVALID_NAME,
			 "'%s' (%zu bytes) cannot be the name of a VM; names are 1 to 64 of "
			 "A-Z a-z 0-9 - _ .",
			 quoted(buffer, name), length);
}

int vm_path(hvctl *h, const char *name, char **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;
	const char *path;

	int r = check_name(h, name);
	if (r < 0)
		return r;
	r = call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Lookup", &reply, "s", name);
	if (r < 0)
		return r;
	r = sd_bus_message_read_basic(reply, 'o', &path);
	if (r <= 0)
		return error_set_errno(h, r < 0 ? r : -EBADMSG, "Lookup");
	*ret = strdup(path);
	return *ret ? 0 : error_set_oom(h);
}

char *path_to_uuid(const char *path)
{
	static const char prefix[] = VMMS_VM_PREFIX "/";

	if (strncmp(path, prefix, strlen(prefix)) != 0)
		return NULL;
	char *uuid = strdup(path + strlen(prefix));
	for (char *p = uuid; p && *p; p++) {
		if (*p == '_')
			*p = '-';
	}
	return uuid;
}

int call_vm(hvctl *h, const char *name, const char *member, sd_bus_message **reply,
	    const char *types, ...)
{
	char *path = NULL;
	va_list ap;

	int r = vm_path(h, name, &path);
	if (r < 0)
		return r;
	va_start(ap, types);
	r = call_methodv(h, path, VMMS_IFACE_VM, member, reply, types, ap);
	va_end(ap);
	free(path);
	/* Deleted by somebody else since the look-up. */
	if (r < 0 && strcmp(hvctl_error_name(&h->error), SD_BUS_ERROR_UNKNOWN_OBJECT) == 0)
		return error_set(h, HVCTL_ERROR_NO_SUCH_VM,
				 "VM %s has just been deleted; see 'hvctl list'", name);
	return r;
}
