/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk_lock.h"
#include "storage_error.h"

struct fixture {
	char *path;
};

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int fd = g_file_open_tmp("vmms-lock-XXXXXX", &f->path, NULL);

	g_assert_cmpint(fd, >=, 0);
	close(fd);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_unlink(f->path);
	g_free(f->path);
}

static int image_open(struct fixture *f, bool read_only)
{
	int fd = open(f->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void assert_refused(int fd, bool read_only)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(disk_lock(fd, read_only, "web1-root", &error));
	g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_IN_USE);
	g_assert_nonnull(strstr(error->message, "disk \"web1-root\" is in use"));
}

static void test_writers(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int first = image_open(f, false), second = image_open(f, false);
	int reader = image_open(f, true);

	g_assert_true(disk_lock(first, false, "d", NULL));
	assert_refused(second, false);
	assert_refused(reader, true);
	close(first);
	g_assert_true(disk_lock(second, false, "d", NULL));
	close(second);
	close(reader);
}

static void test_readers(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int first = image_open(f, true), second = image_open(f, true);
	int writer = image_open(f, false);

	g_assert_true(disk_lock(first, true, "d", NULL));
	g_assert_true(disk_lock(second, true, "d", NULL));
	assert_refused(writer, false);
	close(first);
	assert_refused(writer, false);
	close(second);
	g_assert_true(disk_lock(writer, false, "d", NULL));
	close(writer);
}

/* vmmsd opens and locks, the worker gets a copy and locks again; vmmsd closes its own. */
static void test_passed_on(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int first = image_open(f, false), copy = fcntl(first, F_DUPFD_CLOEXEC, 0);
	int other = image_open(f, false);

	g_assert_true(disk_lock(first, false, "d", NULL));
	g_assert_true(disk_lock(copy, false, "d", NULL));
	close(first);
	assert_refused(other, false);
	close(copy);
	g_assert_true(disk_lock(other, false, "d", NULL));
	close(other);
}

/* The holder dies: nothing is left that would need to be cleared by hand. */
static void test_death(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	int locked[2], status, fd;
	char byte;
	pid_t pid;

	g_assert_cmpint(pipe(locked), ==, 0);
	pid = fork();
	if (pid == 0) {
		int own = open(f->path, O_RDWR);
		struct flock lock = {.l_type = F_WRLCK};

		if (fcntl(own, F_OFD_SETLK, &lock) < 0 || write(locked[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	g_assert_cmpint(pid, >, 0);
	g_assert_cmpint(read(locked[0], &byte, 1), ==, 1);
	fd = image_open(f, false);
	assert_refused(fd, false);
	kill(pid, SIGKILL);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(disk_lock(fd, false, "d", NULL));
	close(fd);
	close(locked[0]);
	close(locked[1]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/disk_lock/writers", struct fixture, NULL, set_up, test_writers, tear_down);
	g_test_add("/disk_lock/readers", struct fixture, NULL, set_up, test_readers, tear_down);
	g_test_add("/disk_lock/passed-on", struct fixture, NULL, set_up, test_passed_on, tear_down);
	g_test_add("/disk_lock/death", struct fixture, NULL, set_up, test_death, tear_down);
	return g_test_run();
}
