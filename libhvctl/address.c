// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the user wrote as an address -> what to connect to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "connection.h"

/* D-Bus specification, "Server Addresses": these bytes stand for themselves. */
static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("-_/.\\*", c) != NULL);
}

char *address_from_path(const char *path)
{
	static const char prefix[] = "unix:path=";
	char *address = malloc(sizeof(prefix) + 3 * strlen(path));

	if (!address)
		return NULL;
	memcpy(address, prefix, sizeof(prefix));
	char *p = address + strlen(prefix);
	for (; *path; path++) {
		if (is_plain(*path))
			*p++ = *path;
		else
			p += sprintf(p, "%%%02x", (unsigned char)*path);
	}
	*p = '\0';
	return address;
}

/* "unix:..." rather than a path: a word, then a colon, then nothing that begins like a path. */
static bool is_dbus_address(const char *address)
{
	size_t word = strcspn(address, ":/.");

	return word > 0 && address[word] == ':' && strchr(address, '=') != NULL;
}

/* sd-bus skips what it does not know and then says that the connection was refused. */
static bool has_known_transport(const char *address)
{
	static const char *const transports[] = {"unix:", "tcp:", "unixexec:"};

	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		if (strncmp(address, transports[i], strlen(transports[i])) == 0)
			return true;
	}
	return false;
}

int address_resolve(const char *address, enum address_kind *kind, char **ret)
{
	AUTO_FREE char *joined = NULL;
	struct stat st;

	*ret = NULL;
	if (strcmp(address, "system") == 0) {
		*kind = ADDRESS_SYSTEM;
		return 0;
	}
	if (strcmp(address, "session") == 0) {
		*kind = ADDRESS_SESSION;
		return 0;
	}
	*kind = ADDRESS_PEER;
	if (address[0] == '\0')
		return -HVCTL_ERROR_INVALID_ARGUMENT;
	if (is_dbus_address(address)) {
		if (!has_known_transport(address))
			return -HVCTL_ERROR_INVALID_ARGUMENT;
		*ret = strdup(address);
		return *ret ? 0 : -HVCTL_ERROR_OUT_OF_MEMORY;
	}
	/* A directory is that of `vmmsd --private`; so is a path that is not there at all, unless
	 * it ends like a socket: its error then names the socket that the service would make. */
	bool there = stat(address, &st) == 0;
	size_t length = strlen(address);
	bool named_bus = length >= 4 && strcmp(address + length - 4, "/bus") == 0;
	if ((there && S_ISDIR(st.st_mode)) || (!there && !named_bus)) {
		if (asprintf(&joined, "%s%sbus", address, address[length - 1] == '/' ? "" : "/") <
		    0) {
			joined = NULL;
			return -HVCTL_ERROR_OUT_OF_MEMORY;
		}
		address = joined;
	}
	*ret = address_from_path(address);
	return *ret ? 0 : -HVCTL_ERROR_OUT_OF_MEMORY;
}
