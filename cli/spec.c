// SPDX-License-Identifier: LGPL-2.1-or-later
#include "spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define KEYS_MAX 16

static const struct spec_key disk_keys[] = {
	{"path", "path", SPEC_PATH, NULL},
	{"format", "format", SPEC_CHOICE, "raw|qcow2|vhd|vhdx"},
	{"type", "type", SPEC_CHOICE, "disk|dvd"},
	{"read-only", "readOnly", SPEC_YES_NO, NULL},
	{"cache", "cache", SPEC_CHOICE, "writeback|writethrough|none|unsafe"},
	{"discard", "discard", SPEC_YES_NO, NULL},
	{"serial", "serial", SPEC_TEXT, NULL},
	{"iops", "iops", SPEC_NUMBER, NULL},
	{"bandwidth", "bandwidth", SPEC_SIZE, NULL},
	{"on-error", "onError", SPEC_CHOICE, "report|pause"},
	{"controller", "controller", SPEC_NUMBER, NULL},
	{"lun", "lun", SPEC_NUMBER, NULL},
	{0},
};

static const struct spec_key nic_keys[] = {
	{"type", "type", SPEC_CHOICE, "user|bridge|private|none"},
	{"bridge", "bridge", SPEC_TEXT, NULL},
	{"network", "network", SPEC_TEXT, NULL},
	{"mac", "mac", SPEC_TEXT, NULL},
	{"connected", "connected", SPEC_YES_NO, NULL},
	{"mtu", "mtu", SPEC_NUMBER, NULL},
	{"bandwidth", "bandwidth", SPEC_SIZE, NULL},
	{0},
};

const struct spec spec_disk = {
	.option = "disk",
	.start = "path=FILE",
	.first = disk_keys,
	.keys = disk_keys,
};

const struct spec spec_nic = {
	.option = "nic",
	.start = "type=user|bridge|private|none",
	.first = nic_keys,
	.first_leads = true,
	.keys = nic_keys,
};

__attribute__((format(printf, 3, 4))) static bool fail(const struct spec *spec, char **fault,
						       const char *format, ...)
{
	char *what = NULL;
	va_list ap;

	va_start(ap, format);
	int r = vasprintf(&what, format, ap);
	va_end(ap);
	if (r < 0 || asprintf(fault, "--%s: %s", spec->option, what) < 0)
		*fault = NULL;
	if (r >= 0)
		free(what);
	return false;
}

static const struct spec_key *key_find(const struct spec *spec, const char *name)
{
	for (const struct spec_key *key = spec->keys; key->name; key++) {
		if (strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}

static bool fail_key(const struct spec *spec, const char *name, char **fault)
{
	const char *names[KEYS_MAX + 1];
	char list[256] = "";
	size_t n = 0, at = 0;

	for (const struct spec_key *key = spec->keys; key->name && n < KEYS_MAX; key++) {
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", n > 0 ? ", " : "",
				       key->name);
		names[n++] = key->name;
	}
	names[n] = NULL;
	const char *near = suggest(name, names);
	if (near)
		return fail(spec, fault, "there is no key '%s'; did you mean %s?", QUOTE(name),
			    near);
	return fail(spec, fault, "there is no key '%s'; the keys are %s", QUOTE(name), list);
}

static bool is_choice(const char *choices, const char *value)
{
	size_t length = strlen(value);

	for (const char *c = choices; c; c = strchr(c, '|')) {
		c += *c == '|';
		if (strncmp(c, value, length) == 0 && (c[length] == '|' || c[length] == '\0'))
			return true;
	}
	return false;
}

static struct json_object *path_value(const char *value)
{
	char *absolute = parse_path(value);
	struct json_object *object = absolute ? json_object_new_string(absolute) : NULL;

	free(absolute);
	return object;
}

/* NULL and a fault. */
static struct json_object *value_parse(const struct spec *spec, const struct spec_key *key,
				       const char *value, char **fault)
{
	struct json_object *object;
	uint64_t number;

	switch (key->kind) {
	case SPEC_TEXT:
		return json_object_new_string(value);
	case SPEC_PATH:
		object = path_value(value);
		if (!object)
			fail(spec, fault,
			     "cannot tell the current directory: %s; give an absolute "
			     "path",
			     strerror(errno));
		return object;
	case SPEC_CHOICE:
		if (is_choice(key->choices, value))
			return json_object_new_string(value);
		fail(spec, fault, "%s is one of %s, not '%s'", key->name, key->choices,
		     QUOTE(value));
		return NULL;
	case SPEC_NUMBER:
		if (parse_number(value, &number))
			return json_object_new_uint64(number);
		fail(spec, fault, "%s needs a whole number, not '%s'", key->name, QUOTE(value));
		return NULL;
	case SPEC_SIZE:
		if (parse_size(value, &number))
			return json_object_new_uint64(number);
		fail(spec, fault, "%s needs a size like 100M, not '%s'", key->name, QUOTE(value));
		return NULL;
	case SPEC_YES_NO:
		break;
	}
	if (is_choice("yes|no", value))
		return json_object_new_boolean(value[0] == 'y');
	fail(spec, fault, "%s is yes or no, not '%s'", key->name, QUOTE(value));
	return NULL;
}

/* One "key=value", with its commas single. */
static bool pair_take(const struct spec *spec, char *pair, struct json_object *object, char **fault)
{
	char *value = strchr(pair, '=');

	if (!value)
		return fail(spec, fault, "'%s' is not key=value; write for example %s", QUOTE(pair),
			    spec->start);
	*value++ = '\0';
	const struct spec_key *key = key_find(spec, pair);
	if (!key)
		return fail_key(spec, pair, fault);
	if (spec->first_leads && key != spec->first && json_object_object_length(object) == 0)
		return fail(spec, fault, "begin with %s", spec->start);
	if (json_object_object_get_ex(object, key->member, NULL))
		return fail(spec, fault, "%s is given twice", key->name);
	if (!value[0])
		return fail(spec, fault, "%s= needs a value", key->name);
	struct json_object *parsed = value_parse(spec, key, value, fault);
	if (parsed)
		json_object_object_add(object, key->member, parsed);
	return parsed != NULL;
}

/* Ends the pair at `text` and makes its double commas single; the next pair, or NULL. */
static char *pair_cut(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		if (from[0] == ',' && from[1] == ',') {
			from++;
		} else if (*from == ',') {
			*to = '\0';
			return from + 1;
		}
		*to++ = *from;
	}
	*to = '\0';
	return NULL;
}

struct json_object *spec_parse(const struct spec *spec, const char *text, char **fault)
{
	struct json_object *object = json_object_new_object();
	char *copy = strdup(text);
	bool ok = copy != NULL;

	*fault = NULL;
	for (char *pair = copy, *next; ok && pair; pair = next) {
		next = pair_cut(pair);
		ok = pair_take(spec, pair, object, fault);
	}
	free(copy);
	if (ok && !json_object_object_get_ex(object, spec->first->member, NULL))
		ok = fail(spec, fault, "%s is missing; write %s", spec->first->name, spec->start);
	if (ok)
		return object;
	json_object_put(object);
	return NULL;
}
