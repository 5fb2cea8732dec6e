/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a JSON object into a struct by a table of its members. Strict: a member that the table
 * does not have, one of another type and one out of range are errors with the JSON path.
 */
#ifndef DEFINITION_FIELDS_H
#define DEFINITION_FIELDS_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
	FIELD_TEXT,   /* char *, owned: at most max bytes, not empty */
	FIELD_FLAG,   /* bool */
	FIELD_NUMBER, /* uint64_t: min to max */
	FIELD_CHOICE, /* unsigned: the index in choices, which ends with NULL */
};

struct field {
	const char *name;
	enum field_kind kind;
	bool required;
	size_t offset; /* in the struct */
	uint64_t min, max;
	const char *const *choices;
};

/* Members that are absent leave the struct as it is. WORKER_ERROR INVALID_DEFINITION; strings that
 * were read by then are in the struct. */
gboolean fields_read(void *into, struct json_object *object, const char *path,
		     const struct field *fields, size_t n, GError **error);

/* "definition: PATH: …", INVALID_DEFINITION; FALSE. */
gboolean field_fault(GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
