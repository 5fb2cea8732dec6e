/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <string.h>

#include "json_schema.h"
#include "json_schema_node.h"
#include "json_text.h"
#include "service_error.h"

/* A misspelt name is at most this many edits away from the right one. */
#define NEAR_EDITS     3
#define NEAR_MAX_BYTES 32

/* Where the check is: a chain on the stack, made into text only for a message. */
struct path {
	const struct path *parent; /* NULL at the root */
	const char *name;	   /* NULL: an element of an array */
	size_t index;
};

static void append_path(GString *text, const struct path *path)
{
	if (!path->parent)
		return;
	append_path(text, path->parent);
	if (path->name)
		json_path_append_member(text, path->name);
	else
		json_path_append_index(text, path->index);
}

G_GNUC_PRINTF(3, 4)
static gboolean fail(const struct path *path, GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_autoptr(GString) text = g_string_new("$");
	append_path(text, path);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION, "%s: %s", text->str,
		    what);
	return FALSE;
}

/* The value as in the document, quotes and all, cut to a length that fits a message. */
static char *excerpt(struct json_object *value)
{
	g_autofree char *text = json_text_print(value);

	return json_text_excerpt(text);
}

/* Levenshtein distance, for names of at most NEAR_MAX_BYTES. */
static unsigned distance(const char *a, const char *b)
{
	size_t rows = strlen(a), columns = strlen(b);
	unsigned row[NEAR_MAX_BYTES + 1];

	if (rows > NEAR_MAX_BYTES || columns > NEAR_MAX_BYTES)
		return UINT32_MAX;
	for (size_t j = 0; j <= columns; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= rows; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= columns; j++) {
			unsigned replace =
				diagonal + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));
			diagonal = row[j];
			row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[columns];
}

/* NULL when no known name is near. */
static const char *nearest(const struct json_schema *schema, const char *name)
{
	const char *best = NULL;
	unsigned limit = MIN(NEAR_EDITS, (unsigned)strlen(name) / 2) + 1;

	for (guint i = 0; i < schema->properties->len; i++) {
		const struct json_schema_property *property = schema->properties->pdata[i];
		unsigned edits = distance(name, property->name);
		if (edits < limit) {
			limit = edits;
			best = property->name;
		}
	}
	return best;
}

static gboolean fail_unknown(const struct json_schema *schema, const char *name,
			     const struct path *path, GError **error)
{
	g_autoptr(GString) known = g_string_new(NULL);

	for (guint i = 0; i < schema->properties->len; i++) {
		const struct json_schema_property *property = schema->properties->pdata[i];
		g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", property->name);
	}
	const char *near = nearest(schema, name);
	const struct path member = {path, name, 0};
	return fail(&member, error, "unknown member; known here %s %s%s%s%s",
		    schema->properties->len == 1 ? "is" : "are",
		    schema->properties->len > 0 ? known->str : "none",
		    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static const char *found(enum json_type type)
{
	switch (type) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "a boolean";
	case json_type_double:
		return "a number with a fraction or an exponent";
	case json_type_int:
		return "an integer";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "an array";
	case json_type_string:
		return "a string";
	default:
		return "something else";
	}
}

static gboolean check_type(const struct json_schema *schema, struct json_object *value,
			   const struct path *path, GError **error)
{
	enum json_type type = json_object_get_type(value);

	if (schema->types == 0 || (schema->types & JSON_TYPE_BIT(type)))
		return TRUE;
	g_autofree char *expected = json_schema_type_names(schema->types);
	if (type != json_type_double)
		return fail(path, error, "expected %s, found %s", expected, found(type));
	g_autofree char *text = excerpt(value);
	return fail(path, error, "expected %s, found %s (%s); write it in plain digits", expected,
		    found(type), text);
}

static gboolean check_values(const struct json_schema *schema, struct json_object *value,
			     const struct path *path, GError **error)
{
	g_autoptr(GString) choices = g_string_new(NULL);

	if (!schema->values)
		return TRUE;
	for (size_t i = 0; i < json_object_array_length(schema->values); i++) {
		struct json_object *choice = json_object_array_get_idx(schema->values, i);
		if (json_object_equal(choice, value))
			return TRUE;
		g_autofree char *text = json_text_print(choice);
		g_string_append_printf(choices, "%s%s", i > 0 ? ", " : "", text);
	}
	g_autofree char *text = excerpt(value);
	if (json_object_array_length(schema->values) == 1)
		return fail(path, error, "%s is not known; give %s", text, choices->str);
	return fail(path, error, "%s is not known; give one of %s", text, choices->str);
}

static gboolean fail_range(const struct json_schema *schema, struct json_object *value,
			   const char *side, int64_t bound, const struct path *path, GError **error)
{
	g_autofree char *text = excerpt(value);

	if (!schema->has_minimum || !schema->has_maximum)
		return fail(path, error, "%s is %s %" PRId64, text, side, bound);
	return fail(path, error, "%s is %s %" PRId64 "; give %" PRId64 " to %" PRId64, text, side,
		    bound, schema->minimum, schema->maximum);
}

static gboolean check_integer(const struct json_schema *schema, struct json_object *value,
			      const struct path *path, GError **error)
{
	/* json-c keeps what lies above INT64_MAX as unsigned and reads it back as INT64_MAX. */
	int64_t number = json_object_get_int64(value);

	if (schema->has_minimum && number < schema->minimum)
		return fail_range(schema, value, "below the minimum", schema->minimum, path, error);
	if (schema->has_maximum && number > schema->maximum)
		return fail_range(schema, value, "above the maximum", schema->maximum, path, error);
	return TRUE;
}

static gboolean check_string(const struct json_schema *schema, struct json_object *value,
			     const struct path *path, GError **error)
{
	const char *text = json_object_get_string(value);

	if (schema->has_max_length) {
		glong length = g_utf8_strlen(text, -1);
		if (length > schema->max_length)
			return fail(path, error,
				    "has %ld characters, more than the %" PRId64
				    " allowed; shorten it",
				    length, schema->max_length);
	}
	if (schema->pattern && !g_regex_match(schema->pattern, text, 0, NULL)) {
		g_autofree char *shown = excerpt(value);
		if (schema->description)
			return fail(path, error, "%s is not valid; give %s", shown,
				    schema->description);
		return fail(path, error, "%s does not match %s", shown,
			    g_regex_get_pattern(schema->pattern));
	}
	return TRUE;
}

static gboolean check(const struct json_schema *schema, struct json_object *value,
		      const struct path *path, GError **error);

static gboolean check_object(const struct json_schema *schema, struct json_object *value,
			     const struct path *path, GError **error)
{
	guint cursor = 0;

	json_object_object_foreach (value, name, child) {
		const struct json_schema *member = json_schema_find(schema, name, &cursor);
		if (!member) {
			if (schema->closed)
				return fail_unknown(schema, name, path, error);
			continue;
		}
		const struct path below = {path, name, 0};
		if (!check(member, child, &below, error))
			return FALSE;
	}
	for (guint i = 0; i < schema->required->len; i++) {
		const char *required = schema->required->pdata[i];
		if (!json_object_object_get_ex(value, required, NULL))
			return fail(path, error, "the member %s is missing; it is required",
				    required);
	}
	return TRUE;
}

static gboolean check_array(const struct json_schema *schema, struct json_object *value,
			    const struct path *path, GError **error)
{
	size_t n = json_object_array_length(value);

	if (schema->has_min_items && n < (uint64_t)schema->min_items)
		return fail(path, error,
			    "has %zu elements, fewer than the %" PRId64
			    " that are needed; add some",
			    n, schema->min_items);
	if (schema->has_max_items && n > (uint64_t)schema->max_items)
		return fail(path, error,
			    "has %zu elements, more than the %" PRId64 " allowed; take some out", n,
			    schema->max_items);
	for (size_t i = 0; schema->items && i < n; i++) {
		const struct path below = {path, NULL, i};
		if (!check(schema->items, json_object_array_get_idx(value, i), &below, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean check(const struct json_schema *schema, struct json_object *value,
		      const struct path *path, GError **error)
{
	if (!check_type(schema, value, path, error) || !check_values(schema, value, path, error))
		return FALSE;
	switch (json_object_get_type(value)) {
	case json_type_int:
		return check_integer(schema, value, path, error);
	case json_type_string:
		return check_string(schema, value, path, error);
	case json_type_object:
		return check_object(schema, value, path, error);
	case json_type_array:
		return check_array(schema, value, path, error);
	default:
		return TRUE;
	}
}

gboolean json_schema_check(const struct json_schema *schema, struct json_object *value,
			   GError **error)
{
	const struct path root = {NULL, NULL, 0};

	return check(schema, value, &root, error);
}
