/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmmsd_fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void outcome_free(void *data)
{
	struct outcome *outcome = data;

	g_free(outcome->state);
	g_free(outcome->error);
	g_free(outcome->message);
	g_free(outcome);
}

static int notify_open(const char *dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(fd, >=, 0);
	g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", dir);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	return fd;
}

static struct fixture *fixture_alloc(void)
{
	struct fixture *fixture = g_new0(struct fixture, 1);

	fixture->dir = g_dir_make_tmp("vmmsd-XXXXXX", NULL);
	g_assert_nonnull(fixture->dir);
	fixture->notify = notify_open(fixture->dir);
	fixture->finished = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, outcome_free);
	return fixture;
}

struct fixture *fixture_new_real(void)
{
	struct fixture *fixture = fixture_alloc();

	fixture->real = TRUE;
	fixture->kernel = g_strdup(g_getenv("VMMS_TINY_GUEST"));
	fixture_start(fixture);
	return fixture;
}

struct fixture *fixture_new(const char *probe)
{
	struct fixture *fixture = fixture_alloc();

	fixture->kernel = g_build_filename(fixture->dir, "kernel", NULL);
	g_assert_true(g_file_set_contents(fixture->kernel, "elf", -1, NULL));
	if (probe)
		g_setenv("FAKE_WORKER_PROBE", probe, TRUE);
	else
		g_unsetenv("FAKE_WORKER_PROBE");
	fixture_start(fixture);
	return fixture;
}

static void remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		remove_tree(child);
	}
	(void)g_remove(path);
}

/* A test that fails takes its service along. */
static void die_with_parent(void *unused)
{
	(void)unused;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void argv_add(GPtrArray *argv, const char *option, const char *value)
{
	if (!value)
		return;
	g_ptr_array_add(argv, (gpointer)option);
	g_ptr_array_add(argv, (gpointer)value);
}

static GPid fixture_spawn(struct fixture *fixture, int *error_fd)
{
	const char *worker = g_getenv("VMMS_WORKER");
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *translator = g_build_filename(fixture->dir, FIXTURE_TRANSLATOR, NULL);
	g_autofree char *notify = g_build_filename(fixture->dir, "notify", NULL);
	g_auto(GStrv) env = g_get_environ();
	g_autoptr(GError) error = NULL;
	GPid pid = 0;

	g_ptr_array_add(argv, (gpointer)VMMSD);
	argv_add(argv, "--private", fixture->dir);
	if (!fixture->real) {
		argv_add(argv, "--log-level", "debug");
		argv_add(argv, "--translator", translator);
		argv_add(argv, "--worker", worker ? worker : FAKE_WORKER);
		/* A real kernel is unpacked by the real unpacker. */
		argv_add(argv, "--unpack", worker ? NULL : FAKE_UNPACK);
		argv_add(argv, "--libvirt-uri", g_getenv("VMMS_LIBVIRT_URI"));
		argv_add(argv, "--libvirt-helper", g_getenv("VMMS_LIBVIRT_HELPER"));
	}
	g_ptr_array_add(argv, NULL);
	env = g_environ_setenv(env, "NOTIFY_SOCKET", notify, TRUE);
	env = g_environ_setenv(env, "FAKE_WORKER_PROBES", fixture->dir, TRUE);
	(void)g_spawn_async_with_pipes(NULL, (char **)argv->pdata, env, G_SPAWN_DO_NOT_REAP_CHILD,
				       die_with_parent, NULL, &pid, NULL, NULL, error_fd, &error);
	g_assert_no_error(error);
	return pid;
}

static void wait_ready(struct fixture *fixture)
{
	gint64 deadline = g_get_monotonic_time() + WAIT_US;

	for (;;) {
		struct pollfd poll_fd = {.fd = fixture->notify, .events = POLLIN};
		char text[512];
		ssize_t size;

		g_assert_cmpint(poll(&poll_fd, 1, (int)(deadline - g_get_monotonic_time()) / 1000),
				==, 1);
		size = recv(fixture->notify, text, sizeof(text) - 1, 0);
		g_assert_cmpint(size, >, 0);
		text[size] = '\0';
		if (strstr(text, "READY=1"))
			return;
	}
}

static int on_job_finished(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct fixture *fixture = userdata;
	struct outcome *outcome = g_new0(struct outcome, 1);
	const char *job, *state, *name, *sentence;

	(void)error;
	g_assert_cmpint(sd_bus_message_read(message, "oosss", &job, NULL, &state, &name, &sentence),
			>=, 0);
	outcome->state = g_strdup(state);
	outcome->error = g_strdup(name);
	outcome->message = g_strdup(sentence);
	g_hash_table_replace(fixture->finished, g_strdup(job), outcome);
	return 0;
}

sd_bus *fixture_connect(const struct fixture *fixture)
{
	g_autofree char *address = g_strdup_printf("unix:path=%s/bus", fixture->dir);
	sd_bus *bus = NULL;

	g_assert_cmpint(sd_bus_new(&bus), >=, 0);
	g_assert_cmpint(sd_bus_set_address(bus, address), >=, 0);
	g_assert_cmpint(sd_bus_negotiate_fds(bus, 1), >=, 0);
	g_assert_cmpint(sd_bus_set_method_call_timeout(bus, WAIT_US), >=, 0);
	g_assert_cmpint(sd_bus_start(bus), >=, 0);
	return bus;
}

void fixture_start(struct fixture *fixture)
{
	fixture->pid = fixture_spawn(fixture, NULL);
	wait_ready(fixture);
	fixture->bus = fixture_connect(fixture);
	g_assert_cmpint(sd_bus_match_signal(fixture->bus, NULL, NULL, VMMS_ROOT_PATH,
					    VMMS_IFACE_MANAGER, "JobFinished", on_job_finished,
					    fixture),
			>=, 0);
	g_hash_table_remove_all(fixture->finished);
}

int fixture_end(struct fixture *fixture, int signal)
{
	int status;

	fixture->bus = sd_bus_close_unref(fixture->bus);
	g_assert_cmpint(kill(fixture->pid, signal), ==, 0);
	g_assert_cmpint(waitpid(fixture->pid, &status, 0), ==, fixture->pid);
	g_spawn_close_pid(fixture->pid);
	fixture->pid = 0;
	return status;
}

void fixture_restart(struct fixture *fixture)
{
	int status = fixture_end(fixture, SIGKILL);

	g_assert_true(WIFSIGNALED(status));
	fixture_start(fixture);
}

char *fixture_run_failing(struct fixture *fixture)
{
	char text[4096] = "";
	size_t size = 0;
	ssize_t n;
	int error_fd, status;
	GPid pid = fixture_spawn(fixture, &error_fd);

	while (size < sizeof(text) - 1 &&
	       (n = read(error_fd, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)n;
	close(error_fd);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 1);
	return g_strdup(text);
}

static char *reply_path(sd_bus_message *reply)
{
	const char *path;

	g_assert_cmpint(sd_bus_message_read(reply, "o", &path), >=, 0);
	return g_strdup(path);
}

char *fixture_stop_all(struct fixture *fixture)
{
	sd_bus_message *reply = NULL;
	char *job;

	g_assert_cmpint(sd_bus_call_method(fixture->bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					   "StopAll", NULL, &reply, NULL),
			>=, 0);
	job = reply_path(reply);
	sd_bus_message_unref(reply);
	return job;
}

void fixture_free(struct fixture *fixture)
{
	if (fixture->pid) {
		g_autofree char *job = fixture_stop_all(fixture);

		(void)fixture_wait(fixture, job);
		g_assert_cmpint(fixture_end(fixture, SIGTERM), ==, 0);
	}
	close(fixture->notify);
	remove_tree(fixture->dir);
	g_hash_table_unref(fixture->finished);
	g_free(fixture->dir);
	g_free(fixture->kernel);
	g_free(fixture);
}

char *fixture_define_with(struct fixture *fixture, const char *name, const char *behaviour,
			  const char *members)
{
	g_autofree char *json = g_strdup_printf(
		"{\"version\":1,\"name\":\"%s\",\"memory\":{\"size\":\"%s\"},"
		"\"boot\":{\"kernel\":\"%s\",\"cmdline\":\"%s\"}%s}",
		name, fixture->real ? "32M" : "2M", fixture->kernel, behaviour, members);
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	char *path;
	int r = sd_bus_call_method(fixture->bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Define",
				   &error, &reply, "s", json);

	if (r < 0)
		g_error("Define: %s", error.message);
	path = reply_path(reply);
	sd_bus_message_unref(reply);
	return path;
}

char *fixture_define(struct fixture *fixture, const char *name, const char *behaviour)
{
	return fixture_define_with(fixture, name, behaviour, "");
}

static char *call_for_job(struct fixture *fixture, sd_bus_message *call)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	char *path;

	if (sd_bus_call(fixture->bus, call, 0, &error, &reply) < 0)
		g_error("%s: %s", sd_bus_message_get_member(call), error.message);
	path = reply_path(reply);
	sd_bus_message_unref(reply);
	sd_bus_message_unref(call);
	return path;
}

static sd_bus_message *new_call(struct fixture *fixture, const char *path, const char *interface,
				const char *method)
{
	sd_bus_message *call = NULL;

	g_assert_cmpint(
		sd_bus_message_new_method_call(fixture->bus, &call, NULL, path, interface, method),
		>=, 0);
	return call;
}

char *fixture_run(struct fixture *fixture, const char *vm, const char *method)
{
	return call_for_job(fixture, new_call(fixture, vm, VMMS_IFACE_VM, method));
}

char *fixture_shutdown(struct fixture *fixture, const char *vm, guint64 timeout_us, gboolean force)
{
	sd_bus_message *call = new_call(fixture, vm, VMMS_IFACE_VM, "Shutdown");

	g_assert_cmpint(sd_bus_message_append(call, "tb", timeout_us, force), >=, 0);
	return call_for_job(fixture, call);
}

static void client_turn(struct fixture *fixture, gint64 deadline)
{
	int r = sd_bus_process(fixture->bus, NULL);

	g_assert_cmpint(r, >=, 0);
	if (r > 0)
		return;
	g_assert_cmpint(g_get_monotonic_time(), <, deadline);
	g_assert_cmpint(sd_bus_wait(fixture->bus, (uint64_t)(deadline - g_get_monotonic_time())),
			>=, 0);
}

void fixture_turn(struct fixture *fixture)
{
	client_turn(fixture, g_get_monotonic_time() + WAIT_US);
}

const struct outcome *fixture_wait(struct fixture *fixture, const char *job)
{
	gint64 deadline = g_get_monotonic_time() + WAIT_US;
	const struct outcome *outcome;

	while (!(outcome = g_hash_table_lookup(fixture->finished, job)))
		client_turn(fixture, deadline);
	return outcome;
}

void fixture_cancel(struct fixture *fixture, const char *job)
{
	g_assert_cmpint(sd_bus_call_method(fixture->bus, NULL, job, VMMS_IFACE_JOB, "Cancel", NULL,
					   NULL, NULL),
			>=, 0);
}

static void expect_text(const char *got, const char *text)
{
	if (!strstr(got, text))
		g_error("\"%s\" is not in \"%s\"", text, got);
}

void fixture_expect_failed(const struct outcome *outcome, const char *error, const char *text)
{
	g_autofree char *expected = g_strconcat(VMMS_ERROR_PREFIX, error, NULL);

	g_test_message("%s: %s", outcome->error, outcome->message);
	g_assert_cmpstr(outcome->state, ==, "failed");
	g_assert_cmpstr(outcome->error, ==, expected);
	expect_text(outcome->message, text);
}

void fixture_do(struct fixture *fixture, const char *vm, const char *method)
{
	g_autofree char *job = fixture_run(fixture, vm, method);
	const struct outcome *outcome = fixture_wait(fixture, job);

	g_assert_cmpstr(outcome->message, ==, "");
	g_assert_cmpstr(outcome->state, ==, "done");
}

char *fixture_get(struct fixture *fixture, const char *vm, const char *property)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char *value = NULL, *copy;

	if (sd_bus_get_property_string(fixture->bus, NULL, vm, VMMS_IFACE_VM, property, &error,
				       &value) < 0)
		g_error("%s: %s", property, error.message);
	copy = g_strdup(value);
	free(value);
	return copy;
}

guint32 fixture_worker_pid(struct fixture *fixture, const char *vm)
{
	guint32 pid = 0;

	g_assert_cmpint(sd_bus_get_property_trivial(fixture->bus, NULL, vm, VMMS_IFACE_VM,
						    "WorkerPid", NULL, 'u', &pid),
			>=, 0);
	return pid;
}

void fixture_expect_state(struct fixture *fixture, const char *vm, const char *state,
			  const char *text)
{
	g_autofree char *state_now = fixture_get(fixture, vm, "State");
	g_autofree char *reason = fixture_get(fixture, vm, "Reason");

	g_assert_cmpstr(state_now, ==, state);
	expect_text(reason, text);
}

void fixture_wait_state(struct fixture *fixture, const char *vm, const char *state)
{
	gint64 deadline = g_get_monotonic_time() + WAIT_US;

	for (;;) {
		g_autofree char *now = fixture_get(fixture, vm, "State");

		if (g_str_equal(now, state))
			return;
		client_turn(fixture, deadline); /* PropertiesChanged wakes it */
	}
}

void fixture_expect_error(struct fixture *fixture, const char *path, const char *interface,
			  const char *method, const char *error, const char *text,
			  const char *types, ...)
{
	g_autofree char *expected = g_strconcat(VMMS_ERROR_PREFIX, error, NULL);
	sd_bus_message *call = new_call(fixture, path, interface, method);
	sd_bus_error got = SD_BUS_ERROR_NULL;
	va_list ap;

	va_start(ap, types);
	if (types)
		g_assert_cmpint(sd_bus_message_appendv(call, types, ap), >=, 0);
	va_end(ap);
	g_assert_cmpint(sd_bus_call(fixture->bus, call, 0, &got, NULL), <, 0);
	sd_bus_message_unref(call);
	g_test_message("%s: %s", got.name, got.message);
	g_assert_cmpstr(got.name, ==, expected);
	expect_text(got.message, text);
	sd_bus_error_free(&got);
}

void hvctl_expect(const struct fixture *f, int code, const char *text, const char *const *words)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *out = NULL, *err = NULL;
	g_autoptr(GError) error = NULL;
	int status;

	g_ptr_array_add(argv, (gpointer)HVCTL);
	g_ptr_array_add(argv, (gpointer) "--connect");
	g_ptr_array_add(argv, f->dir);
	for (; *words; words++)
		g_ptr_array_add(argv, (gpointer)*words);
	g_ptr_array_add(argv, NULL);
	(void)g_spawn_sync("/", (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err,
			   &status, &error);
	g_assert_no_error(error);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (status != code || !strstr(code == 0 ? out : err, text))
		g_error("expected %d and \"%s\"; got %d\nout: %s\nerr: %s", code, text, status, out,
			err);
	/* One sentence, and nothing beside it. */
	if (code != 0)
		g_assert_true(strchr(err, '\n') == err + strlen(err) - 1);
}

void fixture_hvctl(const struct fixture *fixture, int code, const char *text, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);

	hvctl_expect(fixture, code, text, (const char *const *)words);
}

void fixture_put_answer(const struct fixture *fixture, const char *name, const char *answer)
{
	g_autofree char *path = g_build_filename(fixture->dir, name, NULL);

	g_assert_true(g_file_set_contents(path, answer, -1, NULL));
}

void fixture_add_translator(const struct fixture *fixture)
{
	g_autofree char *path = g_build_filename(fixture->dir, FIXTURE_TRANSLATOR, NULL);

	fixture_put_answer(fixture, FIXTURE_TRANSLATOR ".probe",
			   "{\"usable\":true,\"reason\":\"\"}");
	g_assert_cmpint(symlink(FAKE_WORKER, path), ==, 0);
}

void fixture_pretend_boot(const struct fixture *fixture)
{
	g_autofree char *command =
		g_strdup_printf("sqlite3 %s/state/vmms.db \"UPDATE setting SET value='x' WHERE "
				"key='boot_id'\"",
				fixture->dir);

	g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

guint fixture_events_count(struct fixture *f, const char *wanted)
{
	sd_bus_message *reply = NULL;
	const char *event;
	guint count = 0;

	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					   "GetEvents", NULL, &reply, "t", (uint64_t)0),
			>=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "(ttssss)"), >, 0);
	while (sd_bus_message_read(reply, "(ttssss)", NULL, NULL, NULL, NULL, &event, NULL) > 0)
		if (!wanted || g_str_equal(event, wanted))
			count++;
	sd_bus_message_unref(reply);
	return count;
}
