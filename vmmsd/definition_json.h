/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between definition.c and definition_edit.c: definitions as json-c values. */
#ifndef DEFINITION_JSON_H
#define DEFINITION_JSON_H

#include <json-c/json.h>

#include "definition.h"

/* Validates, completes and converts; sizes in value may become numbers. Errors as definition_parse.
 */
struct definition *definition_from_json(struct json_object *value, GError **error);

/*
 * "4G" or a number of bytes; *ret is a multiple of 4096. The error is the sentence alone, without
 * the JSON path.
 */
bool definition_parse_size(struct json_object *value, uint64_t *ret, GError **error);

#endif
