/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io_thread.h"

struct fixture {
	struct io_thread *thread;
	GAsyncQueue *seen; /* what ran on the thread, in order; values from 1 */
};

static void setup(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;

	f->thread = io_thread_new("io-test", &error);
	g_assert_no_error(error);
	f->seen = g_async_queue_new();
}

static void teardown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	io_thread_free(f->thread);
	g_async_queue_unref(f->seen);
}

static guint wait_seen(struct fixture *f)
{
	gpointer value = g_async_queue_timeout_pop(f->seen, (guint64)10 * G_USEC_PER_SEC);

	g_assert_nonnull(value); /* else ten seconds passed */
	return GPOINTER_TO_UINT(value);
}

static void see(struct fixture *f, guint value)
{
	g_async_queue_push(f->seen, GUINT_TO_POINTER(value));
}

/* ---- calls and posts ----------------------------------------------------------------------- */

struct numbered {
	struct fixture *f;
	guint number;
};

static void run_numbered(void *context)
{
	struct numbered *n = context;

	g_assert_true(io_thread_is_current(n->f->thread));
	see(n->f, n->number);
}

static void test_posts_in_order(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct numbered posts[1000];

	for (guint i = 0; i < G_N_ELEMENTS(posts); i++) {
		posts[i] = (struct numbered){f, i + 1};
		io_thread_post(f->thread, run_numbered, &posts[i]);
	}
	for (guint i = 0; i < G_N_ELEMENTS(posts); i++)
		g_assert_cmpuint(wait_seen(f), ==, i + 1);
}

static void call_within(void *context)
{
	struct numbered *n = context;

	run_numbered(n);
	n->number = 2;
	io_thread_call(n->f->thread, run_numbered, n); /* would hang if it waited */
	see(n->f, 3);
}

static void test_call_returns_after(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct numbered n = {f, 1};

	g_assert_false(io_thread_is_current(f->thread));
	io_thread_call(f->thread, call_within, &n);
	for (guint i = 1; i <= 3; i++)
		g_assert_cmpuint(GPOINTER_TO_UINT(g_async_queue_try_pop(f->seen)), ==, i);
}

static void *many_calls(void *context)
{
	struct fixture *f = context;

	for (guint i = 0; i < 200; i++) {
		struct numbered n = {f, i + 1};

		io_thread_call(f->thread, run_numbered, &n);
	}
	return NULL;
}

static void test_calls_from_many_threads(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	pthread_t threads[4];

	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		g_assert_cmpint(pthread_create(&threads[i], NULL, many_calls, f), ==, 0);
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		pthread_join(threads[i], NULL);
	g_assert_cmpint(g_async_queue_length(f->seen), ==, 800);
}

static void test_free_runs_what_was_posted(void)
{
	struct fixture f;
	struct numbered posts[50];

	setup(&f, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(posts); i++) {
		posts[i] = (struct numbered){&f, i + 1};
		io_thread_post(f.thread, run_numbered, &posts[i]);
	}
	io_thread_free(f.thread);
	g_assert_cmpint(g_async_queue_length(f.seen), ==, G_N_ELEMENTS(posts));
	g_async_queue_unref(f.seen);
	io_thread_free(NULL);
}

/* A post that posts itself again does not keep watches from their turn. */
struct greedy {
	struct fixture *f;
	struct io_watch *watch;
	int fd;
	bool stop;
};

static void greedy_post(void *context)
{
	struct greedy *g = context;

	if (!g->stop)
		io_thread_post(g->f->thread, greedy_post, g);
}

static void greedy_readable(void *context, uint32_t events G_GNUC_UNUSED)
{
	struct greedy *g = context;

	g->stop = true;
	io_watch_free(g->watch);
	see(g->f, 1);
}

static void greedy_start(void *context)
{
	struct greedy *g = context;

	g->watch = io_thread_watch(g->f->thread, g->fd, EPOLLIN, greedy_readable, g);
	greedy_post(g);
}

static void test_posts_are_fair(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct greedy g = {.f = f, .fd = eventfd(1, EFD_CLOEXEC)};

	io_thread_call(f->thread, greedy_start, &g);
	wait_seen(f);
	/* After the last that it posted, which has g, too. */
	io_thread_call(f->thread, greedy_post, &g);
	close(g.fd);
}

/* ---- watches ------------------------------------------------------------------------------- */

struct pair {
	struct fixture *f;
	int fds[2];
	struct io_watch *watches[2];
	unsigned int calls;
};

static void pair_readable(void *context, uint32_t events)
{
	struct pair *p = context;

	g_assert_cmpuint(events, ==, EPOLLIN);
	p->calls++;
	/* Both are readable, both are in the batch: the other one must not be called any more. */
	io_watch_free(p->watches[0]);
	io_watch_free(p->watches[1]);
	see(p->f, 1);
}

static void pair_start(void *context)
{
	struct pair *p = context;

	for (int i = 0; i < 2; i++)
		p->watches[i] = io_thread_watch(p->f->thread, p->fds[i], EPOLLIN, pair_readable, p);
}

static void nothing(void *context G_GNUC_UNUSED)
{
}

static void test_watch_freed_in_batch(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct pair p = {.f = f, .fds = {eventfd(1, EFD_CLOEXEC), eventfd(1, EFD_CLOEXEC)}};

	io_thread_call(f->thread, pair_start, &p);
	wait_seen(f);
	io_thread_call(f->thread, nothing, NULL);
	io_thread_call(f->thread, nothing, NULL);
	g_assert_cmpuint(p.calls, ==, 1);
	close(p.fds[0]);
	close(p.fds[1]);
}

static void muted_readable(void *context, uint32_t events G_GNUC_UNUSED)
{
	struct pair *p = context;
	uint64_t count;

	g_assert_cmpint(read(p->fds[0], &count, sizeof(count)), ==, sizeof(count));
	see(p->f, (guint)count);
}

static void muted_start(void *context)
{
	struct pair *p = context;

	p->watches[0] = io_thread_watch(p->f->thread, p->fds[0], 0, muted_readable, p);
}

static void muted_open(void *context)
{
	io_watch_set_events(((struct pair *)context)->watches[0], EPOLLIN);
}

static void muted_end(void *context)
{
	io_watch_free(((struct pair *)context)->watches[0]);
	io_watch_free(NULL);
}

static void test_watch_set_events(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct pair p = {.f = f, .fds = {eventfd(7, EFD_CLOEXEC), -1}};

	io_thread_call(f->thread, muted_start, &p);
	for (int i = 0; i < 3; i++)
		io_thread_call(f->thread, nothing, NULL);
	g_assert_cmpint(g_async_queue_length(f->seen), ==, 0);
	io_thread_call(f->thread, muted_open, &p);
	g_assert_cmpuint(wait_seen(f), ==, 7);
	io_thread_call(f->thread, muted_end, &p);
	close(p.fds[0]);
}

static void bad_watch(void *context)
{
	struct fixture *f = context;

	g_assert_null(io_thread_watch(f->thread, -1, EPOLLIN, greedy_readable, NULL));
}

static void test_watch_of_no_descriptor(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	io_thread_call(f->thread, bad_watch, f);
}

/* ---- timers -------------------------------------------------------------------------------- */

enum { N_TIMERS = 8 };

struct timers {
	struct fixture *f;
	struct io_timer *timers[N_TIMERS];
	struct numbered numbers[N_TIMERS];
	uint64_t start;
};

static uint64_t now_ns(void)
{
	return (uint64_t)g_get_monotonic_time() * 1000;
}

static void timers_start(void *context)
{
	struct timers *t = context;

	t->start = now_ns();
	for (guint i = 0; i < N_TIMERS; i++) {
		t->numbers[i] = (struct numbered){t->f, i + 1};
		t->timers[i] = io_timer_new(t->f->thread, run_numbered, &t->numbers[i]);
		/* The last armed is the first due. */
		io_timer_arm(t->timers[i], t->start + (N_TIMERS - i) * 2000000ull);
	}
	io_timer_arm(t->timers[0], t->start); /* replaced: long past now, so it is first */
	io_timer_arm(t->timers[1], 0);	      /* disarmed */
	io_timer_free(t->timers[2]);
}

static void timers_end(void *context)
{
	struct timers *t = context;

	for (guint i = 0; i < N_TIMERS; i++) {
		if (i != 2)
			io_timer_free(t->timers[i]);
	}
	io_timer_free(NULL);
}

static void test_timers(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct timers t = {.f = f};

	io_thread_call(f->thread, timers_start, &t);
	g_assert_cmpuint(wait_seen(f), ==, 1);
	for (guint i = N_TIMERS; i > 3; i--)
		g_assert_cmpuint(wait_seen(f), ==, i);
	g_assert_cmpuint(now_ns() - t.start, >=, (N_TIMERS - 3) * 2000000ull);
	io_thread_call(f->thread, timers_end, &t);
	g_assert_cmpint(g_async_queue_length(f->seen), ==, 0);
}

struct again {
	struct fixture *f;
	struct io_timer *timer;
	guint n;
};

static void again_expired(void *context)
{
	struct again *a = context;

	if (++a->n < 5) {
		io_timer_arm(a->timer, 1); /* always in the past */
		return;
	}
	io_timer_free(a->timer);
	see(a->f, a->n);
}

static void again_start(void *context)
{
	struct again *a = context;

	a->timer = io_timer_new(a->f->thread, again_expired, a);
	io_timer_arm(a->timer, 1);
}

static void test_timer_arms_and_frees_itself(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct again a = {.f = f};

	io_thread_call(f->thread, again_start, &a);
	g_assert_cmpuint(wait_seen(f), ==, 5);
}

/* ---- before the start ----------------------------------------------------------------------- */

struct early {
	struct io_thread *thread;
	pthread_t ran_on;
	bool ran;
};

static void early_run(void *context)
{
	struct early *early = context;

	early->ran_on = pthread_self();
	early->ran = true;
}

static void test_prepared_is_its_maker(void)
{
	g_autoptr(GError) error = NULL;
	struct early called = {0}, posted = {0}, dropped = {0};

	called.thread = io_thread_prepare("io-test", &error);
	g_assert_no_error(error);
	g_assert_true(io_thread_is_current(called.thread));
	io_thread_call(called.thread, early_run, &called);
	g_assert_true(called.ran && pthread_equal(called.ran_on, pthread_self()));
	io_thread_post(called.thread, early_run, &dropped);
	g_assert_false(dropped.ran);
	io_thread_call(called.thread, early_run, &called);
	g_assert_true(dropped.ran);
	io_thread_post(called.thread, early_run, &posted);

	g_assert_true(io_thread_start(called.thread, &error));
	g_assert_false(io_thread_is_current(called.thread));
	io_thread_free(called.thread);
	g_assert_true(posted.ran && !pthread_equal(posted.ran_on, pthread_self()));

	dropped = (struct early){.thread = io_thread_prepare("io-test", &error)};
	io_thread_post(dropped.thread, early_run, &dropped);
	io_thread_free(dropped.thread);
	g_assert_true(dropped.ran);
}

/* ---- pace ---------------------------------------------------------------------------------- */

/* Work that goes on as long as it is watched, and gets further in one way than in the other. */
struct load {
	struct fixture *f;
	struct io_watch *watch;
	int better; /* SCHED_*: reported to the test and aimed at */
};

static void load_turn(void *context, uint32_t events G_GNUC_UNUSED)
{
	struct load *load = context;
	int policy = sched_getscheduler(0);

	io_thread_worked(load->f->thread, policy == load->better ? 1000000 : 1000);
	if (policy != load->better)
		return;
	load->better = load->better == SCHED_BATCH ? SCHED_OTHER : SCHED_BATCH;
	see(load->f, (guint)policy + 1);
}

static void load_end(void *context)
{
	struct load *load = context;

	io_watch_free(load->watch);
}

static void test_pace(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct load load = {.f = f, .better = SCHED_BATCH};
	int fd = eventfd(1, EFD_CLOEXEC);

	load.watch = io_thread_watch(f->thread, fd, EPOLLIN, load_turn, &load);
	g_assert_nonnull(load.watch);
	g_assert_cmpuint(wait_seen(f), ==, SCHED_BATCH + 1);
	g_assert_cmpuint(wait_seen(f), ==, SCHED_OTHER + 1);
	g_assert_cmpuint(wait_seen(f), ==, SCHED_BATCH + 1);
	io_thread_call(f->thread, load_end, &load);
	close(fd);
}

/* ---- failure ------------------------------------------------------------------------------- */

static void test_no_descriptors_left(void)
{
	g_autoptr(GError) error = NULL;
	struct rlimit old, none;

	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	g_assert_null(io_thread_new("io-test", &error));
	setrlimit(RLIMIT_NOFILE, &old);
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
	g_assert_nonnull(strstr(error->message, "io-test"));
	g_assert_nonnull(strstr(error->message, "limits"));
}

#define ADD(path, test) g_test_add(path, struct fixture, NULL, setup, test, teardown)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/io-thread/posts-in-order", test_posts_in_order);
	ADD("/io-thread/call-returns-after", test_call_returns_after);
	ADD("/io-thread/calls-from-many-threads", test_calls_from_many_threads);
	g_test_add_func("/io-thread/free-runs-what-was-posted", test_free_runs_what_was_posted);
	ADD("/io-thread/posts-are-fair", test_posts_are_fair);
	ADD("/io-thread/watch-freed-in-batch", test_watch_freed_in_batch);
	ADD("/io-thread/watch-set-events", test_watch_set_events);
	ADD("/io-thread/watch-of-no-descriptor", test_watch_of_no_descriptor);
	ADD("/io-thread/timers", test_timers);
	ADD("/io-thread/timer-arms-and-frees-itself", test_timer_arms_and_frees_itself);
	g_test_add_func("/io-thread/prepared-is-its-maker", test_prepared_is_its_maker);
	ADD("/io-thread/pace", test_pace);
	g_test_add_func("/io-thread/no-descriptors-left", test_no_descriptors_left);
	return g_test_run();
}
