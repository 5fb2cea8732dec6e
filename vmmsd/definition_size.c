/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>

#include "definition_json.h"
#include "json_text.h"
#include "service_error.h"

#define PAGE_BYTES    4096u
#define BANDWIDTH_MIN UINT64_C(4096)
#define BANDWIDTH_MAX UINT64_C(1099511627776)

static bool fail(struct json_object *value, const char *what, GError **error)
{
	g_autofree char *text = json_text_print(value);
	g_autofree char *shown = json_text_excerpt(text);

	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION, "%s %s", shown, what);
	return false;
}

/* Digits and at most one unit; the schema's pattern has seen to the form of the text. */
static bool parse_text(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t number = g_ascii_strtoull(text, &end, 10);

	if (*end) {
		const char *unit = strchr(units, *end);
		if (!unit || end[1])
			return false;
		uint64_t factor = UINT64_C(1024) << (10 * (unit - units));
		if (__builtin_mul_overflow(number, factor, &number))
			number = UINT64_MAX;
	}
	*ret = number;
	return true;
}

bool definition_parse_size(struct json_object *value, uint64_t *ret, GError **error)
{
	uint64_t bytes;

	if (!json_object_is_type(value, json_type_string))
		bytes = json_object_get_uint64(value);
	else if (!parse_text(json_object_get_string(value), &bytes))
		return fail(value, "is not a size; give bytes, or a number with K, M, G or T",
			    error);
	if (bytes < DEFINITION_MEMORY_MIN)
		return fail(value, "is below the minimum 1M", error);
	if (bytes > DEFINITION_MEMORY_MAX)
		return fail(value, "is above the maximum 16T", error);
	if (bytes % PAGE_BYTES != 0)
		return fail(value, "is not a multiple of 4096 bytes", error);
	*ret = bytes;
	return true;
}

bool definition_refine_bandwidth(struct json_object *object, GError **error)
{
	struct json_object *value = json_object_object_get(object, "bandwidth");
	uint64_t bytes;

	if (!json_object_is_type(value, json_type_string))
		bytes = json_object_get_uint64(value);
	else if (!parse_text(json_object_get_string(value), &bytes))
		return fail(value, "is not a size; give bytes, or a number with K, M, G or T",
			    error);
	if (bytes > 0 && bytes < BANDWIDTH_MIN)
		return fail(value, "is below the minimum 4K; give 0 for no limit", error);
	if (bytes > BANDWIDTH_MAX)
		return fail(value, "is above the maximum 1T; give 0 for no limit", error);
	if (json_object_is_type(value, json_type_string))
		(void)json_object_object_add(object, "bandwidth",
					     json_object_new_int64((int64_t)bytes));
	return true;
}
