/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that end, fail, or do not end in time. */
#include "caller.h"
#include "worker_error.h"

#define LONG_MS 60000u

struct job {
	GMutex lock;
	GCond changed;
	gboolean open; /* a job that waits may end */
	unsigned int made, undone, freed;
};

static void job_free(void *data)
{
	struct job *job = data;

	g_mutex_lock(&job->lock);
	job->freed++;
	g_cond_broadcast(&job->changed);
	g_mutex_unlock(&job->lock);
}

static gboolean make(void *data, GError **error)
{
	struct job *job = data;

	(void)error;
	job->made++;
	return TRUE;
}

static gboolean fail(void *data, GError **error)
{
	struct job *job = data;

	job->made++;
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_DENIED, "no");
	return FALSE;
}

static gboolean hang(void *data, GError **error)
{
	struct job *job = data;

	g_mutex_lock(&job->lock);
	while (!job->open)
		g_cond_wait(&job->changed, &job->lock);
	g_mutex_unlock(&job->lock);
	return fail(data, error);
}

static void test_calls(void)
{
	struct caller *caller = caller_new();
	struct job job = {0};
	g_autoptr(GError) error = NULL;
	const struct call good = {.make = make, .free = job_free, .data = &job},
			  bad = {.make = fail, .free = job_free, .data = &job};

	g_assert_true(caller_call(caller, &good, LONG_MS, &error));
	g_assert_no_error(error);
	g_assert_false(caller_call(caller, &bad, LONG_MS, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_DENIED);
	g_assert_cmpuint(caller_busy_us(caller), ==, 0);
	g_assert_true(caller_free(caller, LONG_MS));
	g_assert_cmpuint(job.made, ==, 2);
	g_assert_cmpuint(job.freed, ==, 2);
}

/* While one hangs, no other is made; when it ends, its late error is nobody's. */
static void test_hangs(void)
{
	struct caller *caller = caller_new();
	struct job slow = {0}, job = {0};
	const struct call hanging = {.make = hang, .free = job_free, .data = &slow},
			  good = {.make = make, .free = job_free, .data = &job};
	GError *error = NULL;

	g_assert_false(caller_call(caller, &hanging, 1, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT);
	g_clear_error(&error);
	g_assert_cmpuint(caller_busy_us(caller), >, 0);
	g_assert_false(caller_call(caller, &good, 1, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT);
	g_clear_error(&error);
	g_assert_cmpuint(job.made, ==, 0);
	g_assert_cmpuint(job.freed, ==, 1);
	g_assert_false(caller_post(caller, &good));
	g_assert_false(caller_free(caller, 1));

	g_mutex_lock(&slow.lock);
	slow.open = TRUE;
	g_cond_broadcast(&slow.changed);
	while (slow.freed == 0)
		g_cond_wait(&slow.changed, &slow.lock);
	g_mutex_unlock(&slow.lock);
	g_assert_true(caller_free(caller, LONG_MS));
}

static gboolean make_slowly(void *data, GError **error)
{
	g_autoptr(GError) nobodys = NULL;

	(void)error;
	(void)hang(data, &nobodys);
	return TRUE;
}

static void job_undo(void *data)
{
	((struct job *)data)->undone++;
}

/* Who gave up takes it for not done; whoever comes next finds it so. */
static void test_late(void)
{
	struct caller *caller = caller_new();
	struct job slow = {0}, job = {0};
	const struct call late = {make_slowly, job_free, &slow, job_undo};
	const struct call good = {make, job_free, &job, job_undo};

	g_assert_false(caller_call(caller, &late, 1, NULL));
	g_assert_cmpuint(slow.undone, ==, 0);
	g_mutex_lock(&slow.lock);
	slow.open = TRUE;
	g_cond_broadcast(&slow.changed);
	g_mutex_unlock(&slow.lock);
	g_assert_true(caller_call(caller, &good, LONG_MS, NULL));
	g_assert_cmpuint(slow.undone, ==, 1);
	g_assert_true(caller_free(caller, LONG_MS));
	g_assert_cmpuint(slow.freed, ==, 1);
	g_assert_cmpuint(job.undone, ==, 0);
}

static void test_post(void)
{
	struct caller *caller = caller_new();
	struct job job = {0};
	const struct call bad = {.make = fail, .free = job_free, .data = &job},
			  good = {.make = make, .free = job_free, .data = &job};

	g_assert_true(caller_post(caller, &bad));
	/* Waits for it, and hears nothing of its error. */
	g_assert_true(caller_call(caller, &good, LONG_MS, NULL));
	g_assert_true(caller_free(caller, LONG_MS));
	g_assert_cmpuint(job.freed, ==, 2);
	g_assert_true(caller_free(NULL, 0));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/translate/caller/calls", test_calls);
	g_test_add_func("/translate/caller/hangs", test_hangs);
	g_test_add_func("/translate/caller/late", test_late);
	g_test_add_func("/translate/caller/post", test_post);
	return g_test_run();
}
