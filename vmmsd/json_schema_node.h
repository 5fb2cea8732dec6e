/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A compiled schema, shared by json_schema.c (compiling) and json_schema_check.c (checking). */
#ifndef JSON_SCHEMA_NODE_H
#define JSON_SCHEMA_NODE_H

#include <stdint.h>

#include "json_schema.h"

/* Bits in json_schema.types, one per enum json_type. */
#define JSON_TYPE_BIT(type) (1u << (type))

struct json_schema_property {
	char *name;
	struct json_schema *schema;
};

struct json_schema {
	unsigned types; /* JSON_TYPE_BIT; 0: any */
	char *description;
	GPtrArray *properties;	      /* struct json_schema_property, in the order of the text */
	GPtrArray *required;	      /* char * */
	gboolean closed;	      /* additionalProperties: false */
	struct json_object *values;   /* an array: enum, or const as an enum of one; NULL: any */
	struct json_object *fallback; /* default, NULL: none */
	GRegex *pattern;
	struct json_schema *items; /* of every element of an array; NULL: any */
	gboolean has_minimum, has_maximum, has_max_length, has_min_items, has_max_items;
	int64_t minimum, maximum, max_length; /* max_length in characters */
	int64_t min_items, max_items;
};

/*
 * The schema of a member, NULL when it is unknown. *cursor, 0 at first, is where the search begins:
 * documents mostly have the order of the schema.
 */
const struct json_schema *json_schema_find(const struct json_schema *schema, const char *name,
					   guint *cursor);

/* "an integer", "an integer or a string"; g_free. */
char *json_schema_type_names(unsigned types);

#endif
