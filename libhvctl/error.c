// SPDX-License-Identifier: LGPL-2.1-or-later
/* How a call failed: the number for programs, the D-Bus name, and the sentence for people. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

static const struct {
	const char *name;
	enum hvctl_code code;
} codes[] = {
/* An error of the contract that has no number in hvctl.h does not compile here. */
#define X(sym, part) {VMMS_ERROR_PREFIX part, HVCTL_ERROR_##sym},
	VMMS_ERRORS(X)
#undef X
		{SD_BUS_ERROR_ACCESS_DENIED, HVCTL_ERROR_DENIED},
	{SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, HVCTL_ERROR_DENIED},
	{SD_BUS_ERROR_AUTH_FAILED, HVCTL_ERROR_DENIED},
	{SD_BUS_ERROR_SERVICE_UNKNOWN, HVCTL_ERROR_UNREACHABLE},
	{SD_BUS_ERROR_NAME_HAS_NO_OWNER, HVCTL_ERROR_UNREACHABLE},
	{SD_BUS_ERROR_DISCONNECTED, HVCTL_ERROR_UNREACHABLE},
	{SD_BUS_ERROR_NO_SERVER, HVCTL_ERROR_UNREACHABLE},
	{SD_BUS_ERROR_NO_REPLY,
	 HVCTL_ERROR_UNREACHABLE}, /* the broker's: it died before it answered */
	{SD_BUS_ERROR_TIMEOUT, HVCTL_ERROR_TIMED_OUT},
	{SD_BUS_ERROR_UNKNOWN_METHOD, HVCTL_ERROR_NOT_SUPPORTED},
	{SD_BUS_ERROR_INVALID_ARGS, HVCTL_ERROR_INVALID_ARGUMENT},
};

static enum hvctl_code code_from_name(const char *name)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(codes[i].name, name) == 0)
			return codes[i].code;
	}
	if (strncmp(name, "org.freedesktop.DBus.Error.Spawn.", 33) == 0)
		return HVCTL_ERROR_UNREACHABLE;
	return HVCTL_ERROR_FAILED;
}

void error_clear(struct hvctl_error *error)
{
	free(error->name);
	free(error->message);
	*error = (struct hvctl_error){0};
}

int error_set(hvctl *h, enum hvctl_code code, const char *format, ...)
{
	va_list ap;
	char *message;

	va_start(ap, format);
	if (vasprintf(&message, format, ap) < 0)
		message = NULL;
	va_end(ap);
	error_clear(&h->error); /* after: the arguments may point into it */
	h->error.code = (int)code;
	h->error.message = message;
	return -(int)code;
}

int error_set_bus(hvctl *h, const char *name, const char *message)
{
	AUTO_FREE char *kept = strdup(name);
	int r;

	enum hvctl_code code = code_from_name(name);
	if (strcmp(name, SD_BUS_ERROR_SERVICE_UNKNOWN) == 0 ||
	    strcmp(name, SD_BUS_ERROR_NAME_HAS_NO_OWNER) == 0)
		r = error_set(h, code,
			      "cannot reach vmmsd on %s: nothing has the name " VMMS_BUS_NAME
			      "; start it with 'systemctl start vmmsd', or 'vmmsd --private DIR' "
			      "and 'hvctl --connect DIR'",
			      h->address);
	else if (strcmp(name, SD_BUS_ERROR_DISCONNECTED) == 0)
		r = error_set(h, code, "vmmsd at %s closed the connection; try again when it runs",
			      h->address);
	else if (strcmp(name, SD_BUS_ERROR_NO_REPLY) == 0)
		r = error_set(h, code, "vmmsd at %s went away before it answered; see its log",
			      h->address);
	else if (strcmp(name, SD_BUS_ERROR_TIMEOUT) == 0)
		r = error_set(h, code,
			      "vmmsd at %s did not answer within %llu s; see whether it hangs",
			      h->address, (unsigned long long)(h->call_timeout / 1000000));
	else if (strcmp(name, SD_BUS_ERROR_ACCESS_DENIED) == 0)
		r = error_set(
			h, code,
			"vmmsd on %s refuses this user: %s; become root or join the group vmms",
			h->address, message ? message : "access denied");
	else
		r = error_set(h, code, "%s", message && message[0] ? message : name);
	h->error.name = kept;
	kept = NULL;
	return r;
}

int error_set_oom(hvctl *h)
{
	return error_set(h, HVCTL_ERROR_OUT_OF_MEMORY, "this process is out of memory");
}

int error_set_errno(hvctl *h, int r, const char *doing)
{
	switch (-r) {
	case ENOMEM:
		return error_set_oom(h);
	case ECONNRESET:
	case ENOTCONN:
	case EPIPE:
	case ESHUTDOWN:
		return error_set_bus(h, SD_BUS_ERROR_DISCONNECTED, NULL);
	case ETIMEDOUT:
		return error_set_bus(h, SD_BUS_ERROR_TIMEOUT, NULL);
	case EBADMSG:
	case ENXIO:
		return error_set(h, HVCTL_ERROR_PROTOCOL,
				 "%s: the answer of vmmsd at %s does not follow " VMMS_BUS_NAME
				 "; use the same version of both",
				 doing, h->address);
	default:
		return error_set(h, HVCTL_ERROR_FAILED, "%s (vmmsd at %s): %s", doing, h->address,
				 strerror(-r));
	}
}

const char *quoted(char buffer[QUOTED_SIZE], const char *text)
{
	size_t i;

	for (i = 0; text[i] && i < 40; i++) {
		unsigned char c = (unsigned char)text[i];
		buffer[i] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
	}
	snprintf(buffer + i, QUOTED_SIZE - i, "%s", text[i] ? "..." : "");
	return buffer;
}

HVCTL_PUBLIC const hvctl_error *hvctl_last_error(const hvctl *h)
{
	return &h->error;
}

HVCTL_PUBLIC enum hvctl_code hvctl_error_code(const hvctl_error *error)
{
	return (enum hvctl_code)error->code;
}

HVCTL_PUBLIC const char *hvctl_error_name(const hvctl_error *error)
{
	return error->name ? error->name : "";
}

HVCTL_PUBLIC const char *hvctl_error_message(const hvctl_error *error)
{
	if (error->message)
		return error->message;
	return error->code ? "out of memory" : "";
}
