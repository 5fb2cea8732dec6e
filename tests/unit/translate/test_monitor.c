/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU tells of errors of images that are served. */
#include "emulator_monitor.h"

static void stops(const char *details, size_t index, const char *why)
{
	g_autofree char *said = NULL;
	size_t at = 0;

	g_assert_true(emulator_monitor_read_stop(details, &at, &said));
	g_assert_cmpuint(at, ==, index);
	g_assert_cmpstr(said, ==, why);
}

static void is_none(const char *details)
{
	g_autofree char *said = NULL;
	size_t at = 0;

	g_assert_false(emulator_monitor_read_stop(details, &at, &said));
	g_assert_null(said);
}

static void test_stop(void)
{
	stops("{\"device\":\"\",\"node-name\":\"image0\",\"operation\":\"write\","
	      "\"action\":\"stop\",\"nospace\":false,\"reason\":\"Input/output error\"}",
	      0, "Input/output error");
	stops("{\"node-name\":\"limited63\",\"action\":\"stop\"}", 63, "");
}

static void test_others(void)
{
	is_none("");
	is_none("[]");
	is_none("{\"action\":\"stop\"}");
	is_none("{\"node-name\":\"image0\",\"action\":\"report\"}");
	is_none("{\"node-name\":\"image0\",\"action\":7}");
	is_none("{\"node-name\":7,\"action\":\"stop\"}");
	is_none("{\"node-name\":\"image64\",\"action\":\"stop\"}");
	is_none("{\"node-name\":\"image\",\"action\":\"stop\"}");
	/* One of libvirt's. */
	is_none("{\"node-name\":\"libvirt-1-format\",\"action\":\"stop\"}");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/translate/monitor/stop", test_stop);
	g_test_add_func("/translate/monitor/others", test_others);
	return g_test_run();
}
