// SPDX-License-Identifier: LGPL-2.1-or-later
/* The short calls: the service, the host, definitions, the console. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

static int get_text(hvctl *h, const char *property, char **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	if (!ret)
		return 0;
	int r = call_get_property(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, property, &reply, "s");
	return r < 0 ? r : reply_string(h, reply, ret);
}

HVCTL_PUBLIC int hvctl_service(hvctl *h, char **ret_version, char **ret_mode)
{
	AUTO_FREE char *version = NULL;

	int r = get_text(h, "Version", ret_version ? &version : NULL);
	if (r >= 0)
		r = get_text(h, "Mode", ret_mode);
	if (r < 0)
		return r;
	if (ret_version) {
		*ret_version = version;
		version = NULL;
	}
	return 0;
}

HVCTL_PUBLIC int hvctl_host(hvctl *h, char **ret_json)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "DescribeHost", &reply, NULL);
	return r < 0 ? r : reply_string(h, reply, ret_json);
}

HVCTL_PUBLIC int hvctl_set_power(hvctl *h, const char *policy)
{
	return call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "SetPower", NULL, "s", policy);
}

HVCTL_PUBLIC int hvctl_set_launch(hvctl *h, const char *policy)
{
	return call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "SetLaunch", NULL, "s", policy);
}

HVCTL_PUBLIC int hvctl_lookup(hvctl *h, const char *name, char **ret_uuid)
{
	AUTO_FREE char *path = NULL;

	int r = vm_path(h, name, &path);
	if (r < 0)
		return r;
	*ret_uuid = path_to_uuid(path);
	return *ret_uuid ? 0 : error_set_errno(h, -EBADMSG, "Lookup");
}

HVCTL_PUBLIC int hvctl_describe(hvctl *h, const char *name, char **ret_json)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_vm(h, name, "Describe", &reply, NULL);
	return r < 0 ? r : reply_string(h, reply, ret_json);
}

HVCTL_PUBLIC int hvctl_definition(hvctl *h, const char *name, char **ret_json)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_vm(h, name, "GetDefinition", &reply, NULL);
	return r < 0 ? r : reply_string(h, reply, ret_json);
}

HVCTL_PUBLIC int hvctl_statistics(hvctl *h, const char *name, char **ret_json)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_vm(h, name, "GetStatistics", &reply, NULL);
	return r < 0 ? r : reply_string(h, reply, ret_json);
}

/* The service reads no more than this of a document; refuse it before it is sent. */
static int check_document(hvctl *h, const char *what, const char *text)
{
	size_t length = strlen(text);

	if (length <= VMMS_MAX_MESSAGE)
		return 0;
	return error_set(h, HVCTL_ERROR_INVALID_DEFINITION,
			 "the %s has %zu bytes; at most %u are taken", what, length,
			 VMMS_MAX_MESSAGE);
}

HVCTL_PUBLIC int hvctl_define(hvctl *h, const char *definition, char **ret_uuid)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;
	const char *path;

	int r = check_document(h, "definition", definition);
	if (r < 0)
		return r;
	r = call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Define", &reply, "s", definition);
	if (r < 0 || !ret_uuid)
		return r;
	r = sd_bus_message_read_basic(reply, 'o', &path);
	if (r <= 0)
		return error_set_errno(h, r < 0 ? r : -EBADMSG, "Define");
	*ret_uuid = path_to_uuid(path);
	return *ret_uuid ? 0 : error_set_errno(h, -EBADMSG, "Define");
}

HVCTL_PUBLIC int hvctl_edit(hvctl *h, const char *name, const char *patch)
{
	int r = check_document(h, "patch", patch);

	return r < 0 ? r : call_vm(h, name, "Edit", NULL, "s", patch);
}

HVCTL_PUBLIC int hvctl_groups(hvctl *h, char **ret_json)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "ListGroups", &reply, NULL);
	return r < 0 ? r : reply_string(h, reply, ret_json);
}

HVCTL_PUBLIC int hvctl_define_group(hvctl *h, const char *definition)
{
	int r = check_document(h, "definition", definition);

	return r < 0 ? r
		     : call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "DefineGroup", NULL, "s",
				   definition);
}

HVCTL_PUBLIC int hvctl_edit_group(hvctl *h, const char *name, const char *patch)
{
	int r = check_document(h, "patch", patch);

	return r < 0 ? r
		     : call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "EditGroup", NULL, "ss",
				   name, patch);
}

HVCTL_PUBLIC int hvctl_delete_group(hvctl *h, const char *name)
{
	return call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "DeleteGroup", NULL, "s", name);
}

HVCTL_PUBLIC int hvctl_rename(hvctl *h, const char *name, const char *new_name)
{
	char buffer[QUOTED_SIZE];

	if (strlen(new_name) > VMMS_NAME_MAX)
		return error_set(h, HVCTL_ERROR_INVALID_NAME,
				 "'%s' has %zu bytes; the name of a VM has at most %d",
				 quoted(buffer, new_name), strlen(new_name), VMMS_NAME_MAX);
	return call_vm(h, name, "Rename", NULL, "s", new_name);
}

HVCTL_PUBLIC int hvctl_delete(hvctl *h, const char *name)
{
	return call_vm(h, name, "Delete", NULL, NULL);
}

HVCTL_PUBLIC int hvctl_set_autostart(hvctl *h, const char *name, bool enabled)
{
	return call_vm(h, name, "SetAutostart", NULL, "b", (int)enabled);
}

HVCTL_PUBLIC int hvctl_open_console(hvctl *h, const char *name, unsigned port, unsigned flags,
				    int *ret_fd)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;
	int borrowed;

	int r = call_vm(h, name, "OpenConsole", &reply, "uu", port, flags);
	if (r < 0)
		return r;
	r = sd_bus_message_read_basic(reply, 'h', &borrowed);
	if (r <= 0)
		return error_set_errno(h, r < 0 ? r : -EBADMSG, "OpenConsole");
	*ret_fd = fcntl(borrowed, F_DUPFD_CLOEXEC, 3);
	return *ret_fd >= 0 ? 0 : error_set_errno(h, -errno, "OpenConsole");
}

HVCTL_PUBLIC int hvctl_type(hvctl *h, const char *name, const char *text, bool keys)
{
	int r = call_check_text(h, "text", text);

	return r < 0 ? r : call_vm(h, name, "Type", NULL, "sb", text, (int)keys);
}

HVCTL_PUBLIC int hvctl_set_pair(hvctl *h, const char *name, const char *key, const char *value)
{
	int r = call_check_text(h, "key", key);

	if (r >= 0 && value)
		r = call_check_text(h, "value", value);
	if (r < 0)
		return r;
	return value ? call_vm(h, name, "SetPair", NULL, "ss", key, value)
		     : call_vm(h, name, "DeletePair", NULL, "s", key);
}
