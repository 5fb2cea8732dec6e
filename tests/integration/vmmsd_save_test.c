/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Save, restore and discard, and all that can come between. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmmsd_fixture.h"

/* ---- helpers --------------------------------------------------------------------------------- */

static char *state_file(struct fixture *f, const char *vm, const char *suffix)
{
	g_autofree char *uuid = fixture_get(f, vm, "Uuid");

	return g_strdup_printf("%s/state/saved/%s%s", f->dir, uuid, suffix);
}

/* The file that counts, and the one that is being written. */
static void expect_files(struct fixture *f, const char *vm, gboolean whole, gboolean new)
{
	g_autofree char *path = state_file(f, vm, ""), *new_path = state_file(f, vm, ".new");

	g_assert_cmpint(access(path, F_OK) == 0, ==, whole);
	g_assert_cmpint(access(new_path, F_OK) == 0, ==, new);
}

static guint64 number_of(struct fixture *f, const char *vm, const char *property)
{
	guint64 number = 0;

	g_assert_cmpint(sd_bus_get_property_trivial(f->bus, NULL, vm, VMMS_IFACE_VM, property, NULL,
						    't', &number),
			>=, 0);
	return number;
}

static char *define_started(struct fixture *f, const char *name, const char *behaviour)
{
	char *vm = fixture_define(f, name, behaviour);

	fixture_do(f, vm, "Start");
	return vm;
}

static char *define_saved(struct fixture *f, const char *name, const char *behaviour)
{
	char *vm = define_started(f, name, behaviour);

	fixture_do(f, vm, "Save");
	return vm;
}

static void expect_failed(struct fixture *f, const char *vm, const char *method, const char *error,
			  const char *text)
{
	g_autofree char *job = fixture_run(f, vm, method);

	fixture_expect_failed(fixture_wait(f, job), error, text);
}

static void kill_worker(pid_t pid)
{
	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	while (kill(pid, 0) == 0)
		g_usleep(1000);
}

static void wait_gone(pid_t pid)
{
	gint64 deadline = g_get_monotonic_time() + WAIT_US;

	while (kill(pid, 0) == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_usleep(1000);
	}
}

/* Such a worker goes on with its save. */
static void let_go(const struct fixture *f)
{
	fixture_put_answer(f, "go", "");
}

/* ---- what works ------------------------------------------------------------------------------ */

static void test_life(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = define_started(f, "web1", "run");
	g_autofree char *path = state_file(f, vm, "");
	guint64 before = (guint64)g_get_real_time(), saved_at;
	struct stat st;

	fixture_do(f, vm, "Save");
	fixture_expect_state(f, vm, "saved", "its state takes 1 MiB");
	g_assert_cmpuint(fixture_worker_pid(f, vm), ==, 0);
	saved_at = number_of(f, vm, "SavedAt");
	g_assert_cmpuint(saved_at, >=, before);
	g_assert_cmpuint(number_of(f, vm, "SavedSize"), ==, 4096);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	fixture_hvctl(f, 0, "saved", "list web1");
	fixture_hvctl(f, 0, "(4096 bytes)", "show web1");
	fixture_hvctl(f, 0, "\"savedBytes\": 4096,", "show web1 -o json");
	fixture_restart(f);
	fixture_expect_state(f, vm, "saved", "its state takes");
	g_assert_cmpuint(number_of(f, vm, "SavedAt"), ==, saved_at);
	g_autofree char *engine = fixture_get(f, vm, "Engine");
	g_assert_cmpstr(engine, ==, "direct");
	fixture_do(f, vm, "Start");
	fixture_expect_state(f, vm, "running", "");
	g_assert_cmpuint(fixture_events_count(f, "guest-state"), ==, 1);
	g_assert_cmpuint(fixture_events_count(f, "restored"), ==, 1);
	g_assert_cmpuint(number_of(f, vm, "SavedAt"), ==, 0);
	g_assert_cmpuint(number_of(f, vm, "SavedSize"), ==, 0);
	expect_files(f, vm, FALSE, FALSE);
	fixture_do(f, vm, "Pause");
	fixture_hvctl(f, 0, "", "save web1");
	g_assert_cmpuint(fixture_events_count(f, "saved"), ==, 1);
	fixture_hvctl(f, 0, "", "restore web1");
	fixture_expect_state(f, vm, "running", "");
	g_assert_cmpuint(fixture_events_count(f, "guest-state"), ==, 2);
	fixture_free(f);
}

static void test_discard(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *one = define_saved(f, "web1", "run"),
			*two = define_saved(f, "web2", "run");

	fixture_hvctl(f, 0, "", "discard web1 web2");
	fixture_expect_state(f, one, "off", "");
	expect_files(f, one, FALSE, FALSE);
	expect_files(f, two, FALSE, FALSE);
	g_assert_cmpuint(number_of(f, one, "SavedAt"), ==, 0);
	g_assert_cmpuint(fixture_events_count(f, "discarded"), ==, 2);
	fixture_do(f, one, "Start");
	g_assert_cmpuint(fixture_events_count(f, "guest-state"), ==, 0);
	fixture_free(f);
}

static void test_wrong_states(void)
{
	static const struct {
		int code;
		const char *text, *line;
	} rows[] = {
		{3, "there is no VM", "save nobody"},
		{3, "there is no VM", "discard nobody"},
		{4, "VM off is off: start it first", "save off"},
		{4, "VM off is off: there is no saved state", "discard off"},
		{4, "VM runs is running: there is no saved state", "discard runs"},
		{4, "VM saved is saved: there is nothing to do", "save saved"},
		{4, "VM saved is saved: start it, or discard its saved state", "stop saved"},
		{4, "VM saved is saved: start it, or discard its saved state", "shutdown saved"},
		{4, "VM saved is saved: start it, or discard its saved state", "pause saved"},
		{4, "VM saved is saved: start it, or discard its saved state", "reset saved"},
		{4, "VM saved is saved", "attach saved --nic type=none"},
		{4, "VM saved is saved", "detach saved --nic 0"},
		{4, "VM saved is saved", "resize saved --disk /disk 1G"},
		{4, "discard its saved state, or start it and shut it down first",
		 "edit saved --memory 4M"},
		{4, "discard its saved state, or start it and shut it down first",
		 "edit saved --cpus 2"},
		{4, "discard its saved state, or start it and shut it down first",
		 "edit saved --nic type=none"},
		{0, "", "edit saved --description x --stop-action save --weight 300 --autostart"},
		{0, "", "edit saved --limit 50 --affinity 0"},
		{0, "", "rename saved new"},
		{0, "", "start new"},
	};
	struct fixture *f = fixture_new(NULL);
	g_autofree char *off = fixture_define(f, "off", "run");
	g_autofree char *runs = define_started(f, "runs", "run");
	g_autofree char *saved = define_saved(f, "saved", "run");

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		fixture_hvctl(f, rows[i].code, rows[i].text, rows[i].line);
	g_assert_cmpuint(fixture_events_count(f, "guest-state"), ==, 1);
	fixture_free(f);
}

static void test_delete(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = define_saved(f, "web1", "run"), *path = state_file(f, vm, "");

	fixture_hvctl(f, 0, "", "delete web1");
	g_assert_cmpint(access(path, F_OK), <, 0);
	fixture_free(f);
}

/* ---- what fails ------------------------------------------------------------------------------ */

static void test_save_fails(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *full = define_started(f, "full", "refuse-save");
	g_autofree char *dies = define_started(f, "dies", "die-in-save");

	fixture_hvctl(f, 1, "VM full: its memory cannot be written: no space left", "save full");
	fixture_expect_state(f, full, "running", "");
	expect_files(f, full, FALSE, FALSE);
	fixture_do(f, full, "Pause");
	expect_failed(f, full, "Save", "Failed", "no space left on device; make room");
	fixture_expect_state(f, full, "paused", "");
	g_assert_cmpuint(fixture_events_count(f, "save-failed"), ==, 2);
	expect_failed(f, dies, "Save", "Worker", "VM dies ended: the worker was killed");
	fixture_expect_state(f, dies, "crashed", "killed by signal 9");
	expect_files(f, dies, FALSE, FALSE);
	fixture_free(f);
}

static void test_save_canceled(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = define_started(f, "web1", "slow-save");
	g_autofree char *first = fixture_run(f, vm, "Save"), *second = NULL;
	const struct outcome *outcome;

	fixture_expect_state(f, vm, "saving", "");
	expect_files(f, vm, FALSE, TRUE);
	fixture_hvctl(f, 4, "a save job is running on it", "save web1");
	fixture_cancel(f, first);
	outcome = fixture_wait(f, first);
	g_assert_cmpstr(outcome->state, ==, "canceled");
	g_assert_cmpstr(outcome->message, ==, "VM web1: the save was canceled");
	fixture_expect_state(f, vm, "running", "");
	expect_files(f, vm, FALSE, FALSE);
	fixture_hvctl(f, 6, "the save of web1 goes on", "save web1 --timeout 0.1");
	fixture_expect_state(f, vm, "saving", "");
	fixture_do(f, vm, "Stop"); /* takes it over */
	fixture_expect_state(f, vm, "off", "turned off");
	expect_files(f, vm, FALSE, FALSE);
	fixture_free(f);
}

/* Slow: the real time limits pass. */
static void test_save_takes_too_long(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *slow = define_started(f, "slow", "slow-save");
	g_autofree char *deaf = define_started(f, "deaf", "hang-in-save");
	g_autofree char *slow_job = fixture_run(f, slow, "Save");
	g_autofree char *deaf_job = fixture_run(f, deaf, "Save");

	fixture_cancel(f, deaf_job);
	fixture_expect_failed(fixture_wait(f, slow_job), "TimedOut",
			      "VM slow: the save took too long and was broken off");
	fixture_expect_state(f, slow, "running", "");
	fixture_expect_failed(fixture_wait(f, deaf_job), "Worker",
			      "VM deaf ended: the worker did not answer to Save in time");
	fixture_expect_state(f, deaf, "crashed", "did not answer to Save");
	expect_files(f, deaf, FALSE, FALSE);
	fixture_free(f);
}

/* Whatever stops a restore, the state is still there. */
static void test_restore_fails(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *refused = define_saved(f, "refused", "refuse-restore");
	g_autofree char *dies = define_saved(f, "dies", "die-in-restore");
	g_autofree char *deaf = define_saved(f, "deaf", "hang-in-restore");
	g_autofree char *path = state_file(f, refused, "");
	g_autofree char *first = NULL, *second = NULL;

	fixture_hvctl(f, 1, "VM refused: saved state: it ends too early; discard it",
		      "start refused");
	fixture_expect_state(f, refused, "saved", "it ends too early");
	expect_files(f, refused, TRUE, FALSE);
	g_assert_cmpuint(number_of(f, refused, "SavedAt"), >, 0);
	expect_failed(f, dies, "Resume", "Worker", "VM dies did not start: the worker was killed");
	fixture_expect_state(f, dies, "saved", "killed by signal 9");
	expect_files(f, dies, TRUE, FALSE);
	first = fixture_run(f, deaf, "Start");
	fixture_wait_state(f, deaf, "restoring");
	fixture_cancel(f, first);
	g_assert_cmpstr(fixture_wait(f, first)->state, ==, "canceled");
	fixture_expect_state(f, deaf, "saved", "the start was canceled");
	second = fixture_run(f, deaf, "Start");
	fixture_do(f, deaf, "Stop");
	g_assert_cmpstr(fixture_wait(f, second)->state, ==, "canceled");
	fixture_expect_state(f, deaf, "saved", "stopped before it was restored");
	expect_files(f, deaf, TRUE, FALSE);
	g_assert_cmpuint(fixture_events_count(f, "restore-failed"), ==, 3);
	g_assert_cmpint(unlink(path), ==, 0);
	fixture_hvctl(f, 1, "cannot be opened: No such file or directory; put it back, or give it",
		      "start refused");
	fixture_expect_state(f, refused, "saved", "");
	fixture_hvctl(f, 0, "", "discard refused");
	fixture_free(f);
}

/* Somebody has mounted the image meanwhile. */
static void test_other_disk(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *path = g_build_filename(f->dir, "disk.raw", NULL), *vm = NULL;
	g_autofree char *disks = g_strdup_printf(",\"disks\":[{\"path\":\"%s\"}]", path);
	struct timespec later[2] = {{.tv_nsec = UTIME_OMIT}};

	fixture_put_answer(f, "disk.raw", "as the guest knows it");
	g_assert_cmpint(truncate(path, 4096), ==, 0);
	vm = fixture_define_with(f, "web1", "run", disks);
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Save");
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Save");
	/* The file system's clock is up to a tick behind. */
	later[1].tv_sec = (time_t)(g_get_real_time() / G_USEC_PER_SEC) + 1;
	g_assert_cmpint(utimensat(AT_FDCWD, path, later, 0), ==, 0);
	fixture_hvctl(f, 1, "was written after the VM was saved", "start web1");
	fixture_expect_state(f, vm, "saved", "");
	fixture_hvctl(f, 0, "", "discard web1");
	fixture_do(f, vm, "Start");
	fixture_free(f);
}

static void test_other_engine(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = NULL;

	fixture_add_translator(f);
	fixture_restart(f);
	vm = fixture_define_with(f, "web1", "run", ",\"engine\":\"translate\"");
	fixture_do(f, vm, "Start");
	fixture_do(f, vm, "Save");
	fixture_put_answer(f, FIXTURE_TRANSLATOR ".probe",
			   "{\"usable\":false,\"reason\":\"QEMU is gone\"}");
	fixture_restart(f);
	fixture_hvctl(f, 1, "was saved by the engine translate, and only that can restore it",
		      "start web1");
	fixture_expect_state(f, vm, "saved", "");
	fixture_free(f);
}

/* ---- vmmsd is killed ------------------------------------------------------------------------- */

static void test_killed_in_save(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *fails = define_started(f, "fails", "slow-save");
	g_autofree char *dies = define_started(f, "dies", "busy-save");
	g_autofree char *ends = define_started(f, "ends", "busy-save");
	g_autofree char *busy = define_started(f, "busy", "busy-save");
	pid_t dies_pid = (pid_t)fixture_worker_pid(f, dies);
	pid_t ends_pid = (pid_t)fixture_worker_pid(f, ends);

	g_free(fixture_run(f, fails, "Save"));
	g_free(fixture_run(f, dies, "Save"));
	g_free(fixture_run(f, busy, "Save"));
	/* Its worker says that it runs, and so does the VM. */
	(void)fixture_end(f, SIGKILL);
	kill_worker(dies_pid);
	fixture_start(f);
	fixture_wait_state(f, fails, "running");
	expect_files(f, fails, FALSE, FALSE);
	fixture_expect_state(f, dies, "crashed", "died while vmmsd was down");
	expect_files(f, dies, FALSE, FALSE);
	/* This one does not answer yet. */
	fixture_expect_state(f, busy, "saving", "");
	expect_files(f, busy, FALSE, TRUE);
	let_go(f);
	fixture_wait_state(f, busy, "saved");
	expect_files(f, busy, TRUE, FALSE);
	/* And one that has ended in between. */
	g_free(fixture_run(f, ends, "Save"));
	(void)fixture_end(f, SIGKILL);
	wait_gone(ends_pid);
	fixture_start(f);
	fixture_expect_state(f, ends, "saved", "its state takes");
	g_assert_cmpuint(number_of(f, ends, "SavedSize"), ==, 4096);
	fixture_do(f, ends, "Start");
	g_assert_cmpuint(fixture_events_count(f, "guest-state"), ==, 1);
	fixture_free(f);
}

static void write_result(struct fixture *f, const char *vm, const char *text)
{
	g_autofree char *uuid = fixture_get(f, vm, "Uuid");
	g_autofree char *name = g_strdup_printf("run/%s/result", uuid);

	fixture_put_answer(f, name, text);
}

static pid_t restoring_pid(const struct fixture *f, const char *name)
{
	g_autofree char *path = g_strdup_printf("%s/%s.pid", f->dir, name), *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

static void test_killed_in_restore(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *idle = define_saved(f, "idle", "hang-in-restore");
	g_autofree char *dies = define_saved(f, "dies", "hang-in-restore");
	g_autofree char *ran = define_saved(f, "ran", "hang-in-restore");
	pid_t dies_pid, ran_pid;

	g_free(fixture_run(f, idle, "Start"));
	g_free(fixture_run(f, dies, "Start"));
	g_free(fixture_run(f, ran, "Start"));
	while (fixture_events_count(f, "guest-state") < 3)
		fixture_turn(f);
	dies_pid = restoring_pid(f, "dies");
	ran_pid = restoring_pid(f, "ran");
	/* A guest that has told how it ended has run: its state of before is of no use. */
	write_result(f, ran, "{\"state\":\"off\",\"reason\":\"the guest powered off\"}");
	(void)fixture_end(f, SIGKILL);
	kill_worker(dies_pid);
	kill_worker(ran_pid);
	fixture_start(f);
	fixture_wait_state(f, idle, "saved");
	fixture_expect_state(f, dies, "saved", "died while vmmsd was down");
	expect_files(f, idle, TRUE, FALSE);
	expect_files(f, dies, TRUE, FALSE);
	fixture_expect_state(f, ran, "off", "the guest powered off");
	expect_files(f, ran, FALSE, FALSE);
	fixture_free(f);
}

static void test_other_boot(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *sleeps = define_saved(f, "sleeps", "run");
	g_autofree char *wakes = define_saved(f, "wakes", "run");
	g_autofree char *breaks = define_started(f, "breaks", "busy-save");
	g_autofree char *runs = define_started(f, "runs", "run");
	g_autofree char *stale = state_file(f, runs, ""), *strange = NULL;
	pid_t pid = (pid_t)fixture_worker_pid(f, breaks);

	fixture_hvctl(f, 0, "", "edit wakes --autostart");
	strange =
		g_strdup_printf("%s/state/saved/00000000-0000-4000-8000-000000000001.new", f->dir);
	g_free(fixture_run(f, breaks, "Save"));
	g_assert_true(g_file_set_contents(stale, "x", -1, NULL));
	g_assert_true(g_file_set_contents(strange, "x", -1, NULL));
	fixture_restart(f);
	g_assert_cmpint(access(stale, F_OK), <, 0);
	g_assert_cmpint(access(strange, F_OK), <, 0);
	fixture_do(f, runs, "Stop");
	(void)fixture_end(f, SIGKILL);
	kill_worker(pid);
	fixture_pretend_boot(f);
	fixture_start(f);
	fixture_expect_state(f, breaks, "off", "the host restarted");
	expect_files(f, breaks, FALSE, FALSE);
	fixture_expect_state(f, sleeps, "saved", "");
	fixture_wait_state(f, wakes, "running");
	g_assert_cmpuint(fixture_events_count(f, "guest-state"), ==, 1);
	fixture_free(f);
}

/* ---- the end of the host --------------------------------------------------------------------- */

static void test_stop_action(void)
{
	static const char save[] = ",\"stopAction\":\"save\"";
	struct fixture *f = fixture_new(NULL);
	g_autofree char *saves = fixture_define_with(f, "saves", "run", save);
	g_autofree char *cannot = fixture_define_with(f, "cannot", "refuse-save", save);
	g_autofree char *dies = fixture_define_with(f, "dies", "die-in-save", save);
	g_autofree char *waits = fixture_define_with(f, "waits", "hang-in-restore", save);

	fixture_do(f, waits, "Start");
	fixture_do(f, waits, "Save");
	fixture_do(f, saves, "Start");
	fixture_do(f, cannot, "Start");
	fixture_do(f, dies, "Start");
	g_free(fixture_run(f, waits, "Start"));
	fixture_hvctl(f, 1, "1 of 4 VMs could not be stopped", "stop-all");
	fixture_expect_state(f, saves, "saved", "");
	fixture_expect_state(f, cannot, "off", "the guest powered off");
	fixture_expect_state(f, dies, "crashed", "");
	fixture_expect_state(f, waits, "saved", "");
	/* The same for one VM, as systemd stops it. */
	fixture_do(f, saves, "Start");
	fixture_do(f, cannot, "Start");
	fixture_hvctl(f, 0, "", "shutdown --as-defined saves");
	fixture_expect_state(f, saves, "saved", "");
	fixture_hvctl(f, 0, "", "shutdown --as-defined cannot");
	fixture_expect_state(f, cannot, "off", "the guest powered off");
	fixture_hvctl(f, 4, "VM saves is saved", "shutdown --as-defined saves");
	fixture_free(f);
}

/* A save that a user has begun is as good an end as any, and one that fails is none. */
static void test_stop_while_saving(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *busy = define_started(f, "busy", "busy-save");
	g_autofree char *slow = define_started(f, "slow", "slow-save");
	g_autofree char *slow_job = fixture_run(f, slow, "Save"), *stop_all = NULL;

	g_free(fixture_run(f, busy, "Save"));
	stop_all = fixture_stop_all(f);
	let_go(f);
	fixture_cancel(f, slow_job);
	g_assert_cmpstr(fixture_wait(f, stop_all)->state, ==, "done");
	fixture_expect_state(f, busy, "saved", "");
	fixture_expect_state(f, slow, "off", "the guest powered off");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/save/life", test_life);
	g_test_add_func("/vmmsd/save/discard", test_discard);
	g_test_add_func("/vmmsd/save/wrong-states", test_wrong_states);
	g_test_add_func("/vmmsd/save/delete", test_delete);
	g_test_add_func("/vmmsd/save/fails", test_save_fails);
	g_test_add_func("/vmmsd/save/canceled", test_save_canceled);
	g_test_add_func("/vmmsd/save/takes-too-long", test_save_takes_too_long);
	g_test_add_func("/vmmsd/save/restore-fails", test_restore_fails);
	g_test_add_func("/vmmsd/save/other-disk", test_other_disk);
	g_test_add_func("/vmmsd/save/other-engine", test_other_engine);
	g_test_add_func("/vmmsd/save/killed-in-save", test_killed_in_save);
	g_test_add_func("/vmmsd/save/killed-in-restore", test_killed_in_restore);
	g_test_add_func("/vmmsd/save/other-boot", test_other_boot);
	g_test_add_func("/vmmsd/save/stop-action", test_stop_action);
	g_test_add_func("/vmmsd/save/stop-while-saving", test_stop_while_saving);
	return g_test_run();
}
