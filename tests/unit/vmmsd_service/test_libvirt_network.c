/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of the helper's answer. */
#include "libvirt_network.h"

#include <string.h>

static void refuses(struct subprocess_result result, const char *text)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(libvirt_network_bridge(&result, "lan", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED);
	if (!strstr(error->message, text))
		g_error("%s has no %s", error->message, text);
	g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

static void test_bridge(void)
{
	const struct subprocess_result good = {.output = "virbr0\n", .error_text = ""};
	g_autofree char *bridge = libvirt_network_bridge(&good, "lan", NULL);

	g_assert_cmpstr(bridge, ==, "virbr0");
}

static void test_refused(void)
{
	static const char *const names[] = {"", "\n", "a b", "../x", "sixteen-letters.", NULL};

	for (size_t i = 0; names[i]; i++)
		refuses((struct subprocess_result){.output = names[i], .error_text = ""},
			"a name that no bridge can have");
	refuses((struct subprocess_result){.status = 1, .output = "virbr0", .error_text = "why"},
		"why");
	refuses((struct subprocess_result){.status = 1, .output = "", .error_text = "\xff"},
		"\xef\xbf\xbd");
	refuses((struct subprocess_result){.status = -9, .output = "", .error_text = ""},
		"libvirt cannot be asked");
	refuses((struct subprocess_result){.timed_out = TRUE, .output = "", .error_text = ""},
		"libvirt did not tell the bridge of its network lan within 10 s");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/libvirt-network/bridge", test_bridge);
	g_test_add_func("/libvirt-network/refused", test_refused);
	return g_test_run();
}
