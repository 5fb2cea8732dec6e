/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "options.h"
#include "uuid.h"
#include "worker_error.h"

#define UUID "0f0e0d0c-0b0a-0908-0706-050403020100"

static gboolean parse(const char *line, struct options *options, GError **error)
{
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	gboolean ok = options_parse((int)g_strv_length(argv), argv, options, error);

	/* The strings are argv's, which ends here. */
	options->uuid = options->name = options->runtime_dir = NULL;
	return ok;
}

static void test_good(void)
{
	struct options options = {0};
	g_autoptr(GError) error = NULL;

	g_assert_true(parse("w --uuid " UUID " --name a --runtime-dir /r", &options, &error));
	g_assert_cmpint(options.mode, ==, OPTIONS_RUN);
	g_assert_cmpuint(options.start_timeout_ms, ==, 10000);
	g_assert_true(parse("w --uuid " UUID " --name a --runtime-dir /r --start-timeout 5",
			    &options, &error));
	g_assert_cmpuint(options.start_timeout_ms, ==, 5);
	g_assert_true(parse("w --probe", &options, &error));
	g_assert_cmpint(options.mode, ==, OPTIONS_PROBE);
	g_assert_true(parse("w --measure", &options, &error));
	g_assert_cmpint(options.mode, ==, OPTIONS_MEASURE);
	g_assert_true(parse("w --version", &options, &error));
	g_assert_cmpint(options.mode, ==, OPTIONS_VERSION);
	g_assert_true(parse("w -h", &options, &error));
	g_assert_cmpint(options.mode, ==, OPTIONS_HELP);
	g_assert_nonnull(strstr(options_help(), "--runtime-dir"));
}

static void test_bad(void)
{
	static const char *const cases[][2] = {
		{"w", "--uuid is missing"},
		{"w --uuid 0F0E0D0C-0b0a-0908-0706-050403020100", "--uuid is not"},
		{"w --uuid " UUID, "--name"},
		{"w --uuid " UUID " --name a", "--runtime-dir"},
		{"w --uuid " UUID " --name a --runtime-dir r", "--runtime-dir"},
		{"w --start-timeout 0", "--start-timeout \"0\""},
		{"w --start-timeout -5", "--start-timeout \"-5\""},
		{"w --start-timeout 99999999999999999999", "--start-timeout"},
		{"w --start-timeout 5s", "--start-timeout \"5s\""},
		{"w --uuid", "\"--uuid\""},
		{"w --frob", "\"--frob\""},
		{"w word", "\"word\""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct options options = {0};
		g_autoptr(GError) error = NULL;
		g_assert_false(parse(cases[i][0], &options, &error));
		g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
		if (!strstr(error->message, cases[i][1]))
			g_error("\"%s\" lacks \"%s\"", error->message, cases[i][1]);
	}
}

static void test_uuid(void)
{
	g_assert_true(uuid_is_canonical(UUID));
	g_assert_false(uuid_is_canonical(NULL));
	g_assert_false(uuid_is_canonical(""));
	g_assert_false(uuid_is_canonical(UUID "0"));
	g_assert_false(uuid_is_canonical("0f0e0d0c-0b0a-0908-0706_050403020100"));
	g_assert_false(uuid_is_canonical("0f0e0d0c-0b0a-0908-0706-05040302010g"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/options/good", test_good);
	g_test_add_func("/worker/options/bad", test_bad);
	g_test_add_func("/worker/options/uuid", test_uuid);
	return g_test_run();
}
