/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * XML from anywhere: never a crash, a refusal is one sentence, and what is taken over is JSON that
 * a definition can be refused or made of. One that is made comes back the same from the XML that we
 * write of it.
 */
#include <string.h>

#include "definition.h"
#include "domain_export.h"
#include "domain_import.h"

static void check_again(const definition_t *definition)
{
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = domain_export(definition->json, &error);

	/* Metadata can have brought characters that XML has not. */
	if (!xml)
		return;
	g_autofree char *json = domain_import(xml, strlen(xml), 0, notes, &error);
	g_assert_no_error(error);
	g_autoptr(definition_t) again = definition_parse(json, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(again->json, ==, definition->json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autofree char *json = domain_import((const char *)data, size, size & 3, notes, &error);

	g_assert_true((json == NULL) == (error != NULL));
	if (error) {
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
		g_assert_null(strchr(error->message, '\n'));
		return 0;
	}
	g_autoptr(definition_t) definition = definition_parse(json, NULL);
	if (definition)
		check_again(definition);
	return 0;
}
