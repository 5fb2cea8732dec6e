/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json_text.h"

#include <limits.h>
#include <string.h>

#include "json_members.h"
#include "service_error.h"

#define EXCERPT_CHARACTERS 64
/* Enough for as many characters of four bytes, and more. */
#define EXCERPT_BYTES 400u

typedef struct json_tokener tokener_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tokener_t, json_tokener_free)

char *json_text_excerpt(const char *text)
{
	g_autofree char *valid = NULL;

	if (strlen(text) > EXCERPT_BYTES) {
		/* Enough bytes for the characters we keep; make_valid mends a cut one. */
		g_autofree char *head = g_strndup(text, EXCERPT_BYTES);
		valid = g_utf8_make_valid(head, -1);
	} else {
		valid = g_utf8_make_valid(text, -1);
	}
	for (char *c = valid; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	if (g_utf8_strlen(valid, -1) <= EXCERPT_CHARACTERS)
		return g_steal_pointer(&valid);
	*g_utf8_offset_to_pointer(valid, EXCERPT_CHARACTERS - 1) = '\0';
	return g_strconcat(valid, "…", NULL);
}

char *json_text_print(struct json_object *value)
{
	return g_strdup(json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static gboolean is_plain_word(const char *name)
{
	if (!g_ascii_isalpha(*name) && *name != '_')
		return FALSE;
	for (const char *c = name; *c; c++) {
		if (!g_ascii_isalnum(*c) && *c != '_' && *c != '-')
			return FALSE;
	}
	return strlen(name) <= EXCERPT_CHARACTERS;
}

void json_path_append_member(GString *path, const char *name)
{
	if (is_plain_word(name)) {
		g_string_append_printf(path, ".%s", name);
		return;
	}
	g_autofree char *excerpt = json_text_excerpt(name);
	g_string_append_printf(path, "[\"%s\"]", excerpt);
}

void json_path_append_index(GString *path, size_t index)
{
	g_string_append_printf(path, "[%zu]", index);
}

/* Lines and columns count from 1; a column is a character. */
static void fail_at(const char *text, size_t offset, const char *what, GError **error)
{
	const char *line = text;
	unsigned number = 1;

	for (const char *c = text; c < text + offset; c++) {
		if (*c == '\n') {
			line = c + 1;
			number++;
		}
	}
	glong column = g_utf8_strlen(line, text + offset - line) + 1;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
		    "line %u, column %ld: %s", number, column, what);
}

static gboolean check_utf8(const char *text, size_t length, GError **error)
{
	const char *end;

	if (g_utf8_validate(text, (gssize)length, &end))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
		    "byte %zu (0x%02x) is not UTF-8; save the document as UTF-8",
		    (size_t)(end - text), (unsigned)(unsigned char)*end);
	return FALSE;
}

static void fail_syntax(struct json_tokener *tokener, enum json_tokener_error code,
			const char *text, size_t length, GError **error)
{
	size_t end = MIN(json_tokener_get_parse_end(tokener), length);

	if (code == json_tokener_error_depth) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
			    "the document is nested deeper than %d levels", JSON_TEXT_MAX_DEPTH);
	} else if (code == json_tokener_continue || code == json_tokener_error_parse_eof) {
		fail_at(text, length, "the document ends in the middle of a value", error);
	} else {
		fail_at(text, end, json_tokener_error_desc(code), error);
	}
}

struct json_object *json_text_parse(const char *text, size_t max_bytes, GError **error)
{
	size_t length = strlen(text);

	if (length > MIN(max_bytes, (size_t)INT_MAX - 1)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
			    "the document has %zu bytes, more than the %zu allowed; shorten it",
			    length, max_bytes);
		return NULL;
	}
	if (!check_utf8(text, length, error))
		return NULL;

	g_autoptr(tokener_t) tokener = json_tokener_new_ex(JSON_TEXT_MAX_DEPTH);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL, so that json-c knows that a number at the end is complete. */
	g_autoptr(json_value_t) value = json_tokener_parse_ex(tokener, text, (int)length + 1);
	enum json_tokener_error code = json_tokener_get_error(tokener);
	if (code != json_tokener_success) {
		fail_syntax(tokener, code, text, length, error);
		return NULL;
	}
	if (!value) {
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
				    "$: found null; give a value");
		return NULL;
	}
	/* json-c has accepted the grammar; what it has merged or cut only the text still shows. */
	if (!json_members_check(text, error))
		return NULL;
	return g_steal_pointer(&value);
}

struct json_object *json_text_parse_patch(const char *text, size_t max_bytes, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autoptr(json_value_t) patch = json_text_parse(text, max_bytes, &local);

	if (!patch) {
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "patch: ");
		return NULL;
	}
	if (!json_object_is_type(patch, json_type_object)) {
		g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
				    "patch: $: expected an object with the members to change");
		return NULL;
	}
	return g_steal_pointer(&patch);
}

void json_text_merge(struct json_object *target, struct json_object *patch)
{
	json_object_object_foreach (patch, name, value) {
		struct json_object *old;

		if (!value) {
			json_object_object_del(target, name);
		} else if (!json_object_is_type(value, json_type_object)) {
			(void)json_object_object_add(target, name, json_object_get(value));
		} else {
			if (!json_object_object_get_ex(target, name, &old) ||
			    !json_object_is_type(old, json_type_object)) {
				old = json_object_new_object();
				(void)json_object_object_add(target, name, old);
			}
			json_text_merge(old, value);
		}
	}
}
