// SPDX-License-Identifier: LGPL-2.1-or-later
/* What libhvctl decides by itself: addresses, errors, and what it exports. */
#include <glib.h>
#include <string.h>

#include "connection.h"

static void check_address(const char *text, enum address_kind kind, const char *expected)
{
	enum address_kind got;
	char *address;

	g_test_message("%s", text);
	g_assert_cmpint(address_resolve(text, &got, &address), ==, 0);
	g_assert_cmpint(got, ==, kind);
	g_assert_cmpstr(address, ==, expected);
	free(address);
}

static void test_address(void)
{
	enum address_kind kind;
	char *address;

	check_address("system", ADDRESS_SYSTEM, NULL);
	check_address("session", ADDRESS_SESSION, NULL);
	check_address("/", ADDRESS_PEER, "unix:path=/bus");
	check_address("/nonexistent", ADDRESS_PEER, "unix:path=/nonexistent/bus");
	check_address("/nonexistent/bus", ADDRESS_PEER, "unix:path=/nonexistent/bus");
	check_address("/dev/null", ADDRESS_PEER, "unix:path=/dev/null");
	check_address("./system", ADDRESS_PEER, "unix:path=./system/bus");
	check_address("/no such,dir", ADDRESS_PEER, "unix:path=/no%20such%2cdir/bus");
	check_address("unix:path=/x", ADDRESS_PEER, "unix:path=/x");
	check_address("/a:b=c", ADDRESS_PEER, "unix:path=/a%3ab%3dc/bus");
	g_assert_cmpint(address_resolve("", &kind, &address), ==, -HVCTL_ERROR_INVALID_ARGUMENT);
	g_assert_cmpint(address_resolve("smoke:a=b", &kind, &address), ==,
			-HVCTL_ERROR_INVALID_ARGUMENT);
}

static int hex(char c)
{
	return g_ascii_xdigit_value(c);
}

/* Escaping loses nothing and leaves nothing that separates addresses. */
static void test_escape(void)
{
	for (int i = 0; i < 1000; i++) {
		char path[17];
		for (size_t j = 0; j < 16; j++)
			path[j] = (char)g_test_rand_int_range(1, 256);
		path[16] = '\0';
		g_autofree char *address = address_from_path(path);
		g_assert_true(g_str_has_prefix(address, "unix:path="));
		g_assert_null(strpbrk(address + 10, ";, =:"));
		char back[17];
		size_t n = 0;
		for (const char *p = address + 10; *p && n < 16; p++) {
			if (*p == '%') {
				back[n++] = (char)(hex(p[1]) * 16 + hex(p[2]));
				p += 2;
			} else {
				back[n++] = *p;
			}
		}
		back[n] = '\0';
		g_assert_cmpstr(back, ==, path);
	}
}

static void test_errors(void)
{
	static const struct {
		const char *name;
		enum hvctl_code code;
	} cases[] = {
#define X(sym, part) {VMMS_ERROR_PREFIX part, HVCTL_ERROR_##sym},
		VMMS_ERRORS(X)
#undef X
			{"org.freedesktop.DBus.Error.AccessDenied", HVCTL_ERROR_DENIED},
		{"org.freedesktop.DBus.Error.ServiceUnknown", HVCTL_ERROR_UNREACHABLE},
		{"org.freedesktop.DBus.Error.Spawn.ChildExited", HVCTL_ERROR_UNREACHABLE},
		{"org.freedesktop.DBus.Error.NoReply", HVCTL_ERROR_UNREACHABLE},
		{"org.freedesktop.DBus.Error.Timeout", HVCTL_ERROR_TIMED_OUT},
		{"com.example.Unheard", HVCTL_ERROR_FAILED},
	};
	hvctl *h;

	g_assert_cmpint(hvctl_new(&h), ==, 0);
	g_assert_cmpint(hvctl_error_code(hvctl_last_error(h)), ==, 0);
	g_assert_cmpstr(hvctl_error_message(hvctl_last_error(h)), ==, "");
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		int r = error_set_bus(h, cases[i].name, "a sentence");
		g_assert_cmpint(r, ==, -(int)cases[i].code);
		g_assert_cmpint(hvctl_error_code(hvctl_last_error(h)), ==, cases[i].code);
		g_assert_cmpstr(hvctl_error_name(hvctl_last_error(h)), ==, cases[i].name);
		g_assert_cmpstr(hvctl_error_message(hvctl_last_error(h)), !=, "");
	}
	/* The arguments of a new error may be parts of the old one. */
	error_set(h, HVCTL_ERROR_FAILED, "%s again", hvctl_error_message(hvctl_last_error(h)));
	g_assert_cmpstr(hvctl_error_message(hvctl_last_error(h)), ==, "a sentence again");
	hvctl_free(h);
	hvctl_free(NULL);
	hvctl_list_free(NULL);
	hvctl_job_free(NULL);
	hvctl_event_free(NULL);
}

/* Every call on a handle that is not open fails in the same way, and changes nothing. */
static void test_not_open(void)
{
	hvctl_event *event;
	hvctl_list *list;
	hvctl_job *job;
	uint64_t usec;
	char *text;
	hvctl *h;
	int fd;

	g_assert_cmpint(hvctl_new(&h), ==, 0);
	const int results[] = {
		hvctl_list_vms(h, &list),
		hvctl_get(h, "a", &list),
		hvctl_describe(h, "a", &text),
		hvctl_define(h, "{}", &text),
		hvctl_delete(h, "a"),
		hvctl_start(h, "a", &job),
		hvctl_start(h, "a", NULL),
		hvctl_shutdown(h, "a", 0, false, &job),
		hvctl_reboot(h, "a", 0, &job),
		hvctl_hibernate(h, "a", 0, NULL),
		hvctl_open_console(h, "a", 0, 0, &fd),
		hvctl_subscribe(h, 0),
		hvctl_next_event(h, 0, &event),
		hvctl_poll_fd(h),
		hvctl_poll_timeout(h, &usec),
		hvctl_service(h, &text, &text),
	};
	for (size_t i = 0; i < G_N_ELEMENTS(results); i++)
		g_assert_cmpint(results[i], ==, -HVCTL_ERROR_UNREACHABLE);
	g_assert_cmpstr(hvctl_address(h), ==, "");
	hvctl_free(h);
}

/* What hvctl.h declares, with the version, and nothing else. */
static void test_symbols(void)
{
	char *argv[] = {(char *)"nm", (char *)"-D", (char *)"--defined-only", (char *)LIBRARY,
			NULL};
	g_autofree char *out = NULL, *header = NULL;
	int status;

	g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL,
				   &status, NULL));
	g_assert_cmpint(status, ==, 0);
	g_assert_true(g_file_get_contents(HEADER, &header, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(g_strchomp(out), "\n", -1);
	guint exported = 0, declared = 0;
	for (char **line = lines; *line; line++) {
		const char *symbol = strrchr(*line, ' ') + 1;
		if (strcmp(symbol, "LIBHVCTL_0") == 0)
			continue;
		g_assert_true(g_str_has_prefix(symbol, "hvctl_"));
		g_assert_true(g_str_has_suffix(symbol, "@@LIBHVCTL_0"));
		exported++;
	}
	/* A declaration begins a line and names its function before the first parenthesis. */
	g_autoptr(GRegex) regex =
		g_regex_new("^[a-z].*?(hvctl_[a-z_]+)\\(", G_REGEX_MULTILINE, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_regex_match(regex, header, 0, &match);
	for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
		g_autofree char *name = g_match_info_fetch(match, 1);
		g_autofree char *symbol = g_strconcat(" ", name, "@@LIBHVCTL_0", NULL);
		if (!strstr(out, symbol))
			g_error("%s is declared but not exported", name);
		declared++;
	}
	g_assert_cmpuint(exported, ==, declared);
	g_assert_cmpuint(exported, >=, 60);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/libhvctl/address", test_address);
	g_test_add_func("/libhvctl/escape", test_escape);
	g_test_add_func("/libhvctl/errors", test_errors);
	g_test_add_func("/libhvctl/not-open", test_not_open);
	g_test_add_func("/libhvctl/symbols", test_symbols);
	return g_test_run();
}
