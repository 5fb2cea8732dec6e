// SPDX-License-Identifier: LGPL-2.1-or-later
/* How hvctl says that something went wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"

static void report_va(const char *format, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	fflush(stdout);
	fputs("hvctl: ", stderr);
	text_print(stderr, text ? text : "out of memory");
	fputc('\n', stderr);
	free(text);
}

int report(int exit_code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	report_va(format, ap);
	va_end(ap);
	return exit_code;
}

int report_usage(const struct command *command, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	report(EXIT_USAGE, "%s: %s; see 'hvctl %s --help'", command->name,
	       text ? text : "out of memory", command->name);
	free(text);
	return EXIT_USAGE;
}

int exit_code_of(enum hvctl_code code)
{
	switch (code) {
	case HVCTL_ERROR_INVALID_NAME:
	case HVCTL_ERROR_INVALID_DEFINITION:
	case HVCTL_ERROR_INVALID_ARGUMENT:
		return EXIT_USAGE;
	case HVCTL_ERROR_NO_SUCH_VM:
	case HVCTL_ERROR_NO_SUCH_GROUP:
		return EXIT_NO_SUCH_VM;
	case HVCTL_ERROR_WRONG_STATE:
	case HVCTL_ERROR_BUSY:
		return EXIT_WRONG_STATE;
	case HVCTL_ERROR_DENIED:
		return EXIT_DENIED;
	case HVCTL_ERROR_TIMED_OUT:
		return EXIT_TIMED_OUT;
	case HVCTL_ERROR_UNREACHABLE:
		return EXIT_UNREACHABLE;
	default:
		return EXIT_FAILED;
	}
}

int report_error(const hvctl *h)
{
	const hvctl_error *error = hvctl_last_error(h);

	return report(exit_code_of(hvctl_error_code(error)), "%s", hvctl_error_message(error));
}

struct quote quote(const char *text)
{
	struct quote q;
	size_t i;

	for (i = 0; text[i] && i < 60; i++) {
		unsigned char c = (unsigned char)text[i];
		q.text[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
	}
	/* Not in the middle of a UTF-8 sequence. */
	while (text[i] && i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80)
		i--;
	snprintf(q.text + i, sizeof(q.text) - i, "%s", text[i] ? "..." : "");
	return q;
}
