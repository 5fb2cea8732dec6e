/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_result.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_said(void)
{
	struct worker_result result = {0};

	g_assert_true(worker_result_parse(
		"{\"state\":\"off\",\"reason\":\"the guest powered off\",\"how\":\"x\"}", &result));
	g_assert_false(result.crashed);
	g_assert_cmpstr(result.reason, ==, "the guest powered off");
	g_free(result.reason);
	g_assert_true(worker_result_parse("{\"state\":\"crashed\"}", &result));
	g_assert_true(result.crashed);
	g_assert_cmpstr(result.reason, ==, "the guest crashed");
	g_assert_false(result.saved);
	g_free(result.reason);
	g_assert_true(worker_result_parse("{\"state\":\"saved\",\"reason\":\"\"}", &result));
	g_assert_true(result.saved);
	g_assert_false(result.crashed);
	g_assert_cmpstr(result.reason, ==, "the machine was saved");
	g_free(result.reason);
}

static void test_not_said(void)
{
	static const char *const texts[] = {
		"",
		"{",
		"null",
		"[]",
		"{}",
		"{\"state\":1}",
		"{\"state\":\"running\"}",
		"\"off\"",
		"\xff\xfe",
		"{\"state\":[\"off\"]}",
		"off",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct worker_result result = {0};

		g_assert_false(worker_result_parse(texts[i], &result));
		g_assert_null(result.reason);
	}
}

/* Whatever a worker writes becomes one bounded line of UTF-8. */
static void test_foreign_text(void)
{
	g_autofree char *filler = g_strnfill(3000, 'x');
	g_autofree char *text =
		g_strdup_printf("{\"state\":\"off\",\"reason\":\"\\u001b[31m\\n%s\xff\"}", filler);
	struct worker_result result = {0};

	g_assert_true(worker_result_parse(text, &result));
	g_assert_true(g_utf8_validate(result.reason, -1, NULL));
	g_assert_cmpuint(strlen(result.reason), <=, 1024);
	g_assert_null(strpbrk(result.reason, "\n\033"));
	g_free(result.reason);
}

static void test_file(void)
{
	g_autofree char *dir = g_dir_make_tmp("result-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "result", NULL);
	g_autofree char *big = g_strnfill(WORKER_RESULT_MAX + 1, ' ');
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct worker_result result = {0};

	g_assert_cmpint(fd, >=, 0);
	g_assert_false(worker_result_read(fd, &result)); /* missing */
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
	g_assert_false(worker_result_read(fd, &result));
	g_assert_true(g_file_set_contents(path, big, -1, NULL));
	g_assert_false(worker_result_read(fd, &result));
	g_assert_true(g_file_set_contents(path, "{\"state\":\"off\"}", -1, NULL));
	g_assert_true(worker_result_read(fd, &result));
	g_free(result.reason);
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(mkfifo(path, 0600), ==, 0);
	g_assert_false(worker_result_read(fd, &result)); /* and it does not wait */
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(symlink("/etc/hostname", path), ==, 0);
	g_assert_false(worker_result_read(fd, &result));
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(g_rmdir(dir), ==, 0);
	close(fd);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker-result/said", test_said);
	g_test_add_func("/worker-result/not-said", test_not_said);
	g_test_add_func("/worker-result/foreign-text", test_foreign_text);
	g_test_add_func("/worker-result/file", test_file);
	return g_test_run();
}
