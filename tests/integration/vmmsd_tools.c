/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmmsd_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void run_tool(const char *const *words)
{
	g_autoptr(GError) error = NULL;
	int status;

	g_spawn_sync(NULL, (char **)words, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
		     NULL, NULL, NULL, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
}

char *image_of_format(const struct fixture *f, const char *name, const char *format)
{
	char *path = g_build_filename(f->dir, name, NULL);

	RUN("qemu-img", "create", "-q", "-f", format, path, "8M");
	return path;
}

struct fixture *fixture_with_tools(void)
{
	g_autofree char *program = g_find_program_in_path("qemu-nbd");

	if (program)
		return fixture_new(NULL);
	g_test_skip("qemu-nbd is not installed (package qemu-utils)");
	return NULL;
}

struct fixture *fixture_with_real_worker(void)
{
	struct fixture *f;

	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		g_test_skip("/dev/kvm cannot be used here");
		return NULL;
	}
	g_assert_true(g_setenv("VMMS_WORKER", VMWORKER, TRUE));
	f = fixture_with_tools();
	g_unsetenv("VMMS_WORKER");
	if (f) {
		g_free(f->kernel);
		f->kernel = g_strdup(TINY_GUEST);
	}
	return f;
}

int try_lock(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDWR | O_CLOEXEC), r;

	g_assert_cmpint(fd, >=, 0);
	r = fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
	close(fd);
	return r;
}

void wait_unlocked(const char *path)
{
	gint64 end = g_get_monotonic_time() + WAIT_US;

	while (try_lock(path) != 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(2000);
	}
}

guint64 child_of(guint64 parent, const char *name)
{
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	g_autofree char *wanted = g_strdup_printf("(%s) ", name);
	const char *entry;

	while ((entry = g_dir_read_name(proc))) {
		g_autofree char *path = g_build_filename("/proc", entry, "stat", NULL);
		g_autofree char *text = NULL;
		char *at;

		if (!g_ascii_isdigit(*entry) || !g_file_get_contents(path, &text, NULL, NULL))
			continue;
		at = strstr(text, wanted);
		if (at && g_ascii_strtoull(at + strlen(wanted) + 2, NULL, 10) == parent)
			return g_ascii_strtoull(entry, NULL, 10);
	}
	return 0;
}
