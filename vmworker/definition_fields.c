/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition_fields.h"

#include <inttypes.h>
#include <string.h>

#include "worker_error.h"

gboolean field_fault(GError **error, const char *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_DEFINITION, "definition: %s: %s",
		    path, what);
	return FALSE;
}

static gboolean text_read(char **into, struct json_object *value, const char *path,
			  const struct field *field, GError **error)
{
	if (!json_object_is_type(value, json_type_string))
		return field_fault(error, path, "this is not a string; give one");

	const char *text = json_object_get_string(value);
	size_t size = (size_t)json_object_get_string_len(value);
	if (size == 0 || size > field->max || strlen(text) != size ||
	    !g_utf8_validate(text, (gssize)size, NULL))
		return field_fault(error, path,
				   "the text is empty, longer than %" PRIu64
				   " bytes, not UTF-8, or holds a NUL; mend it",
				   field->max);
	g_free(*into);
	*into = g_strdup(text);
	return TRUE;
}

static gboolean flag_read(bool *into, struct json_object *value, const char *path, GError **error)
{
	if (!json_object_is_type(value, json_type_boolean))
		return field_fault(error, path, "this is not a boolean; give true or false");
	*into = json_object_get_boolean(value);
	return TRUE;
}

static gboolean number_read(uint64_t *into, struct json_object *value, const char *path,
			    const struct field *field, GError **error)
{
	if (!json_object_is_type(value, json_type_int))
		return field_fault(error, path, "this is not an integer; give one");

	/* json-c saturates, so a number beyond int64 is out of every range here. */
	int64_t number = json_object_get_int64(value);
	if (number < 0 || (uint64_t)number < field->min || (uint64_t)number > field->max)
		return field_fault(error, path,
				   "%" PRId64 " is out of range; give %" PRIu64 " to %" PRIu64,
				   number, field->min, field->max);
	*into = (uint64_t)number;
	return TRUE;
}

static gboolean choice_read(unsigned int *into, struct json_object *value, const char *path,
			    const struct field *field, GError **error)
{
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	for (unsigned int i = 0; field->choices[i]; i++) {
		if (strcmp(field->choices[i], text) == 0) {
			*into = i;
			return TRUE;
		}
	}
	return field_fault(error, path,
			   "this worker does not know the value; mend it or update "
			   "vmms");
}

static gboolean field_read(void *into, struct json_object *value, const char *path,
			   const struct field *field, GError **error)
{
	void *at = (char *)into + field->offset;

	switch (field->kind) {
	case FIELD_TEXT:
		return text_read(at, value, path, field, error);
	case FIELD_FLAG:
		return flag_read(at, value, path, error);
	case FIELD_NUMBER:
		return number_read(at, value, path, field, error);
	case FIELD_CHOICE:
		break;
	}
	return choice_read(at, value, path, field, error);
}

static const struct field *field_find(const struct field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

gboolean fields_read(void *into, struct json_object *object, const char *path,
		     const struct field *fields, size_t n, GError **error)
{
	if (!json_object_is_type(object, json_type_object))
		return field_fault(error, path, "this is not an object; give one");

	json_object_object_foreach (object, key, value) {
		const struct field *field = field_find(fields, n, key);
		g_autofree char *escaped = g_strescape(key, NULL);
		g_autofree char *member = g_strdup_printf("%s.%.64s", path, escaped);
		if (!field)
			return field_fault(
				error, member,
				"this worker does not know the member; remove it or update vmms");
		if (!field_read(into, value, member, field, error))
			return FALSE;
	}
	for (size_t i = 0; i < n; i++) {
		if (fields[i].required && !json_object_object_get_ex(object, fields[i].name, NULL))
			return field_fault(error, path, "the member %s is missing; give it",
					   fields[i].name);
	}
	return TRUE;
}
