/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An interpreter of the part of JSON Schema (draft 2020-12) that our schemas use: type (one or
 * several), properties, required, additionalProperties false, enum, const, pattern, minimum,
 * maximum, maxLength, items, minItems, maxItems, default; title, description, $schema and $id are
 * notes. A schema with any other keyword is refused, so that no rule of a schema goes unchecked.
 * Compiled once, then immutable; any thread.
 */
#ifndef JSON_SCHEMA_H
#define JSON_SCHEMA_H

#include <glib.h>
#include <json-c/json.h>

struct json_schema;
typedef struct json_schema json_schema_t;

struct json_schema *json_schema_new(const char *text, GError **error);
void json_schema_free(struct json_schema *schema); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_schema_t, json_schema_free)

/*
 * The first violation as SERVICE_ERROR_INVALID_DEFINITION, path first: "$.cpus.count: 0 is below
 * the minimum 1; give 1 to 240".
 */
gboolean json_schema_check(const struct json_schema *schema, struct json_object *value,
			   GError **error);

/*
 * The members of a value that json_schema_check accepted, in the order of the schema, with the
 * default of each absent one; members that the schema does not name are left out. The caller owns
 * the reference; strings and numbers are shared with value, and where there is nothing to do it is
 * value itself.
 */
struct json_object *json_schema_complete(const struct json_schema *schema,
					 struct json_object *value);

#endif
