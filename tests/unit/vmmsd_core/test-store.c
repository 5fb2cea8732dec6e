/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assert_error.h"
#include "temporary_directory.h"

#define UUID1 "00000000-0000-4000-8000-000000000001"
#define UUID2 "00000000-0000-4000-8000-000000000002"

static struct store *open_store(const char *directory)
{
	g_autoptr(GError) error = NULL;
	struct store *store = store_open(directory, &error);

	g_assert_no_error(error);
	return store;
}

static void insert(struct store *store, const char *uuid, const char *name)
{
	const struct store_vm vm = {
		.uuid = uuid, .name = name, .definition = "{}", .state = VM_STATE_OFF};
	g_autoptr(GError) error = NULL;

	store_insert_vm(store, &vm, &error);
	g_assert_no_error(error);
}

static gboolean append_row(void *context, const struct store_vm *vm, GError **error)
{
	(void)error;
	g_string_append_printf(context, "%s %s %s %s \"%s\" %" G_GUINT64_FORMAT " %u\n", vm->uuid,
			       vm->name, vm->definition, vm_state_name(vm->state), vm->reason,
			       vm->started_us, vm->worker_pid);
	return TRUE;
}

static char *dump(struct store *store)
{
	g_autoptr(GString) rows = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	store_foreach_vm(store, append_row, rows, &error);
	g_assert_no_error(error);
	return g_string_free(g_steal_pointer(&rows), FALSE);
}

static void test_rows(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	g_autoptr(GError) error = NULL;

	insert(store, UUID2, "b");
	insert(store, UUID1, "a");
	struct store_vm running = {
		.uuid = UUID2,
		.state = VM_STATE_RUNNING,
		.reason = "it's up",
		.started_us = UINT64_C(1) << 50,
		.worker_pid = 4000000,
	};
	store_update_state(store, &running, &error);
	g_assert_no_error(error);
	store_update_definition(store, UUID1, "c", "{\"x\":1}", &error);
	g_assert_no_error(error);
	/* Closed and opened again: all of it was on the disk. */
	store_close(g_steal_pointer(&store));
	store = open_store(directory);
	g_autofree char *rows = dump(store);
	g_assert_cmpstr(rows, ==,
			UUID2 " b {} running \"it's up\" 1125899906842624 4000000\n" UUID1
			      " c {\"x\":1} off \"\" 0 0\n");
	store_delete_vm(store, UUID2, &error);
	g_assert_no_error(error);
	g_autofree char *rest = dump(store);
	g_assert_cmpstr(rest, ==, UUID1 " c {\"x\":1} off \"\" 0 0\n");
}

static gboolean check_saved(void *context, const struct store_vm *vm, GError **error)
{
	const struct store_saved *expected = context;

	(void)error;
	g_assert_cmpuint(vm->saved.at_us, ==, expected->at_us);
	g_assert_cmpuint(vm->saved.size, ==, expected->size);
	g_assert_cmpstr(vm->saved.engine, ==, expected->engine);
	return TRUE;
}

static void test_saved(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	struct store_vm vm = {.uuid = UUID1,
			      .state = VM_STATE_SAVED,
			      .saved = {UINT64_C(1) << 50, 4096, "direct"}};
	struct store_saved none = {.engine = ""};
	g_autoptr(GError) error = NULL;

	insert(store, UUID1, "a");
	g_assert_true(store_foreach_vm(store, check_saved, &none, &error));
	g_assert_true(store_update_state(store, &vm, &error));
	store_close(g_steal_pointer(&store));
	store = open_store(directory);
	g_assert_true(store_foreach_vm(store, check_saved, &vm.saved, &error));
	vm = (struct store_vm){.uuid = UUID1};
	g_assert_true(store_update_state(store, &vm, &error));
	g_assert_true(store_foreach_vm(store, check_saved, &none, &error));
	g_assert_no_error(error);
}

static void test_conflicts(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	struct store_vm vm = {
		.uuid = UUID2, .name = "a", .definition = "{}", .state = VM_STATE_OFF};
	GError *error = NULL;

	insert(store, UUID1, "a");
	g_assert_false(store_insert_vm(store, &vm, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NAME_EXISTS,
		       "cannot store VM a: another VM has this name: choose another");
	vm.uuid = UUID1;
	vm.name = "b";
	g_assert_false(store_insert_vm(store, &vm, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NAME_EXISTS,
		       "cannot store VM b: another VM has this uuid: choose another");
	insert(store, UUID2, "b");
	g_assert_false(store_update_definition(store, UUID2, "a", "{}", &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NAME_EXISTS,
		       "cannot store VM a: another VM has this name: choose another");
}

static void test_missing(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	GError *error = NULL;

	g_assert_false(store_delete_vm(store, UUID1, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_NO_SUCH_VM,
		       "cannot delete it: the store has no VM with the uuid " UUID1
		       ": look at the list of VMs");
	const struct store_vm none = {.uuid = UUID1};
	g_assert_false(store_update_state(store, &none, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_VM);
	g_clear_error(&error);
	g_assert_false(store_update_definition(store, UUID1, "a", "{}", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_VM);
	g_clear_error(&error);
}

static void test_settings(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	g_autoptr(GError) error = NULL;
	g_autofree char *absent = NULL, *first = NULL, *second = NULL;

	g_assert_true(store_get_setting(store, "boot_id", &absent, &error));
	g_assert_null(absent);
	g_assert_true(store_set_setting(store, "boot_id", "one", &error));
	g_assert_true(store_get_setting(store, "boot_id", &first, &error));
	g_assert_cmpstr(first, ==, "one");
	g_assert_true(store_set_setting(store, "boot_id", "two", &error));
	g_assert_true(store_get_setting(store, "boot_id", &second, &error));
	g_assert_cmpstr(second, ==, "two");
}

static gboolean stop_at_first(void *context, const struct store_vm *vm, GError **error)
{
	(void)vm;
	++*(unsigned *)context;
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, "enough");
	return FALSE;
}

static void test_visit_stops(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	GError *error = NULL;
	unsigned visits = 0;

	insert(store, UUID1, "a");
	insert(store, UUID2, "b");
	g_assert_false(store_foreach_vm(store, stop_at_first, &visits, &error));
	assert_message(error, SERVICE_ERROR_FAILED, "enough");
	g_assert_cmpuint(visits, ==, 1);
}

static void test_modes(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	static const char *const files[] = {"vmms.db", "vmms.db-wal", "vmms.db-shm", "lock"};

	insert(store, UUID1, "a");
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(directory, files[i], NULL);
		GStatBuf status;
		g_assert_cmpint(g_stat(path, &status), ==, 0);
		g_assert_cmpuint(status.st_mode & 07777, ==, 0600);
	}
}

static void expect_refused(const char *directory, const char *format)
{
	GError *error = NULL;
	g_autoptr(GString) expected = g_string_new(format);

	g_string_replace(expected, "DIR", directory, 0);
	g_assert_null(store_open(directory, &error));
	assert_message(error, SERVICE_ERROR_STORE, expected->str);
}

static void test_locked(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autoptr(store_t) store = open_store(directory);
	g_autofree char *message = g_strdup_printf(
		"the store DIR is in use by vmmsd (pid %ld): stop it first", (long)getpid());

	expect_refused(directory, message);
	/* A process of its own is refused too, and its end does not free our lock. */
	pid_t child = fork();
	if (child == 0)
		_exit(store_open(directory, NULL) != NULL);
	int status;
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	expect_refused(directory, message);
	store_close(g_steal_pointer(&store));
	store = open_store(directory);
}

static void test_directory(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autofree char *missing = g_build_filename(directory, "missing", NULL);
	g_autofree char *file = g_build_filename(directory, "file", NULL);

	expect_refused(missing, "cannot write in the directory DIR of the store (No such file or "
				"directory): create it");
	g_assert_true(g_file_set_contents(file, "x", -1, NULL));
	expect_refused(file, "cannot write in the directory DIR of the store (Not a directory): it "
			     "must be a directory");
}

/* Root may write anywhere, so a child gives that up first. */
static void test_denied(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();

	g_assert_cmpint(g_chmod(directory, 0555), ==, 0);
	pid_t child = fork();
	if (child == 0) {
		g_autoptr(GError) error = NULL;
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		if (store_open(directory, &error))
			_exit(3);
		_exit(!g_str_has_suffix(error->message,
					" of the store (Permission denied): give the user of "
					"vmmsd write access to it"));
	}
	int status;
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
}

static void write_database(const char *directory, const char *data, gssize length)
{
	g_autofree char *path = g_build_filename(directory, "vmms.db", NULL);
	g_autoptr(GError) error = NULL;

	g_file_set_contents(path, data, length, &error);
	g_assert_no_error(error);
}

static void test_not_a_database(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autofree char *path = g_build_filename(directory, "vmms.db", NULL);
	g_autofree char *noise = g_strnfill(8192, 'x');
	g_autofree char *after = NULL;

	write_database(directory, noise, -1);
	expect_refused(directory,
		       "cannot open the store: the store DIR/vmms.db is damaged (file is not a "
		       "database): move it away to begin with an empty one, or put a backup in its "
		       "place");
	/* The file is as it was. */
	g_assert_true(g_file_get_contents(path, &after, NULL, NULL));
	g_assert_cmpstr(after, ==, noise);
}

static void test_damaged(void)
{
	g_autoptr(temporary_directory_t) directory = temporary_directory_new();
	g_autofree char *path = g_build_filename(directory, "vmms.db", NULL);
	g_autofree char *data = NULL;
	gsize length;

	store_close(open_store(directory));
	g_assert_true(g_file_get_contents(path, &data, &length, NULL));
	g_assert_cmpuint(length, >, 4096);
	/* The header stays good, the schema behind it does not. */
	memset(data + 100, 0xa5, 3000);
	write_database(directory, data, (gssize)length);
	expect_refused(directory,
		       "cannot open the store: the store DIR/vmms.db is damaged (database disk "
		       "image is malformed): move it away to begin with an empty one, or put a "
		       "backup in its place");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/store/rows", test_rows);
	g_test_add_func("/store/saved", test_saved);
	g_test_add_func("/store/conflicts", test_conflicts);
	g_test_add_func("/store/missing", test_missing);
	g_test_add_func("/store/settings", test_settings);
	g_test_add_func("/store/visit-stops", test_visit_stops);
	g_test_add_func("/store/modes", test_modes);
	g_test_add_func("/store/locked", test_locked);
	g_test_add_func("/store/directory", test_directory);
	g_test_add_func("/store/denied", test_denied);
	g_test_add_func("/store/not-a-database", test_not_a_database);
	g_test_add_func("/store/damaged", test_damaged);
	return g_test_run();
}
