/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients in every number and of every manner, and the interfaces that they are promised. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmmsd_fixture.h"

#define CLIENTS 1000u

static void test_thousand(void)
{
	struct rlimit limit;
	struct fixture *f;
	sd_bus **clients;
	g_autofree char *vm = NULL;

	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	limit.rlim_cur = limit.rlim_max;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	if (limit.rlim_max < CLIENTS + 100) {
		g_test_skip("RLIMIT_NOFILE is too small for 1,000 clients");
		return;
	}
	f = fixture_new(NULL);
	vm = fixture_define(f, "web1", "run");
	clients = g_new0(sd_bus *, CLIENTS);
	for (guint i = 0; i < CLIENTS; i++)
		clients[i] = fixture_connect(f);
	fixture_do(f, vm, "Start"); /* its signals go to all of them */
	for (guint i = 0; i < CLIENTS; i++) {
		g_autofree char *state = NULL;
		struct fixture one = {.bus = clients[i]};

		state = fixture_get(&one, vm, "State");
		g_assert_cmpstr(state, ==, "running");
	}
	for (guint i = 0; i < CLIENTS; i++)
		sd_bus_close_unref(clients[i]);
	g_free(clients);
	fixture_do(f, vm, "Stop");
	fixture_free(f);
}

static void test_long_arguments(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *mib = g_strnfill(1048576, 'a');

	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Define", "InvalidArgument",
			     "1048576 bytes", "s", mib);
	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Lookup", "InvalidArgument",
			     "1048576 bytes", "s", mib);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Edit", "InvalidArgument", "1048576 bytes", "s",
			     mib);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Rename", "InvalidArgument", "1048576 bytes",
			     "s", mib);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Shutdown", "WrongState", "off", "tb",
			     UINT64_MAX, 1);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "OpenConsole", "InvalidArgument", "port 7", "uu",
			     7u, 0u);
	fixture_expect_error(f, vm, VMMS_IFACE_VM, "OpenConsole", "WrongState",
			     "hvctl console --log", "uu", 0u, 1u);
	fixture_do(f, vm, "Start"); /* the connection is as good as before */
	fixture_free(f);
}

/* The job goes on without the client that asked for it. */
static void test_disconnect_in_job(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	sd_bus *other = fixture_connect(f);

	g_assert_cmpint(sd_bus_call_method_async(other, NULL, NULL, vm, VMMS_IFACE_VM, "Start",
						 NULL, NULL, NULL),
			>=, 0);
	sd_bus_flush_close_unref(other);
	fixture_wait_state(f, vm, "running");
	fixture_free(f);
}

static int connect_raw(const struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(fd, >=, 0);
	g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", f->dir);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	return fd;
}

/* Bytes that are no D-Bus end that connection and nothing else. */
static void test_garbage(void)
{
	static const char *const garbage[] = {
		"GET / HTTP/1.1\r\n\r\n", "\xff\xfe\xfd",
		"AUTH EXTERNAL 30\r\nBEGIN\r\nlllllllllllllllllllllll"};
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");

	for (size_t i = 0; i < G_N_ELEMENTS(garbage); i++) {
		int fd = connect_raw(f);

		g_assert_cmpint(write(fd, "", 1), ==, 1);
		g_assert_cmpint(write(fd, garbage[i], strlen(garbage[i])), ==,
				(ssize_t)strlen(garbage[i]));
		fixture_do(f, vm, "Start");
		fixture_do(f, vm, "Stop");
		close(fd);
	}
	fixture_free(f);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)reply, (void)userdata, (void)error;
	return 0;
}

/* A client that asks and never reads is let go; the others do not notice. */
static void test_never_reads(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	sd_bus *deaf = fixture_connect(f);
	guint i;
	int r = 0;

	for (i = 0; i < 200000 && r >= 0; i++) {
		r = sd_bus_call_method_async(deaf, NULL, NULL, vm, VMMS_IFACE_VM, "Describe",
					     on_answer, NULL, NULL);
		if (r >= 0 && i % 64 == 63)
			r = sd_bus_flush(deaf);
	}
	g_assert_cmpint(r, <, 0);
	g_test_message("disconnected after %u calls", i);
	sd_bus_close_unref(deaf);
	fixture_do(f, vm, "Start");
	fixture_free(f);
}

static char *read_all(int fd)
{
	GString *text = g_string_new(NULL);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char buffer[256];
	ssize_t n;

	while (poll(&poll_fd, 1, 30000) == 1 && (n = read(fd, buffer, sizeof(buffer))) > 0)
		g_string_append_len(text, buffer, n);
	return g_string_free(text, FALSE);
}

static char *console_text(struct fixture *f, const char *vm, guint32 flags)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	char *text;
	int fd;

	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "OpenConsole", &error, &reply, "uu",
			       0u, flags) < 0)
		g_error("OpenConsole: %s", error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "h", &fd), >=, 0);
	text = read_all(fd);
	sd_bus_message_unref(reply);
	return text;
}

static void test_console(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "console");
	g_autofree char *live = NULL, *kept = NULL;

	fixture_do(f, vm, "Start");
	live = console_text(f, vm, VMMS_CONSOLE_REPLAY);
	g_assert_cmpstr(live, ==, "web1"); /* what the fake worker says */
	fixture_do(f, vm, "Stop");
	kept = console_text(f, vm, VMMS_CONSOLE_REPLAY | VMMS_CONSOLE_LOG_ONLY);
	g_assert_cmpstr(kept, ==, "the kept output");
	fixture_free(f);
}

/* "method Start()->(job:o)", one line each, sorted: what two descriptions are compared by. */
struct description {
	GPtrArray *lines;
	GString *member;
	gboolean wanted;
	const char *interface;
};

static const char *attribute(const char **names, const char **values, const char *name)
{
	for (; *names; names++, values++)
		if (g_str_equal(*names, name))
			return *values;
	return "";
}

static void on_element(GMarkupParseContext *context, const char *element, const char **names,
		       const char **values, void *userdata, GError **error)
{
	struct description *d = userdata;

	(void)context;
	(void)error;
	if (g_str_equal(element, "interface"))
		d->wanted = g_str_equal(attribute(names, values, "name"), d->interface);
	if (!d->wanted)
		return;
	if (g_str_equal(element, "method") || g_str_equal(element, "signal") ||
	    g_str_equal(element, "property"))
		g_string_printf(d->member, "%s %s %s %s", element, attribute(names, values, "name"),
				attribute(names, values, "type"),
				attribute(names, values, "access"));
	else if (g_str_equal(element, "arg"))
		g_string_append_printf(d->member, " (%s %s %s)", attribute(names, values, "name"),
				       attribute(names, values, "type"),
				       attribute(names, values, "direction"));
}

static void on_element_end(GMarkupParseContext *context, const char *element, void *userdata,
			   GError **error)
{
	struct description *d = userdata;

	(void)context;
	(void)error;
	if (d->wanted && (g_str_equal(element, "method") || g_str_equal(element, "signal") ||
			  g_str_equal(element, "property")))
		g_ptr_array_add(d->lines, g_strdup(d->member->str));
	if (g_str_equal(element, "interface"))
		d->wanted = FALSE;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *describe(const char *xml, const char *interface)
{
	static const GMarkupParser parser = {.start_element = on_element,
					     .end_element = on_element_end};
	struct description d = {.lines = g_ptr_array_new_with_free_func(g_free),
				.member = g_string_new(NULL),
				.interface = interface};
	GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &d, NULL);
	g_autoptr(GError) error = NULL;
	char *text;

	(void)g_markup_parse_context_parse(context, xml, -1, &error);
	g_assert_no_error(error);
	g_markup_parse_context_free(context);
	g_ptr_array_sort(d.lines, compare_lines);
	g_ptr_array_add(d.lines, NULL);
	text = g_strjoinv("\n", (char **)d.lines->pdata);
	g_ptr_array_unref(d.lines);
	g_string_free(d.member, TRUE);
	return text;
}

static void assert_contract(struct fixture *f, const char *path, const char *interface)
{
	g_autofree char *file = g_strdup_printf("%s/%s.xml", SCHEMAS, interface);
	g_autofree char *promised_xml = NULL, *promised = NULL, *live = NULL;
	sd_bus_message *reply = NULL;
	const char *live_xml;

	g_assert_true(g_file_get_contents(file, &promised_xml, NULL, NULL));
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, path,
					   "org.freedesktop.DBus.Introspectable", "Introspect",
					   NULL, &reply, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "s", &live_xml), >=, 0);
	promised = describe(promised_xml, interface);
	live = describe(live_xml, interface);
	g_assert_cmpstr(promised, !=, "");
	g_assert_cmpstr(live, ==, promised);
	sd_bus_message_unref(reply);
}

static void test_contract(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	g_autofree char *job = fixture_run(f, vm, "Start");

	(void)fixture_wait(f, job);
	assert_contract(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER);
	assert_contract(f, vm, VMMS_IFACE_VM);
	assert_contract(f, job, VMMS_IFACE_JOB);
	fixture_free(f);
}

static void test_objects(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "run");
	sd_bus_message *reply = NULL;
	gboolean found = FALSE;
	const char *path;

	fixture_do(f, vm, "Start");
	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, VMMS_ROOT_PATH,
					   "org.freedesktop.DBus.ObjectManager",
					   "GetManagedObjects", NULL, &reply, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}"), >, 0);
	while (sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
		g_assert_cmpint(sd_bus_message_read(reply, "o", &path), >=, 0);
		found = found || g_str_equal(path, vm);
		g_assert_cmpint(sd_bus_message_skip(reply, "a{sa{sv}}"), >=, 0);
		g_assert_cmpint(sd_bus_message_exit_container(reply), >=, 0);
	}
	g_assert_true(found);
	sd_bus_message_unref(reply);
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/clients/contract", test_contract);
	g_test_add_func("/vmmsd/clients/objects", test_objects);
	g_test_add_func("/vmmsd/clients/long-arguments", test_long_arguments);
	g_test_add_func("/vmmsd/clients/disconnect-in-job", test_disconnect_in_job);
	g_test_add_func("/vmmsd/clients/console", test_console);
	g_test_add_func("/vmmsd/clients/garbage", test_garbage);
	g_test_add_func("/vmmsd/clients/never-reads", test_never_reads);
	g_test_add_func("/vmmsd/clients/thousand", test_thousand);
	return g_test_run();
}
