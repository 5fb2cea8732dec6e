/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "assert_error.h"
#include "json_schema.h"
#include "json_text.h"

static const char text[] =
	"{\"$schema\":\"x\",\"title\":\"t\",\"type\":\"object\",\"additionalProperties\":false,"
	"\"required\":[\"id\"],\"properties\":{"
	"\"id\":{\"type\":\"integer\",\"const\":1},"
	"\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":240,\"default\":2},"
	"\"low\":{\"type\":\"integer\",\"minimum\":-5},"
	"\"size\":{\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]+$\",\"minimum\":10},"
	"\"kind\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"],\"default\":\"a\"},"
	"\"path\":{\"description\":\"an absolute path\",\"type\":\"string\",\"pattern\":\"^/\","
	"\"maxLength\":5},"
	"\"on\":{\"type\":\"boolean\",\"default\":false},"
	"\"any\":{},"
	"\"number\":{\"type\":\"number\"},"
	"\"inner\":{\"type\":\"object\",\"additionalProperties\":false,\"default\":{},"
	"\"properties\":{\"depth\":{\"type\":\"integer\",\"default\":7}}},"
	"\"list\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":"
	"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":"
	"{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\",\"default\":9}}}}}}";

static const struct {
	const char *document, *message; /* message NULL: valid */
} cases[] = {
	{"{\"id\":1}", NULL},
	{"{\"id\":1,\"count\":1,\"size\":10,\"kind\":\"b\",\"path\":\"/a\",\"on\":true}", NULL},
	{"{\"id\":1,\"count\":240,\"size\":\"7\",\"any\":[null],\"inner\":{\"depth\":-1}}", NULL},
	{"{\"id\":1,\"number\":1,\"low\":-5}", NULL},
	{"{\"id\":1,\"number\":1.5}", NULL},
	{"{\"id\":1,\"path\":\"/üöä\"}", NULL}, /* characters, not bytes */
	{"[]", "$: expected an object, found an array"},
	{"{}", "$: the member id is missing; it is required"},
	{"{\"id\":2}", "$.id: 2 is not known; give 1"},
	{"{\"id\":1,\"count\":0}", "$.count: 0 is below the minimum 1; give 1 to 240"},
	{"{\"id\":1,\"count\":241}", "$.count: 241 is above the maximum 240; give 1 to 240"},
	{"{\"id\":1,\"count\":18446744073709551615}",
	 "$.count: 18446744073709551615 is above the maximum 240; give 1 to 240"},
	{"{\"id\":1,\"low\":-6}", "$.low: -6 is below the minimum -5"},
	{"{\"id\":1,\"count\":1.0}",
	 "$.count: expected an integer, found a number with a fraction or an exponent (1.0); "
	 "write it in plain digits"},
	{"{\"id\":1,\"count\":1e2}",
	 "$.count: expected an integer, found a number with a fraction or an exponent (1e2); "
	 "write it in plain digits"},
	{"{\"id\":1,\"count\":\"1\"}", "$.count: expected an integer, found a string"},
	{"{\"id\":1,\"count\":null}", "$.count: expected an integer, found null"},
	{"{\"id\":1,\"size\":true}", "$.size: expected an integer or a string, found a boolean"},
	{"{\"id\":1,\"size\":9}", "$.size: 9 is below the minimum 10"},
	{"{\"id\":1,\"size\":\"1x\"}", "$.size: \"1x\" does not match ^[0-9]+$"},
	{"{\"id\":1,\"size\":\"1\\n\"}", "$.size: \"1\\n\" does not match ^[0-9]+$"},
	{"{\"id\":1,\"kind\":\"c\"}", "$.kind: \"c\" is not known; give one of \"a\", \"b\""},
	{"{\"id\":1,\"path\":\"a\"}", "$.path: \"a\" is not valid; give an absolute path"},
	{"{\"id\":1,\"path\":\"/aaaaa\"}",
	 "$.path: has 6 characters, more than the 5 allowed; shorten it"},
	{"{\"id\":1,\"inner\":{\"dept\":1}}",
	 "$.inner.dept: unknown member; known here is depth; did you mean depth?"},
	{"{\"id\":1,\"inner\":{\"zzz\":1}}", "$.inner.zzz: unknown member; known here is depth"},
	{"{\"id\":1,\"Count\":1}", "$.Count: unknown member; known here are id, count, low, size, "
				   "kind, path, on, any, number, inner, list; did you mean "
				   "count?"},
	{"{\"id\":1,\"a b\":1}", "$[\"a b\"]: unknown member; known here are id, count, low, size, "
				 "kind, path, on, any, number, inner, list"},
	{"{\"id\":1,\"list\":[{},{\"a\":1}]}", NULL},
	{"{\"id\":1,\"list\":{}}", "$.list: expected an array, found an object"},
	{"{\"id\":1,\"list\":[]}",
	 "$.list: has 0 elements, fewer than the 1 that are needed; add some"},
	{"{\"id\":1,\"list\":[{},{},{}]}",
	 "$.list: has 3 elements, more than the 2 allowed; take some out"},
	{"{\"id\":1,\"list\":[{},7]}", "$.list[1]: expected an object, found an integer"},
	{"{\"id\":1,\"list\":[{\"a\":\"x\"}]}", "$.list[0].a: expected an integer, found a string"},
};

static void test_cases(void)
{
	g_autoptr(json_schema_t) schema = json_schema_new(text, NULL);

	g_assert_nonnull(schema);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_autoptr(json_value_t) value = json_text_parse(cases[i].document, 1000, &error);
		g_test_message("%s", cases[i].document);
		g_assert_no_error(error);
		g_assert_cmpint(json_schema_check(schema, value, &error), ==, !cases[i].message);
		if (cases[i].message)
			assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, cases[i].message);
	}
}

static void test_complete(void)
{
	g_autoptr(json_schema_t) schema = json_schema_new(text, NULL);
	g_autoptr(json_value_t) value =
		json_text_parse("{\"kind\":\"b\",\"count\":3,\"id\":1}", 1000, NULL);
	g_autoptr(json_value_t) complete = json_schema_complete(schema, value);
	g_autofree char *printed = json_text_print(complete);

	/* Order and defaults are the schema's; the given document is not touched. */
	g_assert_cmpstr(
		printed, ==,
		"{\"id\":1,\"count\":3,\"kind\":\"b\",\"on\":false,\"inner\":{\"depth\":7}}");
	g_assert_cmpint(json_object_object_length(value), ==, 3);
	g_autoptr(json_value_t) again = json_schema_complete(schema, complete);
	g_assert_true(json_object_equal(complete, again));
	/* In the elements of an array, too. */
	g_autoptr(json_value_t) list =
		json_text_parse("{\"id\":1,\"list\":[{},{\"b\":1,\"a\":2}]}", 1000, NULL);
	g_autoptr(json_value_t) whole = json_schema_complete(schema, list);
	g_autofree char *elements = json_text_print(json_object_object_get(whole, "list"));
	g_assert_cmpstr(elements, ==, "[{\"b\":9},{\"a\":2,\"b\":1}]");
	g_autoptr(json_value_t) same = json_schema_complete(schema, whole);
	g_assert_true(json_object_equal(whole, same));
}

static void test_bad_schemas(void)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"{\"oneOf\":[]}", "schema: oneOf: unknown keyword"},
		{"{\"type\":\"text\"}", "schema: type: unknown type"},
		{"{\"additionalProperties\":true}",
		 "schema: additionalProperties: only false is understood"},
		{"{\"minimum\":1.5}", "schema: minimum: not an integer"},
		{"{\"properties\":{\"a\":{\"uniqueItems\":1}}}",
		 "schema: uniqueItems: unknown keyword"},
		{"{\"items\":{\"maxItems\":\"1\"}}", "schema: maxItems: not an integer"},
		{"{\"items\":[]}", "schema: schema: not an object"},
		{"{\"properties\":[]}", "schema: properties: not an object"},
		{"{\"required\":1}", "schema: required: not an array"},
		{"{\"enum\":1}", "schema: enum: not an array"},
		{"[]", "schema: schema: not an object"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		GError *error = NULL;
		g_assert_null(json_schema_new(bad[i].text, &error));
		assert_message(error, SERVICE_ERROR_INVALID_ARGUMENT, bad[i].message);
	}
	g_autoptr(GError) error = NULL;
	g_assert_null(json_schema_new("{\"pattern\":\"(\"}", &error));
	g_assert_true(g_str_has_prefix(error->message, "schema: pattern: "));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/json-schema/cases", test_cases);
	g_test_add_func("/json-schema/complete", test_complete);
	g_test_add_func("/json-schema/bad-schemas", test_bad_schemas);
	return g_test_run();
}
