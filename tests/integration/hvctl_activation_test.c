// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who starts a service that does not run: verbs do, whoever only watches does not. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvctl_fixture.h"

struct bus {
	char *dir, *marker;
	GPid broker;
};

static void write_file(const struct bus *bus, const char *name, const char *format)
{
	g_autofree char *path = g_build_filename(bus->dir, name, NULL);
	g_auto(GStrv) parts = g_strsplit(format, "DIR", -1);
	g_autofree char *text = g_strjoinv(bus->dir, parts);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void die_with_parent(void *unused)
{
	(void)unused;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A broker by which the service is a program that leaves a mark and fails. */
static void setup(struct bus *bus, const void *data)
{
	g_autofree char *conf = NULL, *option = NULL;
	char address[512];
	int out;

	(void)data;
	bus->dir = g_dir_make_tmp("hvctl-activation-XXXXXX", NULL);
	bus->marker = g_build_filename(bus->dir, "started", NULL);
	write_file(
		bus, "org.vmms1.service",
		"[D-BUS Service]\nName=org.vmms1\nExec=/bin/sh -c \"touch DIR/started; exit 1\"\n");
	write_file(bus, "bus.conf",
		   "<busconfig><type>session</type><listen>unix:path=DIR/bus</listen>"
		   "<servicedir>DIR</servicedir><policy context=\"default\">"
		   "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>"
		   "<allow own=\"*\"/></policy></busconfig>");
	conf = g_build_filename(bus->dir, "bus.conf", NULL);
	option = g_strdup_printf("--config-file=%s", conf);
	const char *const argv[] = {"dbus-daemon", option, "--nofork", "--print-address", NULL};
	g_assert_true(g_spawn_async_with_pipes(
		NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
		die_with_parent, NULL, &bus->broker, NULL, &out, NULL, NULL));
	ssize_t n = read(out, address, sizeof(address) - 1);
	g_assert_cmpint(n, >, 0);
	address[n] = '\0';
	g_setenv("DBUS_SESSION_BUS_ADDRESS", g_strstrip(address), TRUE);
	close(out);
}

static void teardown(struct bus *bus, const void *data)
{
	(void)data;
	g_assert_cmpint(kill(bus->broker, SIGTERM), ==, 0);
	g_assert_cmpint(waitpid(bus->broker, NULL, 0), ==, bus->broker);
	for (const char *const *name =
		     (const char *const[]){"org.vmms1.service", "bus.conf", "bus", "started", NULL};
	     *name; name++) {
		g_autofree char *path = g_build_filename(bus->dir, *name, NULL);

		(void)g_remove(path);
	}
	g_assert_cmpint(g_rmdir(bus->dir), ==, 0);
	g_free(bus->dir);
	g_free(bus->marker);
}

static void test_metrics(struct bus *bus, const void *data)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
	char *argv[] = {(char *)HVCTL,	   (char *)"--connect", (char *)"session",
			(char *)"metrics", (char *)"--http",	NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ends[2];
	char answer[64] = "";

	(void)data;
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
	g_assert_cmpint(send(ends[0], request, strlen(request), MSG_NOSIGNAL), >, 0);
	pid_t pid = spawn(argv, ends[1], null, null);
	close(ends[1]);
	g_assert_cmpint(read(ends[0], answer, sizeof(answer) - 1), >, 0);
	close(ends[0]);
	close(null);
	g_assert_cmpint(wait_bounded(pid), ==, 1);
	g_assert_true(g_str_has_prefix(answer, "HTTP/1.0 503 Service Unavailable\r\n"));
	g_assert_false(g_file_test(bus->marker, G_FILE_TEST_EXISTS));
}

static void test_verb(struct bus *bus, const void *data)
{
	char *argv[] = {(char *)"--connect", (char *)"session", (char *)"list", NULL};
	struct result r = hvctl_argv(NULL, NULL, argv);

	(void)data;
	/* It ended without having taken the name. */
	g_assert_cmpint(r.status, !=, 0);
	g_assert_true(g_file_test(bus->marker, G_FILE_TEST_EXISTS));
	result_clear(&r);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("HVCTL_BUS");
	g_setenv("LC_ALL", "C.UTF-8", TRUE);
	g_test_add("/hvctl-activation/metrics", struct bus, NULL, setup, test_metrics, teardown);
	g_test_add("/hvctl-activation/verb", struct bus, NULL, setup, test_verb, teardown);
	return g_test_run();
}
