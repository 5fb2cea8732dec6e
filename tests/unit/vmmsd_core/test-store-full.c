/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that is full: one sentence, nothing half done, and the store goes on when there is room.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "assert_error.h"
#include "store.h"
#include "temporary_directory.h"

#define DEFINITION_BYTES 20000

static gboolean insert(struct store *store, unsigned number, GError **error)
{
	g_autofree char *uuid = g_strdup_printf("00000000-0000-4000-8000-%012u", number);
	g_autofree char *name = g_strdup_printf("vm%06u", number);
	g_autofree char *definition = g_strnfill(DEFINITION_BYTES, 'x');
	const struct store_vm vm = {
		.uuid = uuid, .name = name, .definition = definition, .state = VM_STATE_OFF};

	return store_insert_vm(store, &vm, error);
}

static gboolean count_row(void *context, const struct store_vm *vm, GError **error)
{
	(void)error;
	g_assert_cmpuint(strlen(vm->definition), ==, DEFINITION_BYTES);
	++*(unsigned *)context;
	return TRUE;
}

static unsigned count(struct store *store)
{
	unsigned n = 0;

	g_assert_true(store_foreach_vm(store, count_row, &n, NULL));
	return n;
}

/* Until the first refusal; at most `limit`. */
static unsigned fill(struct store *store, unsigned limit, GError **error)
{
	unsigned n = 0;

	while (n < limit && insert(store, n, error))
		n++;
	return n;
}

/* A private tmpfs of 1 MiB at path; FALSE where this process may not mount. */
static gboolean mount_small(const char *path)
{
	/* In a mount namespace of our own nothing is left behind, however the test ends. */
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return FALSE;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return FALSE;
	return mount("tmpfs", path, "tmpfs", 0, "size=1m") == 0;
}

static void test_disk(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autofree char *ballast = g_build_filename(directory, "ballast", NULL);
	GError *error = NULL;

	if (!mount_small(directory)) {
		g_test_skip("a private mount needs root or user namespaces");
		return;
	}
	int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	g_assert_cmpint(posix_fallocate(fd, 0, 409600), ==, 0);
	close(fd);

	g_autoptr(store_t) store = store_open(directory, &error);
	g_assert_no_error(error);
	unsigned stored = fill(store, 1000, &error);
	g_assert_cmpuint(stored, >, 3);
	g_assert_cmpuint(stored, <, 1000);
	g_autofree char *expected =
		g_strdup_printf("cannot store VM vm%06u: the disk that holds %s is full: free "
				"space and try again",
				stored, directory);
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_STORE, expected);
	g_assert_cmpuint(count(store), ==, stored);

	/* Again and again, to the same effect. */
	g_assert_false(insert(store, stored, NULL));
	g_assert_cmpuint(count(store), ==, stored);

	/* With room the very same call works, without a restart. */
	g_assert_cmpint(unlink(ballast), ==, 0);
	insert(store, stored, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(count(store), ==, stored + 1);
	store_close(g_steal_pointer(&store));
	store = store_open(directory, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(count(store), ==, stored + 1);
	store_close(g_steal_pointer(&store));
	g_assert_cmpint(umount2(directory, MNT_DETACH), ==, 0);
}

/* Works for everybody: the kernel refuses writes behind a limit on the size of files. */
static void test_file_size(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	struct rlimit old;
	GError *error = NULL;

	(void)signal(SIGXFSZ, SIG_IGN);
	g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
	g_autoptr(store_t) store = store_open(directory, &error);
	g_assert_no_error(error);
	const struct rlimit small = {.rlim_cur = 307200, .rlim_max = old.rlim_max};
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
	unsigned stored = fill(store, 1000, &error);
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);

	g_assert_cmpuint(stored, >, 3);
	g_assert_cmpuint(stored, <, 1000);
	g_autofree char *expected = g_strdup_printf(
		"cannot store VM vm%06u: %s/vmms.db has reached the limit on the size of a file: "
		"raise the limit (LimitFSIZE= of the unit) and try again",
		stored, directory);
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_STORE, expected);
	g_assert_cmpuint(count(store), ==, stored);
	insert(store, stored, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(count(store), ==, stored + 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/store-full/file-size", test_file_size);
	g_test_add_func("/store-full/disk", test_disk);
	return g_test_run();
}
