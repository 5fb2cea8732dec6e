/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "job.h"

#include <glib/gstdio.h>

#include "service_error.h"
#include "vm_registry.h"

struct counts {
	guint added, changed, finished, removed, freed, canceled, deadlines, detached, watched;
};

struct bench {
	char *dir;
	struct store *store;
	struct vm_registry *registry;
	struct vm *vm;
	sd_event *event;
	struct job_table *table;
	struct counts counts;
};

static void on_added(void *context, struct job *job)
{
	(void)job;
	((struct counts *)context)->added++;
}

static void on_changed(void *context, struct job *job)
{
	(void)job;
	((struct counts *)context)->changed++;
}

static void on_finished(void *context, struct job *job)
{
	g_assert_cmpint(job->state, !=, JOB_RUNNING);
	((struct counts *)context)->finished++;
}

static void on_removed(void *context, struct job *job)
{
	(void)job;
	((struct counts *)context)->removed++;
}

static void bench_up(struct bench *bench)
{
	const struct job_observer observer = {
		.added = on_added,
		.changed = on_changed,
		.finished = on_finished,
		.removed = on_removed,
		.context = &bench->counts,
	};
	g_autoptr(GError) error = NULL;

	*bench = (struct bench){.dir = g_dir_make_tmp("job-XXXXXX", NULL)};
	bench->store = store_open(bench->dir, &error);
	g_assert_no_error(error);
	bench->registry = vm_registry_new(bench->store, NULL);
	bench->vm =
		vm_registry_define(bench->registry, "{\"version\":1,\"name\":\"web1\"}", &error);
	g_assert_no_error(error);
	g_assert_cmpint(sd_event_new(&bench->event), >=, 0);
	bench->table = job_table_new(bench->event);
	job_table_observe(bench->table, &observer);
}

static void bench_down(struct bench *bench)
{
	g_autoptr(GDir) dir = g_dir_open(bench->dir, 0, NULL);
	const char *name;

	job_table_free(bench->table);
	bench->vm->job = NULL;
	sd_event_unref(bench->event);
	vm_registry_free(bench->registry);
	store_close(bench->store);
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(bench->dir, name, NULL);

		(void)g_unlink(path);
	}
	g_assert_cmpint(g_rmdir(bench->dir), ==, 0);
	g_free(bench->dir);
}

static void op_free(void *context)
{
	((struct counts *)context)->freed++;
}

static void op_cancel(struct job *job)
{
	((struct counts *)job->context)->canceled++;
	job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_CANCELED, "canceled"));
}

static void op_detach(struct job *job)
{
	((struct counts *)job->context)->detached++;
}

static void op_deadline(struct job *job)
{
	((struct counts *)job->context)->deadlines++;
	job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_TIMED_OUT, "too late"));
}

static const struct job_ops ops = {
	.kind = "start",
	.cancel = op_cancel,
	.detach = op_detach,
	.deadline = op_deadline,
	.free = op_free,
};

static const struct job_ops bare_ops = {.kind = "stop"};

static void test_done(void)
{
	g_autoptr(GError) error = NULL;
	struct bench bench;
	struct job *job;

	bench_up(&bench);
	job = job_new(bench.table, &ops, &bench.counts, bench.vm, &error);
	g_assert_true(bench.vm->job == job);
	g_assert_null(job_new(bench.table, &ops, &bench.counts, bench.vm, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_BUSY);
	job_set_progress(job, 50);
	job_set_progress(job, 40); /* never back */
	g_assert_cmpuint(job->progress, ==, 50);
	job_finish(job, NULL);
	g_assert_null(bench.vm->job);
	g_assert_cmpuint(job->progress, ==, 100);
	g_assert_true(job_find(bench.table, job->id) == job);
	g_assert_cmpuint(bench.counts.freed, ==, 1);
	g_assert_cmpuint(bench.counts.finished, ==, 1);
	g_assert_cmpuint(bench.counts.changed, ==, 1);
	bench_down(&bench);
}

static void test_cancel(void)
{
	g_autoptr(GError) again = NULL, refused = NULL;
	struct bench bench;
	struct job *job, *bare;

	bench_up(&bench);
	job = job_new(bench.table, &ops, &bench.counts, bench.vm, NULL);
	g_assert_true(job_cancel(job, NULL));
	g_assert_cmpint(job->state, ==, JOB_CANCELED);
	g_assert_false(job_cancel(job, &again));
	g_assert_error(again, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE);
	bare = job_new(bench.table, &bare_ops, NULL, bench.vm, NULL);
	g_assert_false(job_cancel(bare, &refused));
	g_assert_error(refused, SERVICE_ERROR, SERVICE_ERROR_NOT_SUPPORTED);
	bench_down(&bench);
}

static void on_watched(void *context, struct job *job)
{
	g_assert_cmpint(job->state, ==, JOB_CANCELED);
	((struct counts *)context)->watched++;
}

static void test_take_over(void)
{
	struct bench bench;
	struct job *job;

	bench_up(&bench);
	job = job_new(bench.table, &ops, &bench.counts, bench.vm, NULL);
	job_watch(job, on_watched, &bench.counts);
	job_take_over(job, "a stop");
	g_assert_cmpuint(bench.counts.detached, ==, 1);
	g_assert_cmpuint(bench.counts.watched, ==, 1);
	g_assert_cmpstr(job->error->message, ==, "VM web1: a stop took the place of this start");
	g_assert_nonnull(job_new(bench.table, &bare_ops, NULL, bench.vm, NULL));
	bench_down(&bench);
}

static void test_deadline(void)
{
	struct bench bench;
	struct job *job;

	bench_up(&bench);
	job = job_new(bench.table, &ops, &bench.counts, bench.vm, NULL);
	job_set_deadline(job, 3600000000u);
	job_set_deadline(job, 1); /* replaces the other */
	while (bench.counts.deadlines == 0)
		g_assert_cmpint(sd_event_run(bench.event, 30000000), >, 0);
	g_assert_cmpint(job->state, ==, JOB_FAILED);
	g_assert_cmpint(sd_event_run(bench.event, 0), >=, 0);
	g_assert_cmpuint(bench.counts.deadlines, ==, 1);
	bench_down(&bench);
}

static void test_kept(void)
{
	struct bench bench;

	bench_up(&bench);
	for (guint i = 1; i <= 3 * JOB_KEEP_MAX; i++) {
		struct job *job = job_new(bench.table, &ops, &bench.counts, NULL, NULL);

		g_assert_cmpuint(job->id, ==, i);
		job_finish(job, NULL);
		g_assert_nonnull(job_find(bench.table, i));
		g_assert_true((i > JOB_KEEP_MAX) == (job_find(bench.table, 1) == NULL));
	}
	g_assert_cmpuint(bench.counts.removed, ==, UINT64_C(2) * JOB_KEEP_MAX);
	bench_down(&bench);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/job/done", test_done);
	g_test_add_func("/job/cancel", test_cancel);
	g_test_add_func("/job/take-over", test_take_over);
	g_test_add_func("/job/deadline", test_deadline);
	g_test_add_func("/job/kept", test_kept);
	return g_test_run();
}
