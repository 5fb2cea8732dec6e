/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "assert_error.h"
#include "json_text.h"

static const struct {
	const char *text, *message; /* message NULL: accepted */
} cases[] = {
	{"{}", NULL},
	{" {\"a\": [1, \"b\", true]}\n", NULL},
	{"0", NULL},
	{"{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}", NULL},
	{"[{\"a\":1},{\"a\":1}]", NULL},
	{"{\"a\":\"\\\\u0000\"}", NULL}, /* a backslash, then u0000 */
	{"{\"a\":\"x\\\"a\\\": 1, {[\",\"b\":2}", NULL},
	{"null", "$: found null; give a value"},
	{"", "line 1, column 1: the document ends in the middle of a value"},
	{"{\"a\":", "line 1, column 6: the document ends in the middle of a value"},
	{"{\"a\":1,\n\"b\":}", "line 2, column 5: unexpected character"},
	{"{\"a\":1} x", "line 1, column 9: unexpected character"},
	{"{}{}", "line 1, column 3: unexpected character"},
	{"{\"a\":1,}", "line 1, column 8: unexpected character"},
	{"{'a':1}", "$: names are quoted with \", not with '"},
	{"{\"a\":1 /* no */}", "line 1, column 8: object value separator ',' expected"},
	{"{\"a\":1,\"b\":2,\"a\":3}", "$: the member a is given twice; keep one"},
	{"{\"a\":1,\"\\u0061\":3}", "$: the member a is given twice; keep one"},
	{"{\"x\":[0,{\"y\":{\"a\":1,\"a\":1}}]}",
	 "$.x[1].y: the member a is given twice; keep one"},
	{"{'a':1,'a':2}", "$: names are quoted with \", not with '"},
	{"{\"b\":{'a':1}}", "$.b: names are quoted with \", not with '"},
	{"{\"b\":\"'\"}", NULL},
	{"{\"b\":\"x\ty\"}", "$.b: a string contains a control character; write it as an escape"},
	{"{\"a\":\"b\\u0000c\"}", "$.a: the string contains a NUL character"},
	{"[1,\"\\u0000\"]", "$[1]: the string contains a NUL character"},
	{"{\"a\\u0000b\":1}", "$: a member name contains a NUL character"},
	{"{\"we ird\":{\"b\":1,\"b\":2}}", "$[\"we ird\"]: the member b is given twice; keep one"},
	{"{\"a\":\"\xff\"}", "byte 6 (0xff) is not UTF-8; save the document as UTF-8"},
	{"{\"a\":\"\xc0\xaf\"}", "byte 6 (0xc0) is not UTF-8; save the document as UTF-8"},
	{"[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
	 "the document is nested deeper than 16 levels"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		g_autoptr(json_value_t) value = json_text_parse(cases[i].text, 1000, &error);
		g_test_message("%s", cases[i].text);
		if (!cases[i].message) {
			g_assert_no_error(error);
			g_assert_nonnull(value);
		} else {
			g_assert_null(value);
			assert_message(error, SERVICE_ERROR_INVALID_DEFINITION, cases[i].message);
		}
	}
}

static void test_length(void)
{
	GError *error = NULL;
	g_autofree char *fits = g_strnfill(100, ' ');
	g_autofree char *over = g_strnfill(101, ' ');

	fits[0] = over[0] = '[';
	fits[1] = over[1] = ']';
	g_autoptr(json_value_t) value = json_text_parse(fits, 100, &error);
	g_assert_no_error(error);
	g_assert_nonnull(value);
	g_assert_null(json_text_parse(over, 100, &error));
	assert_message(error, SERVICE_ERROR_INVALID_DEFINITION,
		       "the document has 101 bytes, more than the 100 allowed; shorten it");
}

/* Exactly the depth that is allowed passes json-c and the scan alike. */
static void test_depth(void)
{
	for (unsigned depth = 1; depth < 20; depth++) {
		g_autofree char *open = g_strnfill(depth, '[');
		g_autofree char *close = g_strnfill(depth, ']');
		g_autofree char *text = g_strconcat(open, close, NULL);
		g_autoptr(json_value_t) value = json_text_parse(text, 1000, NULL);
		g_assert_cmpint(value != NULL, ==, depth <= JSON_TEXT_MAX_DEPTH);
	}
}

static void test_excerpt(void)
{
	g_autofree char *long_text = g_strnfill(5000, 'a');
	g_autofree char *cut = json_text_excerpt(long_text);
	g_autofree char *control = json_text_excerpt("a\033[31mb\nc");
	g_autoptr(GString) umlauts = g_string_new(NULL);

	g_assert_cmpint(g_utf8_strlen(cut, -1), ==, 64);
	g_assert_true(g_str_has_suffix(cut, "a…"));
	g_assert_cmpstr(control, ==, "a?[31mb?c");
	for (unsigned i = 0; i < 1000; i++)
		g_string_append(umlauts, "ü");
	g_autofree char *utf8 = json_text_excerpt(umlauts->str);
	g_assert_true(g_utf8_validate(utf8, -1, NULL));
	g_assert_cmpint(g_utf8_strlen(utf8, -1), ==, 64);
}

/* No text of JSON's own characters crashes the reader, and what it accepts prints and reads back.
 */
static void test_random(void)
{
	static const char *const tokens[] = {"{",  "}",	   "[",	   "]",	    ":",	  ",",
					     "1",  "-0.5", "true", "null",  "\"a\"",	  "\"b\"",
					     "\"", "\\",   " ",	   "\\u00", "\"\\u0000\""};
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);

	for (unsigned i = 0; i < 50000; i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		gint32 n = g_rand_int_range(rand, 1, 14);
		for (gint32 k = 0; k < n; k++)
			g_string_append(text,
					tokens[g_rand_int_range(rand, 0, G_N_ELEMENTS(tokens))]);
		g_autoptr(GError) error = NULL;
		g_autoptr(json_value_t) value = json_text_parse(text->str, 1000, &error);
		g_assert_cmpint(value == NULL, ==, error != NULL);
		if (!value)
			continue;
		g_autofree char *printed = json_text_print(value);
		g_autoptr(json_value_t) again = json_text_parse(printed, 1000, &error);
		g_assert_no_error(error);
		g_assert_true(json_object_equal(value, again));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/json-text/cases", test_cases);
	g_test_add_func("/json-text/length", test_length);
	g_test_add_func("/json-text/depth", test_depth);
	g_test_add_func("/json-text/excerpt", test_excerpt);
	g_test_add_func("/json-text/random", test_random);
	return g_test_run();
}
