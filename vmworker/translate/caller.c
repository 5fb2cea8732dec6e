/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caller.h"

#include "worker_error.h"

struct caller {
	GMutex lock; /* what follows */
	GCond changed;
	GThread *thread;
	struct call call;
	gint64 since_us; /* 0: no call */
	gboolean quit, over, ok, waited, given_up;
	GError *error; /* of the call that is over and waited for */
};

struct caller *caller_new(void)
{
	struct caller *caller = g_new0(struct caller, 1);

	g_mutex_init(&caller->lock);
	g_cond_init(&caller->changed);
	return caller;
}

static void call_clear(struct call *call)
{
	if (call->free)
		call->free(call->data);
	*call = (struct call){0};
}

/* With the lock, which it gives up meanwhile. */
static void caller_make(struct caller *caller)
{
	struct call call = caller->call;
	GError *error = NULL;

	g_mutex_unlock(&caller->lock);
	gboolean ok = call.make(call.data, &error);
	g_mutex_lock(&caller->lock);
	/* Until it is undone it counts as under way. */
	if (ok && caller->given_up && call.late) {
		g_mutex_unlock(&caller->lock);
		call.late(call.data);
		g_mutex_lock(&caller->lock);
	}
	caller->ok = ok;
	caller->over = TRUE;
	caller->since_us = 0;
	caller->call = (struct call){0};
	if (caller->waited)
		caller->error = g_steal_pointer(&error);
	g_clear_error(&error);
	g_cond_broadcast(&caller->changed);
	g_mutex_unlock(&caller->lock);
	call_clear(&call);
	g_mutex_lock(&caller->lock);
}

static gpointer caller_run(gpointer data)
{
	struct caller *caller = data;

	g_mutex_lock(&caller->lock);
	for (;;) {
		if (caller->call.make)
			caller_make(caller);
		else if (caller->quit)
			break;
		else
			g_cond_wait(&caller->changed, &caller->lock);
	}
	g_mutex_unlock(&caller->lock);
	return NULL;
}

/* With the lock. */
static gboolean caller_begin(struct caller *caller, const struct call *call, gboolean waited)
{
	if (caller->call.make)
		return FALSE;
	if (!caller->thread)
		caller->thread = g_thread_new("libvirt", caller_run, caller);
	caller->call = *call;
	caller->since_us = g_get_monotonic_time();
	caller->over = FALSE;
	caller->waited = waited;
	caller->given_up = FALSE;
	g_cond_broadcast(&caller->changed);
	return TRUE;
}

/* With the lock. */
static gboolean caller_wait(struct caller *caller, gint64 deadline)
{
	while (caller->call.make) {
		if (!g_cond_wait_until(&caller->changed, &caller->lock, deadline))
			return caller->call.make == NULL;
	}
	return TRUE;
}

gboolean caller_call(struct caller *caller, const struct call *call, uint32_t timeout_ms,
		     GError **error)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * (G_USEC_PER_SEC / 1000);
	gboolean ok = FALSE, over = FALSE;

	g_mutex_lock(&caller->lock);
	/* One that was posted may just be ending. */
	if (caller_wait(caller, deadline) && caller_begin(caller, call, TRUE)) {
		over = caller_wait(caller, deadline);
		ok = over && caller->ok;
		caller->waited = FALSE; /* nobody will ask for its error any more */
		caller->given_up = !over;
		if (over && caller->error)
			g_propagate_error(error, g_steal_pointer(&caller->error));
	} else {
		struct call unmade = *call;
		call_clear(&unmade);
	}
	g_mutex_unlock(&caller->lock);
	if (!over)
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT,
			    "QEMU did not answer within %u s; stop the machine if that lasts",
			    (timeout_ms + 999) / 1000);
	return ok;
}

gboolean caller_post(struct caller *caller, const struct call *call)
{
	g_mutex_lock(&caller->lock);
	gboolean begun = caller_begin(caller, call, FALSE);
	g_mutex_unlock(&caller->lock);
	return begun;
}

uint64_t caller_busy_us(struct caller *caller)
{
	g_mutex_lock(&caller->lock);
	gint64 since = caller->since_us;
	g_mutex_unlock(&caller->lock);
	return since == 0 ? 0 : (uint64_t)MAX(g_get_monotonic_time() - since, 1);
}

gboolean caller_free(struct caller *caller, uint32_t timeout_ms)
{
	if (!caller)
		return TRUE;
	g_mutex_lock(&caller->lock);
	caller->quit = TRUE;
	g_cond_broadcast(&caller->changed);
	gboolean over = caller_wait(caller, g_get_monotonic_time() +
						    (gint64)timeout_ms * (G_USEC_PER_SEC / 1000));
	g_mutex_unlock(&caller->lock);
	if (!over)
		return FALSE;
	if (caller->thread)
		g_thread_join(caller->thread);
	g_mutex_clear(&caller->lock);
	g_cond_clear(&caller->changed);
	g_clear_error(&caller->error);
	g_free(caller);
	return TRUE;
}
