/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "job.h"

#include "service_error.h"
#include "vm_registry.h"

struct job_table {
	sd_event *event;
	struct job_observer observer;
	GHashTable *jobs; /* id -> struct job, owned */
	GQueue finished;  /* borrowed, oldest first */
	sd_event_source *expiry;
	uint32_t last_id;
};

struct job_watcher {
	void (*done)(void *context, struct job *job);
	void *context;
};

static const char *const state_names[] = {
	[JOB_RUNNING] = "running",
	[JOB_DONE] = "done",
	[JOB_FAILED] = "failed",
	[JOB_CANCELED] = "canceled",
};

const char *job_state_name(enum job_state state)
{
	return state_names[state];
}

char *job_path(const struct job *job)
{
	return g_strdup_printf(VMMS_JOB_PREFIX "/%u", job->id);
}

/* Lets go of whatever the running operation held. */
static void job_release(struct job *job)
{
	job->deadline = sd_event_source_disable_unref(job->deadline);
	job->call = sd_bus_slot_unref(job->call);
	if (job->ops->free)
		job->ops->free(job->context);
	job->context = NULL;
}

static void job_free(void *data)
{
	struct job *job = data;

	if (job->state == JOB_RUNNING)
		job_release(job);
	g_slist_free_full(job->watchers, g_free);
	g_clear_error(&job->error);
	g_free(job->vm_uuid);
	g_free(job);
}

struct job_table *job_table_new(sd_event *event)
{
	struct job_table *table = g_new0(struct job_table, 1);

	table->event = sd_event_ref(event);
	table->jobs = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, job_free);
	g_queue_init(&table->finished);
	return table;
}

void job_table_free(struct job_table *table)
{
	if (!table)
		return;
	sd_event_source_disable_unref(table->expiry);
	g_queue_clear(&table->finished);
	g_hash_table_unref(table->jobs);
	sd_event_unref(table->event);
	g_free(table);
}

void job_table_observe(struct job_table *table, const struct job_observer *observer)
{
	table->observer = *observer;
}

static void job_tell(struct job *job, void (*what)(void *context, struct job *job))
{
	if (what)
		what(job->table->observer.context, job);
}

struct job *job_new(struct job_table *table, const struct job_ops *ops, void *context,
		    struct vm *vm, GError **error)
{
	struct job *job = NULL;

	if (vm && vm->job) {
		g_autofree char *path = job_path(vm->job);

		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_BUSY,
			    "VM %s: a %s job (%s) is running on it; wait for it or cancel it",
			    vm->definition->name, vm->job->ops->kind, path);
		return NULL;
	}
	job = g_new0(struct job, 1);
	job->table = table;
	job->ops = ops;
	job->context = context;
	job->vm = vm;
	job->vm_uuid = vm ? g_strdup(vm->definition->uuid) : NULL;
	do {
		job->id = ++table->last_id;
	} while (job->id == 0 || g_hash_table_contains(table->jobs, GUINT_TO_POINTER(job->id)));
	g_hash_table_insert(table->jobs, GUINT_TO_POINTER(job->id), job);
	job_tell(job, table->observer.added);
	if (vm)
		vm_set_job(vm, job, ops->kind);
	return job;
}

struct job *job_find(const struct job_table *table, uint32_t id)
{
	return g_hash_table_lookup(table->jobs, GUINT_TO_POINTER(id));
}

void job_foreach(const struct job_table *table, void (*visit)(void *context, struct job *job),
		 void *context)
{
	GHashTableIter iter;
	void *job;

	g_hash_table_iter_init(&iter, table->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &job))
		visit(context, job);
}

void job_set_progress(struct job *job, uint32_t progress)
{
	if (job->state != JOB_RUNNING || progress <= job->progress)
		return;
	job->progress = MIN(progress, 100u);
	job_tell(job, job->table->observer.changed);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job *job = userdata;

	(void)source;
	(void)usec;
	job->deadline = sd_event_source_disable_unref(job->deadline);
	if (job->ops->deadline)
		job->ops->deadline(job);
	return 0;
}

void job_set_deadline(struct job *job, uint64_t usec)
{
	job->deadline = sd_event_source_disable_unref(job->deadline);
	if (usec)
		(void)sd_event_add_time_relative(job->table->event, &job->deadline, CLOCK_MONOTONIC,
						 usec, 0, on_deadline, job);
}

static void table_forget_oldest(struct job_table *table)
{
	struct job *job = g_queue_pop_head(&table->finished);

	job_tell(job, table->observer.removed);
	g_hash_table_remove(table->jobs, GUINT_TO_POINTER(job->id));
}

static void table_arm_expiry(struct job_table *table);

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct job_table *table = userdata;
	gint64 now = g_get_monotonic_time();
	struct job *oldest;

	(void)source;
	(void)usec;
	table->expiry = sd_event_source_disable_unref(table->expiry);
	while ((oldest = g_queue_peek_head(&table->finished)) &&
	       now - oldest->finished_us >= JOB_KEEP_US)
		table_forget_oldest(table);
	table_arm_expiry(table);
	return 0;
}

static void table_arm_expiry(struct job_table *table)
{
	struct job *oldest = g_queue_peek_head(&table->finished);
	gint64 left;

	if (!oldest || table->expiry)
		return;
	left = oldest->finished_us + JOB_KEEP_US - g_get_monotonic_time();
	(void)sd_event_add_time_relative(table->event, &table->expiry, CLOCK_MONOTONIC,
					 (uint64_t)MAX(left, 0), 0, on_expiry, table);
}

void job_finish(struct job *job, GError *error)
{
	struct job_table *table = job->table;
	struct vm *vm = job->vm;

	g_assert(job->state == JOB_RUNNING);
	job_release(job);
	job->error = error;
	if (!error)
		job->state = JOB_DONE;
	else if (g_error_matches(error, SERVICE_ERROR, SERVICE_ERROR_CANCELED))
		job->state = JOB_CANCELED;
	else
		job->state = JOB_FAILED;
	if (!error)
		job->progress = 100;
	job->vm = NULL;
	job->finished_us = g_get_monotonic_time();
	g_queue_push_tail(&table->finished, job);
	if (vm)
		vm_set_job(vm, NULL, NULL);
	job_tell(job, table->observer.finished);

	/* A watcher may begin the next job and so push this one out of the queue: keep the list. */
	for (GSList *watchers = g_steal_pointer(&job->watchers); watchers;) {
		g_autofree struct job_watcher *watcher = watchers->data;

		watchers = g_slist_delete_link(watchers, watchers);
		watcher->done(watcher->context, job);
	}
	while (g_queue_get_length(&table->finished) > JOB_KEEP_MAX)
		table_forget_oldest(table);
	table_arm_expiry(table);
}

gboolean job_cancel(struct job *job, GError **error)
{
	g_autofree char *path = job_path(job);

	if (job->state != JOB_RUNNING) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
			    "job %s is %s already: there is nothing to cancel", path,
			    job_state_name(job->state));
		return FALSE;
	}
	if (!job->ops->cancel) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NOT_SUPPORTED,
			    "job %s: a %s cannot be canceled; it ends within seconds", path,
			    job->ops->kind);
		return FALSE;
	}
	if (job->canceling)
		return TRUE;
	job->canceling = TRUE;
	job->ops->cancel(job);
	return TRUE;
}

void job_take_over(struct job *job, const char *by)
{
	if (job->ops->detach)
		job->ops->detach(job);
	job_finish(job, g_error_new(SERVICE_ERROR, SERVICE_ERROR_CANCELED,
				    "VM %s: %s took the place of this %s",
				    job->vm->definition->name, by, job->ops->kind));
}

void job_watch(struct job *job, void (*done)(void *context, struct job *job), void *context)
{
	struct job_watcher *watcher = g_new0(struct job_watcher, 1);

	watcher->done = done;
	watcher->context = context;
	job->watchers = g_slist_append(job->watchers, watcher);
}
