// SPDX-License-Identifier: LGPL-2.1-or-later
/* hvctl top: one table without a terminal, and the keys on one. */
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hvctl_session.h"

static void setup(struct session *s, const void *data)
{
	(void)data;
	service_start(&s->service, 0);
	expect(&s->service, 0, "", "create", "grow-1", "still", "asleep");
	expect(&s->service, 0, "", "start", "grow-1", "still");
	session_open(s);
}

static void teardown(struct session *s, const void *data)
{
	(void)data;
	session_close(s);
	service_stop(&s->service);
}

/* Without a terminal: what passed between two looks; what is not known is not 0. */
static void test_once(struct session *s, const void *data)
{
	const struct service *service = &s->service;

	(void)data;
	expect(service, 0,
	       "NAME    STATE    VCPUS  CPU%  READY%  LIMIT%  DEV%  EXITS/S\n"
	       "grow-1  running      1    60      25      15     5      500\n"
	       "still   running      1     -       -       -     -        -\n"
	       "grow-1 waits 25% of its time, held by its limit: raise --limit\n",
	       "top", "--once", "--interval", "0.1");
	expect(service, 0, "asleep  off        1     -       -       -     -        -\n", "top",
	       "--once", "--interval", "0.1", "asleep");
	expect(service, 3, "nosuch", "top", "--once", "nosuch");
	expect(service, 2, "this needs a terminal; 'hvctl top --once' needs none", "top");
	expect(service, 2, "--interval needs 0.1 to 3600 seconds", "top", "--once", "-i", "4000");
	expect(service, 2, "--sort", "top", "--once", "--sort", "size");
}

static void start(struct session *s)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 80};
	char *argv[] = {HVCTL, "-c", s->service.directory, "top", "--sort", "name", "-i",
			"0.1", NULL};

	g_assert_cmpint(ioctl(s->master, TIOCSWINSZ, &size), ==, 0);
	session_run(s, argv);
	session_await(s, "2 VMs, every 0.1 s, by name");
	session_await(s, "q quit");
}

/* Each frame that was seen whole has no more lines, and none longer, than the screen. */
static void assert_fits(const struct session *s)
{
	g_autoptr(GRegex) colours = g_regex_new("\033\\[[0-9]*m", 0, 0, NULL);
	g_autofree char *text = g_regex_replace_literal(colours, s->seen->str, -1, 0, "", 0, NULL);
	g_auto(GStrv) frames = g_strsplit(text, "\033[H\033[J", -1);
	guint n = g_strv_length(frames);

	for (guint i = 1; i + 1 < n; i++) {
		g_auto(GStrv) lines = g_strsplit(frames[i], "\r\n", -1);

		g_assert_cmpuint(g_strv_length(lines), <=, 24);
		for (char **line = lines; *line; line++)
			g_assert_cmpint(g_utf8_strlen(*line, -1), <=, 80);
	}
}

static void test_keys(struct session *s, const void *data)
{
	(void)data;
	start(s);
	session_await(s, "    60      25      15     5      500");
	session_type(s, "e");
	session_await(s, "by exits");
	session_type(s, "+");
	session_await(s, "every 0.2 s");
	session_type(s, "---");
	session_await(s, "every 0.1 s, by exits");
	session_type(s, "x?q");
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	assert_fits(s);
	session_assert_restored(s);
}

/* More VMs than the screen has rows for. */
static void test_many(struct session *s, const void *data)
{
	(void)data;
	for (guint i = 0; i < 30; i++) {
		g_autofree char *name = g_strdup_printf(
			"grow-with-a-name-that-is-too-long-for-a-column-of-80-%02u", i);
		expect(&s->service, 0, "", "create", name);
		expect(&s->service, 0, "", "start", name);
	}
	char *argv[] = {HVCTL, "-c", s->service.directory, "top", "-i", "0.1", NULL};
	const struct winsize size = {.ws_row = 24, .ws_col = 80};
	g_assert_cmpint(ioctl(s->master, TIOCSWINSZ, &size), ==, 0);
	session_run(s, argv);
	session_await(s, "32 VMs, every 0.1 s, by cpu, 1 to 19 of them here");
	session_await(s, "     500\r\n");
	session_type(s, "n\033[B\033[B\033[A");
	session_await(s, "by name, 2 to 20 of them here");
	session_type(s, "\033[6~");
	session_await(s, "by name, 14 to 32 of them here");
	session_await(s, "still ");
	session_type(s, "\033[5~\033OH\033OF\033[1~");
	session_await(s, "by name, 1 to 19 of them here");
	session_type(s, "q");
	g_assert_cmpint(wait_bounded(s->pid), ==, 0);
	assert_fits(s);
}

static void test_ends(struct session *s, const void *data)
{
	static const struct {
		int signal, status;
	} cases[] = {{SIGINT, 0}, {SIGTERM, 128 + SIGTERM}, {SIGHUP, 128 + SIGHUP}};

	(void)data;
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_string_truncate(s->seen, 0);
		start(s);
		g_assert_cmpint(kill(s->pid, cases[i].signal), ==, 0);
		g_assert_cmpint(wait_bounded(s->pid), ==, cases[i].status);
		session_assert_restored(s);
	}
	/* The service dies. */
	g_string_truncate(s->seen, 0);
	start(s);
	service_signal(&s->service, SIGKILL);
	g_assert_cmpint(wait_bounded(s->pid), ==, 7);
	session_assert_restored(s);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name) \
	g_test_add("/hvctl/top/" #name, struct session, NULL, setup, test_##name, teardown)
	ADD(once);
	ADD(keys);
	ADD(many);
	ADD(ends);
	return g_test_run();
}
