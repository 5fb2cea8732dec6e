/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json_schema.h"

#include "json_schema_node.h"
#include "json_text.h"
#include "service_error.h"

/* A schema is part of the program, so its size is no concern; this bounds a test's mistakes. */
#define MAX_SCHEMA_BYTES 1048576u

static const struct {
	const char *name, *article;
	enum json_type type;
} type_table[] = {
	{"null", "null", json_type_null},	  {"boolean", "a boolean", json_type_boolean},
	{"integer", "an integer", json_type_int}, {"number", "a number", json_type_double},
	{"string", "a string", json_type_string}, {"object", "an object", json_type_object},
	{"array", "an array", json_type_array},
};

char *json_schema_type_names(unsigned types)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(type_table); i++) {
		if (!(types & JSON_TYPE_BIT(type_table[i].type)))
			continue;
		if (names->len > 0)
			g_string_append(names, " or ");
		g_string_append(names, type_table[i].article);
	}
	return g_string_free(g_steal_pointer(&names), FALSE);
}

static gboolean bad(const char *keyword, const char *what, GError **error)
{
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT, "schema: %s: %s", keyword,
		    what);
	return FALSE;
}

static gboolean add_type(struct json_schema *schema, struct json_object *name, GError **error)
{
	const char *text = json_object_get_string(name);

	for (size_t i = 0; i < G_N_ELEMENTS(type_table); i++) {
		if (g_strcmp0(text, type_table[i].name) == 0) {
			schema->types |= JSON_TYPE_BIT(type_table[i].type);
			/* JSON Schema: every integer is a number. */
			if (type_table[i].type == json_type_double)
				schema->types |= JSON_TYPE_BIT(json_type_int);
			return TRUE;
		}
	}
	return bad("type", "unknown type", error);
}

static gboolean take_type(struct json_schema *schema, struct json_object *value, GError **error)
{
	if (!json_object_is_type(value, json_type_array))
		return add_type(schema, value, error);
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		if (!add_type(schema, json_object_array_get_idx(value, i), error))
			return FALSE;
	}
	return TRUE;
}

static void property_free(gpointer data)
{
	struct json_schema_property *property = data;

	g_free(property->name);
	json_schema_free(property->schema);
	g_free(property);
}

static struct json_schema *compile(struct json_object *text, GError **error);

static gboolean take_properties(struct json_schema *schema, struct json_object *value,
				GError **error)
{
	if (!json_object_is_type(value, json_type_object))
		return bad("properties", "not an object", error);
	json_object_object_foreach (value, name, child) {
		struct json_schema *compiled = compile(child, error);
		if (!compiled)
			return FALSE;
		struct json_schema_property *property = g_new(struct json_schema_property, 1);
		*property = (struct json_schema_property){g_strdup(name), compiled};
		g_ptr_array_add(schema->properties, property);
	}
	return TRUE;
}

static gboolean take_required(struct json_schema *schema, struct json_object *value, GError **error)
{
	if (!json_object_is_type(value, json_type_array))
		return bad("required", "not an array", error);
	for (size_t i = 0; i < json_object_array_length(value); i++)
		g_ptr_array_add(schema->required, g_strdup(json_object_get_string(
							  json_object_array_get_idx(value, i))));
	return TRUE;
}

static gboolean take_closed(struct json_schema *schema, struct json_object *value, GError **error)
{
	if (!json_object_is_type(value, json_type_boolean) || json_object_get_boolean(value))
		return bad("additionalProperties", "only false is understood", error);
	schema->closed = TRUE;
	return TRUE;
}

static gboolean take_enum(struct json_schema *schema, struct json_object *value, GError **error)
{
	if (!json_object_is_type(value, json_type_array))
		return bad("enum", "not an array", error);
	schema->values = json_object_get(value);
	return TRUE;
}

static gboolean take_const(struct json_schema *schema, struct json_object *value, GError **error)
{
	(void)error;
	schema->values = json_object_new_array();
	(void)json_object_array_add(schema->values, json_object_get(value));
	return TRUE;
}

static gboolean take_pattern(struct json_schema *schema, struct json_object *value, GError **error)
{
	g_autoptr(GError) local = NULL;

	/* Without DOLLAR_ENDONLY "$" would let a newline at the end pass. */
	schema->pattern = g_regex_new(json_object_get_string(value),
				      G_REGEX_DOLLAR_ENDONLY | G_REGEX_OPTIMIZE, 0, &local);
	return schema->pattern ? TRUE : bad("pattern", local->message, error);
}

static gboolean take_integer(struct json_object *value, const char *keyword, gboolean *has,
			     int64_t *ret, GError **error)
{
	if (!json_object_is_type(value, json_type_int))
		return bad(keyword, "not an integer", error);
	*has = TRUE;
	*ret = json_object_get_int64(value);
	return TRUE;
}

static gboolean take_minimum(struct json_schema *schema, struct json_object *value, GError **error)
{
	return take_integer(value, "minimum", &schema->has_minimum, &schema->minimum, error);
}

static gboolean take_maximum(struct json_schema *schema, struct json_object *value, GError **error)
{
	return take_integer(value, "maximum", &schema->has_maximum, &schema->maximum, error);
}

static gboolean take_max_length(struct json_schema *schema, struct json_object *value,
				GError **error)
{
	return take_integer(value, "maxLength", &schema->has_max_length, &schema->max_length,
			    error);
}

static gboolean take_items(struct json_schema *schema, struct json_object *value, GError **error)
{
	schema->items = compile(value, error);
	return schema->items != NULL;
}

static gboolean take_min_items(struct json_schema *schema, struct json_object *value,
			       GError **error)
{
	return take_integer(value, "minItems", &schema->has_min_items, &schema->min_items, error);
}

static gboolean take_max_items(struct json_schema *schema, struct json_object *value,
			       GError **error)
{
	return take_integer(value, "maxItems", &schema->has_max_items, &schema->max_items, error);
}

static gboolean take_default(struct json_schema *schema, struct json_object *value, GError **error)
{
	(void)error;
	schema->fallback = json_object_get(value);
	return TRUE;
}

static gboolean take_description(struct json_schema *schema, struct json_object *value,
				 GError **error)
{
	(void)error;
	schema->description = g_strdup(json_object_get_string(value));
	return TRUE;
}

static gboolean take_note(struct json_schema *schema, struct json_object *value, GError **error)
{
	(void)schema, (void)value, (void)error;
	return TRUE;
}

static const struct {
	const char *name;
	gboolean (*take)(struct json_schema *schema, struct json_object *value, GError **error);
} keywords[] = {
	{"$id", take_note},
	{"$schema", take_note},
	{"title", take_note},
	{"description", take_description},
	{"type", take_type},
	{"properties", take_properties},
	{"required", take_required},
	{"additionalProperties", take_closed},
	{"enum", take_enum},
	{"const", take_const},
	{"default", take_default},
	{"pattern", take_pattern},
	{"minimum", take_minimum},
	{"maximum", take_maximum},
	{"maxLength", take_max_length},
	{"items", take_items},
	{"minItems", take_min_items},
	{"maxItems", take_max_items},
};

static gboolean take_keyword(struct json_schema *schema, const char *name,
			     struct json_object *value, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keywords); i++) {
		if (g_str_equal(name, keywords[i].name))
			return keywords[i].take(schema, value, error);
	}
	return bad(name, "unknown keyword", error);
}

static struct json_schema *compile(struct json_object *text, GError **error)
{
	if (!json_object_is_type(text, json_type_object)) {
		bad("schema", "not an object", error);
		return NULL;
	}
	g_autoptr(json_schema_t) schema = g_new0(struct json_schema, 1);
	schema->properties = g_ptr_array_new_with_free_func(property_free);
	schema->required = g_ptr_array_new_with_free_func(g_free);
	json_object_object_foreach (text, name, value) {
		if (!take_keyword(schema, name, value, error))
			return NULL;
	}
	return g_steal_pointer(&schema);
}

struct json_schema *json_schema_new(const char *text, GError **error)
{
	g_autoptr(json_value_t) value = json_text_parse(text, MAX_SCHEMA_BYTES, error);

	return value ? compile(value, error) : NULL;
}

void json_schema_free(struct json_schema *schema)
{
	if (!schema)
		return;
	g_ptr_array_unref(schema->properties);
	g_ptr_array_unref(schema->required);
	json_schema_free(schema->items);
	(void)json_object_put(schema->values);
	(void)json_object_put(schema->fallback);
	g_clear_pointer(&schema->pattern, g_regex_unref);
	g_free(schema->description);
	g_free(schema);
}

const struct json_schema *json_schema_find(const struct json_schema *schema, const char *name,
					   guint *cursor)
{
	guint n = schema->properties->len;

	for (guint i = 0; i < n; i++) {
		guint at = (*cursor + i) % n;
		const struct json_schema_property *property = schema->properties->pdata[at];
		if (g_str_equal(property->name, name)) {
			*cursor = at + 1;
			return property->schema;
		}
	}
	return NULL;
}

/* Whether complete() would make nothing but a copy. */
static gboolean is_complete(const struct json_schema *schema, struct json_object *value)
{
	guint i = 0, n = schema->properties->len;

	if (json_object_is_type(value, json_type_array) && schema->items) {
		for (size_t k = 0; k < json_object_array_length(value); k++) {
			if (!is_complete(schema->items, json_object_array_get_idx(value, k)))
				return FALSE;
		}
		return TRUE;
	}
	if (!json_object_is_type(value, json_type_object))
		return TRUE;
	json_object_object_foreach (value, name, member) {
		const struct json_schema_property *property = NULL;
		for (; i < n; i++) {
			property = schema->properties->pdata[i];
			if (g_str_equal(property->name, name))
				break;
			if (property->schema->fallback)
				return FALSE;
		}
		if (i++ >= n || !is_complete(property->schema, member))
			return FALSE;
	}
	for (; i < n; i++) {
		const struct json_schema_property *property = schema->properties->pdata[i];
		if (property->schema->fallback)
			return FALSE;
	}
	return TRUE;
}

/* The value itself is shared with the document; a default is not, since threads share the schema.
 */
static struct json_object *complete(const struct json_schema *schema, struct json_object *value,
				    gboolean share)
{
	if (json_object_is_type(value, json_type_array) && schema->items) {
		struct json_object *array = json_object_new_array();
		for (size_t i = 0; i < json_object_array_length(value); i++)
			(void)json_object_array_add(
				array, complete(schema->items, json_object_array_get_idx(value, i),
						share));
		return array;
	}
	if (!json_object_is_type(value, json_type_object)) {
		struct json_object *copy = NULL;
		if (share)
			return json_object_get(value);
		/* Fails only for lack of memory or for a value that json-c did not make. */
		return json_object_deep_copy(value, &copy, NULL) == 0 ? copy : NULL;
	}
	struct json_object *whole = json_object_new_object();
	for (guint i = 0; i < schema->properties->len; i++) {
		const struct json_schema_property *property = schema->properties->pdata[i];
		struct json_object *member;
		gboolean given = json_object_object_get_ex(value, property->name, &member);
		if (!given)
			member = property->schema->fallback;
		if (member)
			(void)json_object_object_add(
				whole, property->name,
				complete(property->schema, member, share && given));
	}
	return whole;
}

struct json_object *json_schema_complete(const struct json_schema *schema,
					 struct json_object *value)
{
	/* What the store holds is complete, and there may be ten thousand of them to read. */
	return is_complete(schema, value) ? json_object_get(value) : complete(schema, value, TRUE);
}
