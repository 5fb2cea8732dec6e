/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "subprocess.h"

struct outcome {
	gboolean done, timed_out, overflow;
	int status;
	char *output, *error_text;
};

static void on_done(void *context, const struct subprocess_result *result)
{
	struct outcome *outcome = context;

	*outcome = (struct outcome){
		.done = TRUE,
		.timed_out = result->timed_out,
		.overflow = result->overflow,
		.status = result->status,
		.output = g_strdup(result->output),
		.error_text = g_strdup(result->error_text),
	};
}

static void run(const char *script, uint64_t deadline_us, struct outcome *outcome)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	g_autoptr(GError) error = NULL;
	sd_event *event = NULL;

	*outcome = (struct outcome){0};
	g_assert_cmpint(sd_event_new(&event), >=, 0);
	g_assert_nonnull(
		subprocess_run(event, argv, -1, -1, deadline_us, on_done, outcome, &error));
	while (!outcome->done)
		g_assert_cmpint(sd_event_run(event, 30000000), >=, 0);
	sd_event_unref(event);
}

static void outcome_clear(struct outcome *outcome)
{
	g_free(outcome->output);
	g_free(outcome->error_text);
}

static void test_output(void)
{
	struct outcome outcome;

	run("echo out; echo err >&2; exit 7", 30000000, &outcome);
	g_assert_cmpint(outcome.status, ==, 7);
	g_assert_cmpstr(outcome.output, ==, "out\n");
	g_assert_cmpstr(outcome.error_text, ==, "err");
	outcome_clear(&outcome);
	run("kill -9 $$", 30000000, &outcome);
	g_assert_cmpint(outcome.status, ==, -SIGKILL);
	outcome_clear(&outcome);
}

static void test_bounds(void)
{
	struct outcome outcome;

	run("head -c 1000000 /dev/zero | tr '\\0' x", 30000000, &outcome);
	g_assert_true(outcome.overflow);
	g_assert_cmpuint(strlen(outcome.output), ==, SUBPROCESS_OUTPUT_MAX);
	outcome_clear(&outcome);
	run("head -c 1000000 /dev/zero | tr '\\0' x >&2", 30000000, &outcome);
	g_assert_cmpint(outcome.status, ==, 0);
	g_assert_cmpuint(strlen(outcome.error_text), ==, SUBPROCESS_ERROR_MAX);
	outcome_clear(&outcome);
}

/* Even when a grandchild keeps the pipes open. */
static void test_deadline(void)
{
	struct outcome outcome;
	gint64 begin = g_get_monotonic_time();

	run("sleep 20 & wait", 50000, &outcome);
	g_assert_true(outcome.timed_out);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 15000000);
	outcome_clear(&outcome);
}

static void test_cannot_run(void)
{
	const char *const argv[] = {"/nonexistent/program", NULL};
	g_autoptr(GError) error = NULL;
	struct outcome outcome = {0};
	sd_event *event = NULL;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	g_assert_null(subprocess_run(event, argv, -1, -1, 1000000, on_done, &outcome, &error));
	g_assert_nonnull(
		strstr(error->message, "/nonexistent/program cannot be run: No such file"));
	g_assert_false(outcome.done);
	sd_event_unref(event);
}

static void test_cancel(void)
{
	const char *const argv[] = {"/bin/sleep", "1000", NULL};
	struct outcome outcome = {0};
	sd_event *event = NULL;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	subprocess_cancel(subprocess_run(event, argv, -1, -1, 1000000, on_done, &outcome, NULL));
	g_assert_cmpint(sd_event_run(event, 0), >=, 0);
	g_assert_false(outcome.done);
	sd_event_unref(event);
}

/* Nothing that the service has open is open in a child but what it was given. */
static void test_descriptors(void)
{
	struct outcome outcome;
	int leak = dup(0); /* not close-on-exec */

	run("ls /proc/self/fd | wc -l; test -z \"$NOTIFY_SOCKET$LISTEN_FDS\"", 30000000, &outcome);
	g_assert_cmpint(outcome.status, ==, 0);
	g_assert_cmpstr(g_strchomp(outcome.output), ==, "4"); /* 0, 1, 2 and ls's own */
	outcome_clear(&outcome);
	close(leak);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_setenv("NOTIFY_SOCKET", "/nowhere", TRUE);
	g_test_add_func("/process/output", test_output);
	g_test_add_func("/process/bounds", test_bounds);
	g_test_add_func("/process/deadline", test_deadline);
	g_test_add_func("/process/cannot-run", test_cannot_run);
	g_test_add_func("/process/cancel", test_cancel);
	g_test_add_func("/process/descriptors", test_descriptors);
	return g_test_run();
}
