/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "mailbox.h"

struct seen {
	GString *order;
	struct engine_halt halt;
	char *line;
};

static void on_halted(void *context, const struct engine_halt *halt)
{
	struct seen *seen = context;

	g_string_append_c(seen->order, 'h');
	seen->halt = *halt;
}

static void on_panic(void *context, const char *line)
{
	struct seen *seen = context;

	g_string_append_c(seen->order, 'p');
	g_free(seen->line);
	seen->line = g_strdup(line);
}

static void on_disk(void *context, const char *text)
{
	struct seen *seen = context;

	g_string_append_c(seen->order, 'd');
	g_free(seen->line);
	seen->line = g_strdup(text);
}

static gpointer post_from_thread(gpointer data)
{
	struct mailbox *mailbox = data;
	const struct engine_halt first = {.what = ENGINE_HALT_RESET, .vp = 1};
	const struct engine_halt second = {.what = ENGINE_HALT_POWER_OFF, .vp = 2};

	mailbox_post_halt(mailbox, &first);
	mailbox_post_panic(mailbox, "Kernel\x01 panic\xff\r", 14);
	mailbox_post_halt(mailbox, &second);
	mailbox_post_panic(mailbox, "later", 5);
	return NULL;
}

static void test_first_counts(void)
{
	struct seen seen = {.order = g_string_new(NULL)};
	const struct engine_events events = {
		.halted = on_halted, .panic = on_panic, .disk_stopped = on_disk, .context = &seen};
	const struct engine_halt halt = {.what = ENGINE_HALT_TRIPLE_FAULT};
	g_autofree char *big = g_strnfill(10000, 'x');
	sd_event *event = NULL;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	struct mailbox *mailbox = mailbox_new(event, &events, NULL);
	g_assert_nonnull(mailbox);
	g_thread_join(g_thread_new("vp0", post_from_thread, mailbox));
	g_assert_cmpint(sd_event_run(event, 5000000), >, 0);
	g_assert_cmpstr(seen.order->str, ==, "ph");
	g_assert_cmpint(seen.halt.what, ==, ENGINE_HALT_RESET);
	g_assert_cmpuint(seen.halt.vp, ==, 1);
	g_assert_cmpstr(seen.line, ==, "Kernel  panic\xef\xbf\xbd");

	/* Delivered is delivered, until it is cleared. */
	mailbox_post_halt(mailbox, &halt);
	g_assert_cmpint(sd_event_run(event, 0), ==, 0);
	mailbox_clear(mailbox);
	mailbox_post_halt(mailbox, &halt);
	mailbox_clear(mailbox);
	while (sd_event_run(event, 0) > 0)
		; /* the wake-up without a message */
	g_assert_cmpstr(seen.order->str, ==, "ph");
	mailbox_post_panic(mailbox, big, 10000);
	g_assert_cmpint(sd_event_run(event, 5000000), >, 0);
	g_assert_cmpstr(seen.order->str, ==, "php");
	g_assert_cmpuint(strlen(seen.line), ==, 255);

	mailbox_free(mailbox);
	sd_event_unref(event);
	g_free(seen.line);
	g_string_free(seen.order, TRUE);
}

/* What the guest tells of its crash comes after what its console said, and with it. */
static void test_crash(void)
{
	static const struct {
		const char *console, *line, *wanted, *order;
	} cases[] = {
		{NULL, "panic: a", "panic: a (P0 1)", "p"},
		{"Kernel panic", "", "Kernel panic (P0 1)", "pp"},
		{"Kernel panic", "panic: b", "panic: b (P0 1)", "pp"},
		{NULL, "", "the guest crashed (P0 1)", "p"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct seen seen = {.order = g_string_new(NULL)};
		const struct engine_events events = {.halted = on_halted,
						     .panic = on_panic,
						     .disk_stopped = on_disk,
						     .context = &seen};
		sd_event *event = NULL;

		g_assert_cmpint(sd_event_new(&event), >=, 0);
		struct mailbox *mailbox = mailbox_new(event, &events, NULL);
		if (cases[i].console)
			mailbox_post_panic(mailbox, cases[i].console, strlen(cases[i].console));
		mailbox_post_crash(mailbox, cases[i].line, strlen(cases[i].line), "P0 1");
		mailbox_post_crash(mailbox, "again", 5, "P0 2");
		while (sd_event_run(event, 0) > 0)
			;
		g_assert_cmpstr(seen.line, ==, cases[i].wanted);
		g_assert_cmpstr(seen.order->str, ==, cases[i].order);
		mailbox_free(mailbox);
		sd_event_unref(event);
		g_free(seen.line);
		g_string_free(seen.order, TRUE);
	}
}

/* Every stop is told, those that come before the last was heard of once. */
static void test_disk(void)
{
	struct seen seen = {.order = g_string_new(NULL)};
	const struct engine_events events = {.disk_stopped = on_disk, .context = &seen};
	sd_event *event = NULL;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	struct mailbox *mailbox = mailbox_new(event, &events, NULL);
	mailbox_post_disk(mailbox, "disk /a waits");
	mailbox_post_disk(mailbox, "disk /b waits");
	g_assert_cmpint(sd_event_run(event, 5000000), >, 0);
	g_assert_cmpstr(seen.order->str, ==, "d");
	g_assert_cmpstr(seen.line, ==, "disk /a waits");
	mailbox_post_disk(mailbox, "disk /c waits");
	g_assert_cmpint(sd_event_run(event, 5000000), >, 0);
	g_assert_cmpstr(seen.line, ==, "disk /c waits");
	mailbox_post_disk(mailbox, "disk /d waits");
	mailbox_clear(mailbox);
	while (sd_event_run(event, 0) > 0)
		;
	g_assert_cmpstr(seen.order->str, ==, "dd");
	mailbox_free(mailbox);
	sd_event_unref(event);
	g_free(seen.line);
	g_string_free(seen.order, TRUE);
}

static void on_server(void *context, uint32_t controller, uint32_t lun)
{
	g_string_append_printf(context, "%u:%u ", controller, lun);
}

/* Each disk is told of, once until it asks again. */
static void test_servers(void)
{
	g_autoptr(GString) told = g_string_new(NULL);
	const struct engine_events events = {.server_lost = on_server, .context = told};
	sd_event *event = NULL;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	struct mailbox *mailbox = mailbox_new(event, &events, NULL);
	mailbox_post_server(mailbox, 3, 63);
	mailbox_post_server(mailbox, 0, 1);
	mailbox_post_server(mailbox, 0, 1);
	g_assert_cmpint(sd_event_run(event, 5000000), >, 0);
	g_assert_cmpstr(told->str, ==, "0:1 3:63 ");
	mailbox_post_server(mailbox, 0, 1);
	g_assert_cmpint(sd_event_run(event, 5000000), >, 0);
	g_assert_cmpstr(told->str, ==, "0:1 3:63 0:1 ");
	mailbox_post_server(mailbox, 0, 1);
	mailbox_clear(mailbox);
	while (sd_event_run(event, 0) > 0)
		;
	g_assert_cmpstr(told->str, ==, "0:1 3:63 0:1 ");
	mailbox_free(mailbox);
	sd_event_unref(event);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/mailbox/first-counts", test_first_counts);
	g_test_add_func("/worker/mailbox/crash", test_crash);
	g_test_add_func("/worker/mailbox/disk", test_disk);
	g_test_add_func("/worker/mailbox/servers", test_servers);
	return g_test_run();
}
