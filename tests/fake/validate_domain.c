/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "validate_domain.h"

#include <glib/gstdio.h>
#include <unistd.h>

gboolean validate_domain_available(void)
{
	g_autofree char *validator = g_find_program_in_path("virt-xml-validate");

	if (!validator)
		g_test_skip("virt-xml-validate is not installed");
	return validator != NULL;
}

void validate_domain(const char *xml)
{
	g_autofree char *path = NULL, *said = NULL;
	g_autoptr(GError) error = NULL;
	int status, fd = g_file_open_tmp("domain-XXXXXX.xml", &path, &error);

	g_assert_no_error(error);
	close(fd);
	g_assert_true(g_file_set_contents(path, xml, -1, NULL));
	char *argv[] = {(char *)"virt-xml-validate", path, (char *)"domain", NULL};
	g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &said,
				   &status, &error));
	(void)g_unlink(path);
	if (status != 0)
		g_error("%s\nis not valid: %s", xml, said);
}
