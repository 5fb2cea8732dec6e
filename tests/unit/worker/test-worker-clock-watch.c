/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* That the host's clock jumps cannot be had in a test: only that nothing else looks like it. */
#include <glib.h>

#include "clock_watch.h"

static void on_jump(void *context)
{
	++*(unsigned int *)context;
}

static void test_quiet(void)
{
	unsigned int jumps = 0;
	sd_event *event;

	g_assert_cmpint(sd_event_new(&event), >=, 0);
	struct clock_watch *watch = clock_watch_new(event, on_jump, &jumps);
	g_assert_nonnull(watch);
	g_assert_cmpint(sd_event_run(event, 0), ==, 0);
	g_assert_cmpuint(jumps, ==, 0);
	clock_watch_free(watch);
	clock_watch_free(NULL);
	g_assert_cmpint(sd_event_run(event, 0), ==, 0);
	sd_event_unref(event);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/clock-watch/quiet", test_quiet);
	return g_test_run();
}
