/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "result.h"
#include "start_files.h"
#include "worker_error.h"

static void test_format(void)
{
	const struct result off = {.how = RESULT_HOW_POWER_OFF, .reason = (char *)"ACPI S5"};
	const struct result bad = {.crashed = true,
				   .how = RESULT_HOW_PANIC,
				   .reason = (char *)"a\"b\\c\n\x01\xff\x7f é"};
	g_autofree char *one = result_format(&off);
	g_autofree char *two = result_format(&bad);

	g_assert_cmpstr(one, ==,
			"{\"state\":\"off\",\"reason\":\"ACPI S5\",\"how\":\"power-off\"}\n");
	g_assert_cmpstr(two, ==,
			"{\"state\":\"crashed\",\"reason\":\"a\\\"b\\\\c\\u000a\\u0001\xef\xbf\xbd"
			"\\u007f é\",\"how\":\"panic\"}\n");
	g_assert_cmpstr(result_how_name(RESULT_HOW_TRIPLE_FAULT), ==, "triple-fault");
	g_assert_cmpstr(result_how_name((enum result_how)99), ==, "error");
}

static void test_write(void)
{
	const struct result result = {.how = RESULT_HOW_STOP, .reason = (char *)"r"};
	g_autofree char *line = result_format(&result);
	g_autoptr(GError) error = NULL;
	char back[256] = "";
	int fd = memfd_create("result", MFD_CLOEXEC);

	g_assert_true(result_write(fd, &result, &error));
	g_assert_no_error(error);
	g_assert_cmpint(pread(fd, back, sizeof(back), 0), ==, (ssize_t)strlen(line));
	g_assert_cmpstr(back, ==, line);
	close(fd);

	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	g_assert_false(result_write(full, &result, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_FAILED);
	g_assert_nonnull(strstr(error->message, "result file"));
	close(full);
}

static void test_files(void)
{
	struct start_files files;
	g_autoptr(GError) error = NULL;
	int fd = memfd_create("f", MFD_CLOEXEC);

	start_files_init(&files);
	g_assert_false(start_files_complete(&files, &error));
	g_assert_nonnull(strstr(error->message, "\"kernel\""));
	g_clear_error(&error);
	g_assert_false(start_files_add(&files, "kernel", -1, &error));
	g_clear_error(&error);
	g_assert_false(start_files_add(&files, "kernel\n", fd, &error));
	g_assert_nonnull(strstr(error->message, "\"kernel\\n\""));
	g_clear_error(&error);
	int read_only = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	g_assert_false(start_files_add(&files, "result", read_only, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	g_clear_error(&error);
	g_assert_true(start_files_add(&files, "kernel", read_only, &error));
	g_assert_true(start_files_add(&files, "result", fd, &error));
	g_assert_cmpint(files.fd[START_FILE_RESULT], !=, fd);
	g_assert_true(start_files_complete(&files, &error));
	g_assert_cmpint(files.fd[START_FILE_CONSOLE1], >=, 0);
	start_files_close(&files);
	start_files_close(&files);
	g_assert_cmpint(fcntl(fd, F_GETFD), >=, 0); /* the caller's own stays open */
	close(fd);
	close(read_only);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/result/format", test_format);
	g_test_add_func("/worker/result/write", test_write);
	g_test_add_func("/worker/result/files", test_files);
	return g_test_run();
}
