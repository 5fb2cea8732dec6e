/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a JSON document that somebody else wrote. Stricter than json-c alone: one value, UTF-8,
 * no member twice in an object (RFC 8259 leaves that open, json-c keeps the last), no NUL in a
 * string, bounded length and depth. Errors are SERVICE_ERROR_INVALID_DEFINITION and say where:
 * "line 3, column 7: …" or the JSON path. Pure; any thread.
 */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <glib.h>
#include <json-c/json.h>

#define JSON_TEXT_MAX_DEPTH 16

typedef struct json_object json_value_t;
static inline void json_value_put(json_value_t *value)
{
	(void)json_object_put(value);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_value_t, json_value_put)

/* JSON null is refused too, so NULL always means an error. max_bytes bounds strlen(text). */
struct json_object *json_text_parse(const char *text, size_t max_bytes, GError **error);

/* The members of an object that are to change: as above, and only an object; "patch: …". */
struct json_object *json_text_parse_patch(const char *text, size_t max_bytes, GError **error);
/* RFC 7396 section 2, for two objects. patch is not deeper than JSON_TEXT_MAX_DEPTH. */
void json_text_merge(struct json_object *target, struct json_object *patch);

/* Canonical text: no white space, slashes not escaped; g_free. */
char *json_text_print(struct json_object *value);

/* A value or a text as it may stand in a message: at most 64 characters, valid UTF-8; g_free. */
char *json_text_excerpt(const char *text);

/* Appends ".name" to a path, or ["na me"] when it is not a plain word. */
void json_path_append_member(GString *path, const char *name);
void json_path_append_index(GString *path, size_t index);

#endif
