/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that is saved by one worker and goes on in another. */
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmms1.h"
#include "worker_fixture.h"

static int state_file(void)
{
	int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void type_and_expect(int console, const char *text, GString *seen)
{
	ssize_t size = (ssize_t)strlen(text);

	g_assert_cmpint(write(console, text, (size_t)size), ==, size);
	g_assert_true(worker_expect(console, text, seen));
}

/* Starts the guest that sends back what it is told, and saves it after a first word. */
static void save_guest(int fd, bool paused)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int console;

	worker_start_guest(worker, "echo", "");
	console = worker_open_console(worker);
	g_assert_true(worker_expect(console, "tiny guest up\n", seen));
	type_and_expect(console, "first", seen);
	if (paused)
		g_assert_cmpint(worker_call(worker->bus, "Pause", NULL), >=, 0);
	if (worker_call_save(worker, fd, &error) < 0)
		g_error("Save: %s: %s", error.name, error.message);
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "saved");
	close(console);
	worker_reap(worker);
}

static void test_goes_on(gconstpointer data)
{
	bool paused = GPOINTER_TO_INT(data);
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);
	struct stat st;
	int console;

	worker->state_fd = state_file();
	save_guest(worker->state_fd, paused);
	g_assert_cmpint(fstat(worker->state_fd, &st), ==, 0);
	g_assert_cmpint(st.st_size, >, 128 << 20);
	g_assert_cmpint(st.st_blocks, <, (8 << 20) / 512); /* little of it was ever touched */

	worker_start_guest(worker, "echo", "");
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "running");
	console = worker_open_console(worker);
	/* What was shown before is there, once; what comes now follows. */
	type_and_expect(console, "second", seen);
	g_assert_cmpstr(seen->str, ==, "tiny guest up\nfirstsecond");
	type_and_expect(console, "\n", seen);
	g_autofree char *result = worker_wait_result(worker);
	assert_contains(result, "ACPI S5");
	close(console);
	close(worker->state_fd);
	worker_reap(worker);
}

/* The letters from a to z, again and again. */
static void assert_counts(const GString *seen)
{
	static const char head[] = "tiny guest up\n";

	g_assert_true(g_str_has_prefix(seen->str, head));
	for (size_t i = sizeof(head) - 1, n = 0; i < seen->len; i++, n++) {
		if (seen->str[i] != (char)('a' + n % 26))
			g_error("letter %zu is '%c': ...%.60s", n, seen->str[i],
				seen->str + MAX(i, 40) - 40);
	}
}

static void read_count(struct worker_process *worker, size_t n)
{
	g_autoptr(GString) seen = g_string_new(NULL);
	g_autoptr(GString) piece = g_string_new(NULL);
	int console = worker_open_console(worker);

	while (seen->len < n) {
		g_string_truncate(piece, 0);
		g_assert_true(worker_expect(console, "z", piece));
		g_string_append_len(seen, piece->str, (gssize)piece->len);
	}
	assert_counts(seen);
	close(console);
}

/* A guest that prints all the time neither loses nor repeats a letter, however often it moves. */
static void test_counts_on(void)
{
	int fd = state_file();

	for (size_t i = 0; i < 6; i++) {
		struct worker_process *worker = worker_spawn(true, NULL);
		sd_bus_error error = SD_BUS_ERROR_NULL;

		worker->state_fd = i > 0 ? fd : -1;
		worker_start_guest(worker, "count", "");
		read_count(worker, (i + 1) * 200);
		if (worker_call_save(worker, fd, &error) < 0)
			g_error("Save: %s: %s", error.name, error.message);
		g_free(worker_wait_result(worker));
		worker_reap(worker);
	}
	close(fd);
}

/* A restored machine that is reset boots its kernel. */
static void test_reset(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);

	worker->state_fd = state_file();
	save_guest(worker->state_fd, false);
	worker_start_guest(worker, "echo", "");
	close(worker->state_fd);
	g_assert_cmpint(worker_call(worker->bus, "Reset", NULL), >=, 0);
	int console = worker_open_console(worker);
	g_assert_true(worker_expect(console, "firsttiny guest up\n", seen));
	type_and_expect(console, "third", seen);
	close(console);
	worker_reap(worker);
}

/* The machine goes on when it cannot be saved. */
static void test_save_fails(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int fd = state_file();

	worker_start_guest(worker, "echo", "");
	int console = worker_open_console(worker);
	g_assert_true(worker_expect(console, "tiny guest up\n", seen));
	g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), ==, 0);
	g_assert_cmpint(worker_call_save(worker, fd, &error), <, 0);
	g_assert_cmpstr(error.name, ==, VMMS_ERROR_PREFIX "Failed");
	assert_contains(error.message, "VM tiny: its state cannot be written (");
	sd_bus_error_free(&error);
	g_autofree char *state = worker_state_property(worker->bus);
	g_assert_cmpstr(state, ==, "running");
	type_and_expect(console, "alive", seen);

	/* Nor when whoever asked wants it no more. */
	int unwanted = state_file();
	g_assert_cmpint(fchmod(unwanted, 0), ==, 0);
	g_assert_cmpint(worker_call_save(worker, unwanted, &error), <, 0);
	g_assert_cmpstr(error.name, ==, VMMS_ERROR_PREFIX "Canceled");
	assert_contains(error.message, "VM tiny: saving it was broken off");
	sd_bus_error_free(&error);
	type_and_expect(console, "still", seen);
	close(unwanted);
	close(console);
	close(fd);
	worker_reap(worker);
}

/* What is no saved state of this machine is refused, and left as it is. */
static void test_refused(void)
{
	static const struct {
		off_t at; /* of a byte that is changed */
		const char *definition_members, *part;
	} cases[] = {
		{0, "", "its file is none, or was not finished"},
		{32, "", "it is of another VM"},
		{4096 + 40, "", "its checksum is wrong"},
		{-1, ",\"cpus\":{\"count\":2}", "another number of processors"},
	};
	int fd = state_file();

	save_guest(fd, false);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct worker_process *worker = worker_spawn(true, NULL);
		g_autofree char *definition =
			worker_definition("echo", cases[i].definition_members);
		sd_bus_error error = SD_BUS_ERROR_NULL;
		uint8_t byte = 0, changed;

		worker->state_fd = fd;
		if (cases[i].at >= 0) {
			g_assert_cmpint(pread(fd, &byte, 1, cases[i].at), ==, 1);
			changed = byte ^ 0x10;
			g_assert_cmpint(pwrite(fd, &changed, 1, cases[i].at), ==, 1);
		}
		g_assert_cmpint(worker_call_start(worker, definition, &error), <, 0);
		g_assert_cmpstr(error.name, ==, VMMS_ERROR_PREFIX "InvalidImage");
		assert_contains(error.message, "VM tiny: its saved state cannot be taken up: ");
		assert_contains(error.message, cases[i].part);
		assert_contains(error.message, "; discard it (hvctl discard tiny)");
		if (cases[i].at >= 0)
			g_assert_cmpint(pwrite(fd, &byte, 1, cases[i].at), ==, 1);
		sd_bus_error_free(&error);
		worker_reap(worker);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		puts("1..0 # SKIP /dev/kvm cannot be opened");
		return 77;
	}
	g_test_add_data_func("/worker/save/goes-on", GINT_TO_POINTER(0), test_goes_on);
	g_test_add_data_func("/worker/save/goes-on-from-pause", GINT_TO_POINTER(1), test_goes_on);
	g_test_add_func("/worker/save/counts-on", test_counts_on);
	g_test_add_func("/worker/save/reset", test_reset);
	g_test_add_func("/worker/save/save-fails", test_save_fails);
	g_test_add_func("/worker/save/refused", test_refused);
	return g_test_run();
}
