/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmmsd on a session bus of its own: the broker is a real dbus-daemon. */
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "vmms1.h"

#define WAIT_US INT64_C(30000000)

struct session {
	char *dir, *address;
	GPid daemon, service;
	sd_bus *bus;
};

static void die_with_parent(void *unused)
{
	(void)unused;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GPid spawn(const char *const argv[], char **env, int *out, int *err)
{
	g_autoptr(GError) error = NULL;
	GPid pid = 0;

	(void)g_spawn_async_with_pipes(NULL, (char **)argv, env,
				       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
				       die_with_parent, NULL, &pid, NULL, out, err, &error);
	g_assert_no_error(error);
	return pid;
}

static void daemon_start(struct session *session)
{
	const char *const argv[] = {"dbus-daemon", "--session", "--nofork", "--print-address",
				    NULL};
	char address[512];
	ssize_t size;
	int out;

	session->daemon = spawn(argv, NULL, &out, NULL);
	size = read(out, address, sizeof(address) - 1);
	g_assert_cmpint(size, >, 0);
	address[size] = '\0';
	session->address = g_strdup(g_strstrip(address));
	close(out);
}

static GPid vmmsd_start(const struct session *session, const char *name, int *err)
{
	const char *const argv[] = {VMMSD,	"--session", "--worker", FAKE_WORKER,
				    "--unpack", FAKE_UNPACK, NULL};
	static const char *const homes[] = {"XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"};
	g_autofree char *home = g_build_filename(session->dir, name, NULL);
	g_auto(GStrv) env = g_get_environ();

	g_assert_cmpint(g_mkdir_with_parents(home, 0700), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(homes); i++)
		env = g_environ_setenv(env, homes[i], home, TRUE);
	env = g_environ_setenv(env, "DBUS_SESSION_BUS_ADDRESS", session->address, TRUE);
	env = g_environ_unsetenv(env, "NOTIFY_SOCKET");
	return spawn(argv, env, NULL, err);
}

static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *name, *owner;

	(void)error;
	g_assert_cmpint(sd_bus_message_read(message, "sss", &name, NULL, &owner), >=, 0);
	if (g_str_equal(name, VMMS_BUS_NAME) && *owner)
		*(gboolean *)userdata = TRUE;
	return 0;
}

static void turn_until(sd_bus *bus, const gboolean *done)
{
	gint64 deadline = g_get_monotonic_time() + WAIT_US;

	while (!*done) {
		int r = sd_bus_process(bus, NULL);

		g_assert_cmpint(r, >=, 0);
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		if (r == 0)
			g_assert_cmpint(sd_bus_wait(bus, WAIT_US), >=, 0);
	}
}

static void session_up(struct session *session)
{
	gboolean owned = FALSE;

	*session = (struct session){.dir = g_dir_make_tmp("vmmsd-session-XXXXXX", NULL)};
	daemon_start(session);
	g_assert_cmpint(sd_bus_new(&session->bus), >=, 0);
	g_assert_cmpint(sd_bus_set_address(session->bus, session->address), >=, 0);
	g_assert_cmpint(sd_bus_set_bus_client(session->bus, 1), >=, 0);
	g_assert_cmpint(sd_bus_start(session->bus), >=, 0);
	g_assert_cmpint(sd_bus_match_signal(session->bus, NULL, "org.freedesktop.DBus",
					    "/org/freedesktop/DBus", "org.freedesktop.DBus",
					    "NameOwnerChanged", on_owner, &owned),
			>=, 0);
	session->service = vmmsd_start(session, "first", NULL);
	turn_until(session->bus, &owned);
}

static void end(GPid pid, int expected)
{
	int status;

	g_assert_cmpint(kill(pid, SIGTERM), ==, 0);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	if (expected >= 0)
		g_assert_cmpint(status, ==, expected);
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

static void session_down(struct session *session)
{
	if (session->service)
		end(session->service, 0);
	sd_bus_flush_close_unref(session->bus);
	end(session->daemon, -1);
	remove_tree(session->dir);
	g_free(session->dir);
	g_free(session->address);
}

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	(void)message;
	(void)error;
	*(gboolean *)userdata = TRUE;
	return 0;
}

static void test_serves(void)
{
	struct session session;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	gboolean changed = FALSE;
	char *mode = NULL;
	const char *vm;

	session_up(&session);
	g_assert_cmpint(sd_bus_get_property_string(session.bus, VMMS_BUS_NAME, VMMS_ROOT_PATH,
						   VMMS_IFACE_MANAGER, "Mode", &error, &mode),
			>=, 0);
	g_assert_cmpstr(mode, ==, "session");
	g_assert_cmpint(sd_bus_match_signal(session.bus, NULL, VMMS_BUS_NAME, NULL,
					    "org.freedesktop.DBus.Properties", "PropertiesChanged",
					    on_changed, &changed),
			>=, 0);
	g_assert_cmpint(sd_bus_call_method(session.bus, VMMS_BUS_NAME, VMMS_ROOT_PATH,
					   VMMS_IFACE_MANAGER, "Define", &error, &reply, "s",
					   "{\"version\":1,\"name\":\"web1\"}"),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "o", &vm), >=, 0);
	g_assert_cmpint(sd_bus_call_method(session.bus, VMMS_BUS_NAME, vm, VMMS_IFACE_VM, "Rename",
					   &error, NULL, "s", "web2"),
			>=, 0);
	turn_until(session.bus, &changed);
	g_assert_cmpint(sd_bus_call_method(session.bus, VMMS_BUS_NAME, vm, VMMS_IFACE_VM, "Start",
					   &error, NULL, NULL),
			<, 0);
	g_assert_cmpstr(error.name, ==, VMMS_ERROR_PREFIX "InvalidImage");
	g_assert_nonnull(strstr(error.message, "VM web2 has no kernel"));
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	free(mode);
	session_down(&session);
}

static void test_name_taken(void)
{
	struct session session;
	char text[2048] = "";
	size_t size = 0;
	ssize_t n;
	int err, status;
	GPid second;

	session_up(&session);
	second = vmmsd_start(&session, "second", &err);
	while (size < sizeof(text) - 1 && (n = read(err, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)n;
	close(err);
	g_assert_cmpint(waitpid(second, &status, 0), ==, second);
	g_assert_cmpint(WEXITSTATUS(status), ==, 1);
	g_assert_nonnull(strstr(text, "org.vmms1 is taken: another vmmsd serves this bus"));
	session_down(&session);
}

/* Without its bus the service cannot be reached: it ends, for its supervisor to start it again. */
static void test_bus_lost(void)
{
	struct session session;
	int status;

	session_up(&session);
	g_assert_cmpint(kill(session.daemon, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(session.service, &status, 0), ==, session.service);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 1);
	session.service = 0;
	session_down(&session);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/session/serves", test_serves);
	g_test_add_func("/vmmsd/session/name-taken", test_name_taken);
	g_test_add_func("/vmmsd/session/bus-lost", test_bus_lost);
	return g_test_run();
}
