/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "service_error.h"
#include "tree_remove.h"

#define UUID1 "00000000-0000-4000-8000-000000000001"
#define UUID2 "00000000-0000-4000-8000-000000000002"
#define MIB   (UINT64_C(1) << 20)

static char *directory_new(void)
{
	char *path = g_dir_make_tmp("saved-XXXXXX", NULL);

	g_assert_nonnull(path);
	return path;
}

static void directory_free(char *path)
{
	g_assert_cmpint(tree_remove_at(AT_FDCWD, path), ==, 0);
	g_free(path);
}

static gboolean exists(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, "saved", name, NULL);

	return access(path, F_OK) == 0;
}

static void put(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, "saved", name, NULL);

	g_assert_true(g_file_set_contents(path, "x", -1, NULL));
}

static void test_life(void)
{
	char *dir = directory_new();
	g_autoptr(GError) error = NULL;
	autofd int fd = saved_state_create(dir, UUID1, &error);
	g_autofree char *page = g_strnfill(4096, 'x');
	uint64_t size = 0;
	struct stat st;
	char c = 0;

	g_assert_no_error(error);
	g_assert_cmpint(fstat(fd, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	g_assert_cmpint(saved_state_open(dir, UUID1, NULL), <, 0); /* it does not count yet */
	g_assert_cmpint(pwrite(fd, page, 4096, 1 << 20), ==, 4096);
	g_assert_cmpint(fsync(fd), ==, 0);
	g_assert_true(saved_state_keep(dir, UUID1, &size, &error));
	g_assert_false(exists(dir, UUID1 ".new"));
	g_assert_cmpuint(size, >=, 4096); /* not the hole */
	g_assert_cmpuint(size, <, 1 << 20);
	g_assert_true(saved_state_keep(dir, UUID1, &size, &error)); /* a vmmsd that died before */
	fd_closep(&fd);
	fd = saved_state_open(dir, UUID1, &error);
	g_assert_cmpint(pread(fd, &c, 1, 1 << 20), ==, 1);
	g_assert_cmpint(c, ==, 'x');
	g_assert_cmpint(write(fd, &c, 1), <, 0);
	saved_state_remove_new(dir, UUID1);
	g_assert_true(exists(dir, UUID1));
	/* The next save takes its place. */
	fd_closep(&fd);
	fd = saved_state_create(dir, UUID1, &error);
	g_assert_false(exists(dir, UUID1));
	saved_state_remove(dir, UUID1);
	g_assert_false(exists(dir, UUID1 ".new"));
	saved_state_remove(dir, UUID1);
	directory_free(dir);
}

static void test_missing(void)
{
	char *dir = directory_new();
	g_autofree char *elsewhere = g_build_filename(dir, "none", NULL);
	g_autoptr(GError) error = NULL;
	uint64_t size;

	g_assert_cmpint(saved_state_create(elsewhere, UUID1, &error), <, 0);
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED);
	g_assert_nonnull(strstr(error->message, "cannot be made: No such file"));
	g_clear_error(&error);
	g_assert_false(saved_state_keep(dir, UUID1, &size, &error));
	g_assert_nonnull(strstr(error->message, "cannot be kept: No such file"));
	g_clear_error(&error);
	g_assert_cmpint(saved_state_open(dir, UUID1, &error), <, 0);
	g_assert_nonnull(strstr(error->message, "cannot be opened: No such file"));
	saved_state_remove(dir, UUID1);
	directory_free(dir);
}

static gboolean is_first(void *context, const char *uuid)
{
	(void)context;
	return g_str_equal(uuid, UUID1);
}

static void test_clean(void)
{
	char *dir = directory_new();

	saved_state_clean(dir, is_first, NULL); /* nobody was ever saved */
	fd_close(saved_state_create(dir, UUID1, NULL));
	put(dir, UUID1);
	put(dir, UUID2);
	put(dir, UUID2 ".new");
	put(dir, UUID2 ".backup");
	put(dir, "README");
	saved_state_clean(dir, is_first, NULL);
	g_assert_true(exists(dir, UUID1));
	g_assert_true(exists(dir, UUID1 ".new"));
	g_assert_false(exists(dir, UUID2));
	g_assert_false(exists(dir, UUID2 ".new"));
	g_assert_true(exists(dir, UUID2 ".backup")); /* an administrator's */
	g_assert_true(exists(dir, "README"));
	directory_free(dir);
}

static void test_touched(void)
{
	char *dir = directory_new();
	g_autofree char *process = g_build_filename(dir, "7", NULL);
	g_autofree char *status = g_build_filename(process, "status", NULL);

	g_assert_cmpuint(saved_state_touched(dir, 7), ==, 0);
	g_assert_cmpint(mkdir(process, 0700), ==, 0);
	g_assert_true(g_file_set_contents(status,
					  "Name:\tRssAnon:\nVmRSS:\t  9999 kB\nRssAnon:\t    1024 "
					  "kB\nRssFile:\t  5000 kB\nRssShmem:\t    2048 kB\n",
					  -1, NULL));
	g_assert_cmpuint(saved_state_touched(dir, 7), ==, 3 * MIB);
	directory_free(dir);
}

static void test_fits(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(saved_state_fits(0, 0, "/d", NULL));
	g_assert_true(saved_state_fits(100 * MIB, 50 * MIB, "/d", NULL));
	g_assert_true(saved_state_fits(UINT64_MAX, UINT64_MAX, "/d", NULL));
	g_assert_false(saved_state_fits(100 * MIB, 50 * MIB - 1, "/d", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED);
	g_assert_cmpstr(error->message, ==,
			"its state may take 100 MiB, and /d has only 49 MiB left; make room there");
	g_assert_cmpuint(saved_state_room("/nowhere"), ==, UINT64_MAX);
	g_assert_cmpuint(saved_state_room("/"), <, UINT64_MAX);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/saved-state/life", test_life);
	g_test_add_func("/saved-state/missing", test_missing);
	g_test_add_func("/saved-state/clean", test_clean);
	g_test_add_func("/saved-state/touched", test_touched);
	g_test_add_func("/saved-state/fits", test_fits);
	return g_test_run();
}
