/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop_queue.h"

#include <stdbool.h>

#define POSTS 10000u

struct fixture {
	sd_event *event;
	struct loop_queue *queue;
	GThread *main;
	unsigned int next[2], released;
};

struct item {
	struct fixture *f;
	unsigned int poster, number;
};

static void item_run(void *context)
{
	struct item *item = context;

	g_assert_true(g_thread_self() == item->f->main);
	g_assert_cmpuint(item->f->next[item->poster]++, ==, item->number); /* in order */
}

static void item_release(gpointer data)
{
	struct item *item = data;

	item->f->released++;
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

		*item = (struct item){poster->f, poster->poster, i};
		loop_queue_post(poster->f->queue, item_run, item, item_release);
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
	while (f->released < 2 * POSTS)
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
	g_assert_cmpuint(f->released, ==, POSTS);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/loop_queue/threads", struct fixture, NULL, set_up, test_threads, tear_down);
	g_test_add("/loop_queue/free", struct fixture, NULL, set_up, test_free, tear_down);
	return g_test_run();
}
