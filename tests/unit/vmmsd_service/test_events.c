/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

struct seen {
	uint64_t first, last;
	guint count;
};

static gboolean see(void *context, const struct event *event)
{
	struct seen *seen = context;

	if (seen->count++ == 0)
		seen->first = event->id;
	else
		g_assert_cmpuint(event->id, ==, seen->last + 1);
	seen->last = event->id;
	g_assert_cmpstr(event->event, ==, "started");
	return TRUE;
}

static struct seen look(const struct events *events, uint64_t after)
{
	struct seen seen = {0};

	events_foreach(events, after, see, &seen);
	return seen;
}

static void test_empty(void)
{
	struct events *events = events_new();

	g_assert_cmpuint(look(events, 0).count, ==, 0);
	g_assert_cmpuint(look(events, UINT64_MAX).count, ==, 0);
	events_free(events);
	events_free(NULL);
}

static void test_ring(void)
{
	struct events *events = events_new();

	for (guint i = 1; i <= 3 * EVENTS_MAX; i++) {
		struct seen all, newest;

		events_add(events, "uuid", "web1", "started", NULL);
		all = look(events, 0);
		newest = look(events, i - 1);
		g_assert_cmpuint(all.count, ==, MIN(i, EVENTS_MAX));
		g_assert_cmpuint(all.last, ==, i);
		g_assert_cmpuint(newest.count, ==, 1);
		g_assert_cmpuint(look(events, i).count, ==, 0);
	}
	events_free(events);
}

static void on_added(void *context, const struct event *event)
{
	g_assert_true(g_utf8_validate(event->detail, -1, NULL));
	(*(guint *)context)++;
}

static void test_observer(void)
{
	struct events *events = events_new();
	guint count = 0;

	events_observe(events, &(struct event_observer){.added = on_added, .context = &count});
	events_add(events, "", "", "started", "\xff\xfe not UTF-8");
	g_assert_cmpuint(count, ==, 1);
	events_free(events);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/events/empty", test_empty);
	g_test_add_func("/events/ring", test_ring);
	g_test_add_func("/events/observer", test_observer);
	return g_test_run();
}
