/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Definitions and merge patches from anywhere: never a crash, every refusal says why, and what is
 * accepted is a fixed point.
 */
#include "definition.h"

#include <string.h>

static void check_fixed_point(struct definition *definition)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(definition_t) again = definition_parse(definition->json, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(again->json, ==, definition->json);
	g_assert_true(definition_is_live_change(definition, again));
	g_assert_cmpuint(definition->memory % 4096, ==, 0);
	g_assert_true(definition_check_name(definition->name, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The document, then, behind the first NUL, a patch for it or for a definition of our own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GString) copy = g_string_new_len((const char *)data, (gssize)size);
	const char *text = copy->str;
	g_autoptr(GError) error = NULL;

	g_autoptr(definition_t) definition = definition_parse(text, &error);
	g_assert_true((definition == NULL) == (error != NULL));
	if (error)
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
	if (definition)
		check_fixed_point(definition);
	else
		definition = definition_parse("{\"version\":1,\"name\":\"x\"}", NULL);

	const char *patch = strlen(text) < size ? text + strlen(text) + 1 : text;
	g_autoptr(definition_t) edited = definition_edit(definition, patch, NULL);
	if (edited)
		check_fixed_point(edited);
	return 0;
}
