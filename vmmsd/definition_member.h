/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of a document that the schema has accepted and completed, for definition*.c. */
#ifndef DEFINITION_MEMBER_H
#define DEFINITION_MEMBER_H

#include <glib.h>
#include <json-c/json.h>
#include <stdint.h>

static inline struct json_object *member(struct json_object *object, const char *name)
{
	return json_object_object_get(object, name);
}

static inline const char *text(struct json_object *object, const char *name)
{
	return json_object_get_string(member(object, name));
}

static inline uint32_t number(struct json_object *object, const char *name)
{
	return (uint32_t)json_object_get_int64(member(object, name));
}

/* The schema's enum and the table of names have the same members; a test sees to it. */
static inline unsigned choice(struct json_object *object, const char *name,
			      const char *const *names, size_t n)
{
	const char *value = text(object, name);
	unsigned i = 0;

	while (i < n && !g_str_equal(value, names[i]))
		i++;
	g_assert(i < n);
	return i;
}

#endif
