/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop_queue.h"

#include <stdbool.h>

#define POSTS 10000u

struct fixture {
	sd_event *event;
	struct loop_queue *queue;
	GThread *main;
	unsigned int next[2], gone, dropped;
};

struct item {
	struct fixture *f;
	unsigned int poster, number;
	struct loop_call call;
};

static void item_run(void *context)
{
	struct item *item = context;

	g_assert_true(g_thread_self() == item->f->main);
	g_assert_cmpuint(item->f->next[item->poster]++, ==, item->number); /* in order */
	item->f->gone++;
	g_free(item);
}

static void item_drop(void *context)
{
	struct item *item = context;

	item->f->dropped++;
	g_free(item);
}

struct poster {
	struct fixture *f;
	unsigned int poster;
};

static gpointer post_all(gpointer data)
{
	const struct poster *poster = data;

	for (unsigned int i = 0; i < POSTS; i++) {
		struct item *item = g_new0(struct item, 1);

		*item = (struct item){.f = poster->f, .poster = poster->poster, .number = i};
		item->call =
			(struct loop_call){.run = item_run, .drop = item_drop, .context = item};
		loop_queue_post(poster->f->queue, &item->call);
	}
	return NULL;
}

static void set_up(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->queue = loop_queue_new(f->event, NULL);
	f->main = g_thread_self();
	g_assert_nonnull(f->queue);
}

static void tear_down(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	loop_queue_free(f->queue);
	sd_event_unref(f->event);
}

static void test_threads(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct poster posters[2] = {{f, 0}, {f, 1}};
	GThread *threads[2];

	for (int i = 0; i < 2; i++)
		threads[i] = g_thread_new("poster", post_all, &posters[i]);
	while (f->gone < 2 * POSTS)
		g_assert_cmpint(sd_event_run(f->event, 30000000), >, 0);
	for (int i = 0; i < 2; i++) {
		g_thread_join(threads[i]);
		g_assert_cmpuint(f->next[i], ==, POSTS);
	}
	g_assert_cmpint(sd_event_run(f->event, 0), ==, 0); /* it does not spin */
}

static void test_free(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct poster poster = {f, 0};

	post_all(&poster);
	loop_queue_free(f->queue);
	f->queue = NULL;
	g_assert_cmpuint(f->next[0], ==, 0);
	g_assert_cmpuint(f->dropped, ==, POSTS);
}

/* ---- one call, posted again and again -------------------------------------------------------- */

struct state {
	struct fixture *f;
	struct loop_call call;
	unsigned int runs, again; /* as often it posts itself */
	unsigned int turn;	  /* of its last run */
};

static void state_run(void *context)
{
	struct state *state = context;

	state->runs++;
	state->turn = state->f->gone++;
	if (state->again > 0) {
		state->again--;
		loop_queue_post(state->f->queue, &state->call);
	}
}

static struct state state_of(struct fixture *f)
{
	return (struct state){.f = f, .call.run = state_run};
}

static gpointer post_state(gpointer data)
{
	struct state *state = data;

	for (unsigned int i = 0; i < POSTS; i++)
		loop_queue_post(state->f->queue, &state->call);
	return NULL;
}

/* However often it is posted it is in the queue once, where it was first. */
static void test_once(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct state a = state_of(f), b = state_of(f);
	GThread *thread;

	a.call.context = &a;
	b.call.context = &b;
	loop_queue_post(f->queue, &a.call);
	loop_queue_post(f->queue, &b.call);
	thread = g_thread_new("poster", post_state, &a);
	g_thread_join(thread);
	while (sd_event_run(f->event, 0) > 0)
		;
	g_assert_cmpuint(a.runs, ==, 1);
	g_assert_cmpuint(b.runs, ==, 1);
	g_assert_cmpuint(a.turn, <, b.turn);
	/* and from its own run it is posted anew, behind the others */
	a.again = 2;
	loop_queue_post(f->queue, &a.call);
	loop_queue_post(f->queue, &b.call);
	while (sd_event_run(f->event, 0) > 0)
		;
	g_assert_cmpuint(a.runs, ==, 4);
	g_assert_cmpuint(a.turn, >, b.turn);
}

/* None is lost that is posted while the one before runs. */
static void test_race(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct state state = state_of(f);
	GThread *thread;
	unsigned int runs;

	state.call.context = &state;
	thread = g_thread_new("poster", post_state, &state);
	while (state.runs == 0)
		g_assert_cmpint(sd_event_run(f->event, 30000000), >, 0);
	g_thread_join(thread);
	while (sd_event_run(f->event, 0) > 0)
		;
	runs = state.runs;
	g_assert_cmpuint(runs, <=, POSTS);
	loop_queue_post(f->queue, &state.call);
	g_assert_cmpint(sd_event_run(f->event, 0), >, 0);
	g_assert_cmpuint(state.runs, ==, runs + 1);
	g_assert_cmpint(sd_event_run(f->event, 0), ==, 0);
}

static void test_take_back(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
	struct state a = state_of(f), b = state_of(f);

	a.call.context = &a;
	b.call.context = &b;
	loop_queue_take_back(f->queue, &a.call); /* it is not there */
	loop_queue_post(f->queue, &a.call);
	loop_queue_post(f->queue, &b.call);
	loop_queue_take_back(f->queue, &a.call);
	while (sd_event_run(f->event, 0) > 0)
		;
	g_assert_cmpuint(a.runs, ==, 0);
	g_assert_cmpuint(b.runs, ==, 1);
	/* the last of them: the loop neither runs it nor spins */
	loop_queue_post(f->queue, &a.call);
	loop_queue_take_back(f->queue, &a.call);
	while (sd_event_run(f->event, 0) > 0)
		;
	g_assert_cmpuint(a.runs, ==, 0);
	/* what has no drop is only forgotten */
	loop_queue_post(f->queue, &a.call);
	loop_queue_free(f->queue);
	f->queue = NULL;
	g_assert_cmpuint(a.runs, ==, 0);
	g_assert_false(a.call.queued);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) \
	g_test_add("/loop_queue/" name, struct fixture, NULL, set_up, function, tear_down)
	ADD("threads", test_threads);
	ADD("free", test_free);
	ADD("once", test_once);
	ADD("race", test_race);
	ADD("take-back", test_take_back);
	return g_test_run();
}
