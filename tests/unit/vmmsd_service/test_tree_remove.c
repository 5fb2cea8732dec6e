/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "tree_remove.h"

static void file_make(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	g_assert_cmpint(fd, >=, 0);
	close(fd);
}

static void test_tree(void)
{
	g_autofree char *path = g_dir_make_tmp("tree-XXXXXX", NULL);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	g_assert_cmpint(tree_remove_at(dir, "absent"), ==, 0);
	g_assert_cmpint(mkdirat(dir, "kept", 0700), ==, 0);
	file_make(dir, "kept/file");
	g_assert_cmpint(mkdirat(dir, "tree", 0700), ==, 0);
	g_assert_cmpint(mkdirat(dir, "tree/a", 0700), ==, 0);
	file_make(dir, "tree/a/file");
	/* What a link points to is not the tree's. */
	g_assert_cmpint(symlinkat("../kept", dir, "tree/link"), ==, 0);
	g_assert_cmpint(symlinkat("../../kept/file", dir, "tree/a/link"), ==, 0);
	g_assert_cmpint(symlinkat("kept", dir, "link"), ==, 0);
	g_assert_cmpint(tree_remove_at(dir, "tree"), ==, 0);
	g_assert_cmpint(tree_remove_at(dir, "link"), ==, 0);
	g_assert_cmpint(faccessat(dir, "tree", F_OK, 0), <, 0);
	g_assert_cmpint(faccessat(dir, "kept/file", F_OK, 0), ==, 0);
	g_assert_cmpint(tree_remove_at(dir, "kept"), ==, 0);
	close(dir);
	g_assert_cmpint(g_rmdir(path), ==, 0);
}

/* A tree without an end is left. */
static void test_deep(void)
{
	g_autofree char *path = g_dir_make_tmp("tree-XXXXXX", NULL);
	g_autoptr(GString) name = g_string_new("d");
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (unsigned int i = 0; i < 40; i++) {
		g_assert_cmpint(mkdirat(dir, name->str, 0700), ==, 0);
		g_string_append(name, "/d");
	}
	g_assert_cmpint(tree_remove_at(dir, "d"), <, 0);
	/* From below, in bites that are not too deep. */
	for (size_t n = name->len - 2; n > 0; n -= 2) {
		g_string_truncate(name, n - 1);
		g_assert_cmpint(tree_remove_at(dir, name->str), ==, 0);
		if (n < 3)
			break;
	}
	close(dir);
	g_assert_cmpint(g_rmdir(path), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tree-remove/tree", test_tree);
	g_test_add_func("/tree-remove/deep", test_deep);
	return g_test_run();
}
