// SPDX-License-Identifier: LGPL-2.1-or-later
/* Numbers, sizes and times as people write them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

static bool parse_digits(const char *text, uint64_t *ret, const char **end)
{
	char *e;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	unsigned long long value = strtoull(text, &e, 10);
	if (errno)
		return false;
	*ret = value;
	*end = e;
	return true;
}

bool parse_number(const char *text, uint64_t *ret)
{
	const char *end;

	return parse_digits(text, ret, &end) && *end == '\0';
}

bool parse_size(const char *text, uint64_t *ret)
{
	static const char letters[] = "KMGT";
	const char *end;
	uint64_t value;

	if (!parse_digits(text, &value, &end))
		return false;
	if (*end != '\0' && strcasecmp(end, "b") != 0) {
		const char *letter = strchr(letters, toupper((unsigned char)*end));
		if (!letter)
			return false;
		if (end[1] && strcasecmp(end + 1, "ib") != 0 && strcasecmp(end + 1, "b") != 0)
			return false;
		unsigned shift = 10u * (unsigned)(letter - letters + 1);
		if (value > UINT64_MAX >> shift)
			return false;
		value <<= shift;
	}
	*ret = value;
	return true;
}

bool parse_seconds(const char *text, uint64_t *ret_usec)
{
	uint64_t value, fraction = 0, unit = 100000;
	const char *end;

	if (!parse_digits(text, &value, &end) || value > 1000000000u)
		return false;
	if (*end == '.') {
		for (end++; isdigit((unsigned char)*end); end++, unit /= 10)
			fraction += (uint64_t)(*end - '0') * unit;
	}
	*ret_usec = value * 1000000u + fraction;
	return *end == '\0' && *ret_usec > 0;
}

char *parse_path(const char *text)
{
	char *absolute, *here;

	if (text[0] == '/')
		return strdup(text);
	here = getcwd(NULL, 0);
	if (!here)
		return NULL;
	int r = asprintf(&absolute, "%s/%s", strcmp(here, "/") == 0 ? "" : here, text);
	free(here);
	return r < 0 ? NULL : absolute;
}

static bool parse_calendar(const char *text, uint64_t *ret_usec)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					      "%Y-%m-%d %H:%M", "%Y-%m-%d", NULL};

	for (const char *const *format = formats; *format; format++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, *format, &tm);
		if (!end || *end != '\0')
			continue;
		time_t time = mktime(&tm);
		if (time < 0)
			return false;
		*ret_usec = (uint64_t)time * 1000000u;
		return true;
	}
	return false;
}

bool parse_since(const char *text, uint64_t now_usec, uint64_t *ret_usec)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const char *end;
	uint64_t value;

	if (text[0] == '@') {
		if (!parse_number(text + 1, &value) || value > UINT64_MAX / 1000000u)
			return false;
		*ret_usec = value * 1000000u;
		return true;
	}
	if (!parse_digits(text, &value, &end) || *end == '-')
		return parse_calendar(text, ret_usec);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end[0] != units[i].letter || end[1] != '\0')
			continue;
		if (value > now_usec / 1000000u / units[i].seconds)
			value = now_usec / 1000000u / units[i].seconds;
		*ret_usec = now_usec - value * units[i].seconds * 1000000u;
		return true;
	}
	return false;
}
