/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a running worker has left, as the kernel says it, and what it costs. */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker_fixture.h"

/* The value of a line "Name:\tvalue" in /proc/PID/FILE. */
static char *proc_field(pid_t pid, const char *file, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, file);
	g_autofree char *text = NULL;
	g_autofree char *key = g_strdup_printf("\n%s:", name);

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	const char *at = strstr(text, key);
	g_assert_nonnull(at);
	at += strlen(key);
	return g_strstrip(g_strndup(at, strcspn(at, "\n")));
}

static void field_expect(pid_t pid, const char *name, const char *value)
{
	g_autofree char *is = proc_field(pid, "status", name);

	g_assert_cmpstr(is, ==, value);
}

static void test_privileges(void)
{
	struct worker_process *worker = worker_spawn(true, NULL);

	worker_start_guest(worker, "halt", "");
	field_expect(worker->pid, "NoNewPrivs", "1");
	field_expect(worker->pid, "Seccomp", "2");
	field_expect(worker->pid, "CapPrm", "0000000000000000");
	field_expect(worker->pid, "CapEff", "0000000000000000");
	field_expect(worker->pid, "CapAmb", "0000000000000000");
	if (geteuid() == 0)
		field_expect(worker->pid, "CapBnd", "0000000000000000");
	worker_reap(worker);
}

/* Every descriptor of a running worker is a known kind: nothing of the spawner's came along. */
static void test_descriptors(void)
{
	static const char *const kinds[] = {
		"/dev/null", "/dev/kvm", "anon_inode:", "socket:", "/memfd:",	"tiny.elf",
		"pipe:",     "/dev/pts", "/dev/tty",	".log",	   "(deleted)", "/pagemap"};
	int leaked = dup(STDIN_FILENO); /* not close-on-exec */
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)worker->pid);
	const char *name;

	worker_start_guest(worker, "halt", "");
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_assert_nonnull(dir);
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *link = g_build_filename(path, name, NULL);
		g_autofree char *target = g_file_read_link(link, NULL);
		/* A descriptor that was closed since it was listed has no target. */
		bool known = !target || g_ascii_strtoull(name, NULL, 10) <= 2;
		for (size_t i = 0; i < G_N_ELEMENTS(kinds) && target && !known; i++)
			known = strstr(target, kinds[i]) != NULL;
		if (!known)
			g_error("descriptor %s is %s", name, target);
	}
	close(leaked);
	worker_reap(worker);
}

/* Private memory beyond guest RAM, the target of which is 3 MiB. */
static void test_memory(void)
{
#ifdef __SANITIZE_ADDRESS__
	g_test_skip("sanitizers take memory of their own");
#else
	struct worker_process *worker = worker_spawn(true, NULL);
	g_autoptr(GString) seen = g_string_new(NULL);

	worker_start_guest(worker, "halt", "");
	int console = worker_open_console(worker);
	g_assert_true(worker_expect(console, "tiny guest up\n", seen));
	g_autofree char *clean = proc_field(worker->pid, "smaps_rollup", "Private_Clean");
	g_autofree char *dirty = proc_field(worker->pid, "smaps_rollup", "Private_Dirty");
	g_autofree char *pss = proc_field(worker->pid, "smaps_rollup", "Pss");
	uint64_t kib = g_ascii_strtoull(clean, NULL, 10) + g_ascii_strtoull(dirty, NULL, 10);
	g_test_message(
		"private memory of an idle worker, touched guest RAM included: %u KiB, PSS %s",
		(unsigned int)kib, pss);
	g_assert_cmpuint(kib, <, 4096);
	close(console);
	worker_reap(worker);
#endif
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		puts("1..0 # SKIP /dev/kvm cannot be opened");
		return 77;
	}
	g_test_add_func("/worker/confined/privileges", test_privileges);
	g_test_add_func("/worker/confined/descriptors", test_descriptors);
	g_test_add_func("/worker/confined/memory", test_memory);
	return g_test_run();
}
