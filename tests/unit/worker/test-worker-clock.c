/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <stdatomic.h>

#include "clock.h"

#define MS 1000000ull

struct probe {
	struct device_clock clock;
	struct device_timer *timer;
	unsigned int fired;
	uint64_t fired_at;
	uint64_t again; /* arm so far ahead from within the callback; 0: not */
	unsigned int left;
	GThread *thread;
};

static void on_expired(void *device)
{
	struct probe *probe = device;

	g_assert_true(g_thread_self() == probe->thread);
	probe->fired++;
	probe->fired_at = probe->clock.monotonic_ns(probe->clock.context);
	if (probe->left > 0) {
		probe->left--;
		probe->clock.timer_arm(probe->timer, probe->again);
	}
}

struct fixture {
	sd_event *event;
	struct clock *clock;
	struct device_clock use;
};

static void setup(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->clock = clock_new(f->event, NULL);
	g_assert_nonnull(f->clock);
	f->use = clock_device_clock(f->clock);
}

static void teardown(struct fixture *f, gconstpointer data)
{
	(void)data;
	clock_free(f->clock);
	sd_event_unref(f->event);
}

static struct probe probe_init(struct fixture *f)
{
	return (struct probe){.clock = f->use, .thread = g_thread_self()};
}

static void run_until(struct fixture *f, const unsigned int *counter, unsigned int goal)
{
	gint64 deadline = g_get_monotonic_time() + 10000000;

	while (*counter < goal && g_get_monotonic_time() < deadline)
		g_assert_cmpint(sd_event_run(f->event, 100000), >=, 0);
	g_assert_cmpuint(*counter, >=, goal);
}

/* They come in order of their deadlines, not before them, and each once. */
static void test_order(struct fixture *f, gconstpointer data)
{
	struct probe probes[3];
	uint64_t now = f->use.monotonic_ns(f->use.context);

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(probes); i++) {
		probes[i] = probe_init(f);
		probes[i].timer = f->use.timer_new(f->use.context, on_expired, &probes[i]);
		f->use.timer_arm(probes[i].timer, now + (30 - 10 * i) * MS);
	}
	run_until(f, &probes[0].fired, 1);
	for (size_t i = 0; i < G_N_ELEMENTS(probes); i++) {
		g_assert_cmpuint(probes[i].fired, ==, 1);
		g_assert_cmpuint(probes[i].fired_at, >=, now + (30 - 10 * i) * MS);
		f->use.timer_free(probes[i].timer);
	}
	f->use.timer_free(NULL);
}

static void test_disarm(struct fixture *f, gconstpointer data)
{
	struct probe one = probe_init(f), two = probe_init(f);
	uint64_t now = f->use.monotonic_ns(f->use.context);

	(void)data;
	one.timer = f->use.timer_new(f->use.context, on_expired, &one);
	two.timer = f->use.timer_new(f->use.context, on_expired, &two);
	f->use.timer_arm(one.timer, now + 5 * MS);
	f->use.timer_arm(two.timer, now + 10 * MS);
	f->use.timer_disarm(one.timer);
	run_until(f, &two.fired, 1);
	g_assert_cmpuint(one.fired, ==, 0);
	/* Armed again, later: the first deadline is forgotten. */
	f->use.timer_arm(one.timer, 1);
	f->use.timer_arm(one.timer, now + 1000000 * MS);
	f->use.timer_arm(two.timer, 0); /* long past */
	run_until(f, &two.fired, 2);
	g_assert_cmpuint(one.fired, ==, 0);
	f->use.timer_free(one.timer);
	f->use.timer_free(two.timer);
}

/* A timer that arms itself for the past must not keep the loop from others. */
static void test_rearm_past(struct fixture *f, gconstpointer data)
{
	struct probe probe = probe_init(f);

	(void)data;
	probe.again = 1;
	probe.left = 100;
	probe.timer = f->use.timer_new(f->use.context, on_expired, &probe);
	f->use.timer_arm(probe.timer, 1);
	g_assert_cmpint(sd_event_run(f->event, 1000000), >, 0);
	g_assert_cmpuint(probe.fired, ==, 1);
	run_until(f, &probe.fired, 101);
	f->use.timer_free(probe.timer);
}

struct armer {
	struct probe *probe;
	_Atomic bool stop;
};

static gpointer arm_from_thread(gpointer data)
{
	struct armer *armer = data;
	const struct device_clock *clock = &armer->probe->clock;

	while (!atomic_load(&armer->stop)) {
		clock->timer_arm(armer->probe->timer,
				 clock->monotonic_ns(clock->context) + MS / 10);
		clock->timer_disarm(armer->probe->timer);
		clock->timer_arm(armer->probe->timer, clock->monotonic_ns(clock->context));
	}
	return NULL;
}

static void test_threads(struct fixture *f, gconstpointer data)
{
	struct probe probe = probe_init(f);
	struct armer armer = {.probe = &probe};

	(void)data;
	probe.timer = f->use.timer_new(f->use.context, on_expired, &probe);
	GThread *thread = g_thread_new("armer", arm_from_thread, &armer);
	run_until(f, &probe.fired, 200);
	atomic_store(&armer.stop, true);
	g_thread_join(thread);
	f->use.timer_free(probe.timer);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/worker/clock/order", struct fixture, NULL, setup, test_order, teardown);
	g_test_add("/worker/clock/disarm", struct fixture, NULL, setup, test_disarm, teardown);
	g_test_add("/worker/clock/rearm-past", struct fixture, NULL, setup, test_rearm_past,
		   teardown);
	g_test_add("/worker/clock/threads", struct fixture, NULL, setup, test_threads, teardown);
	return g_test_run();
}
