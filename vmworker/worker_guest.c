/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guest answers. */
#include <unistd.h>

#include "worker_error.h"
#include "worker_private.h"

void worker_describe(struct worker *worker, engine_word_visit visit, void *context)
{
	if (worker->state == WORKER_RUNNING || worker->state == WORKER_PAUSED)
		worker->ops->describe(worker->engine, visit, context);
}

static gboolean running_check(const struct worker *worker, GError **error)
{
	if (worker->state == WORKER_RUNNING)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE,
		    "virtual machine %s: its worker is %s, so the guest cannot answer; %s it first",
		    worker->config.name, worker_state_name(worker->state),
		    worker->state == WORKER_PAUSED ? "resume" : "start");
	return FALSE;
}

gboolean worker_type(struct worker *worker, const char *text, bool keys, GError **error)
{
	return running_check(worker, error) && worker->ops->type(worker->engine, text, keys, error);
}

gboolean worker_set_pair(struct worker *worker, const char *key, const char *value,
			 const struct engine_request *request, GError **error)
{
	return running_check(worker, error) &&
	       worker->ops->set_pair(worker->engine, key, value, request, error);
}

gboolean worker_copy(struct worker *worker, const struct engine_copy *copy, GError **error)
{
	if (running_check(worker, error))
		return worker->ops->copy(worker->engine, copy, error);
	close(copy->fd);
	return FALSE;
}

gboolean worker_freeze(struct worker *worker, uint64_t hold_us,
		       const struct engine_request *request, GError **error)
{
	if (!running_check(worker, error))
		return FALSE;
	if (hold_us <= VMMS_FREEZE_MAX_US)
		return worker->ops->freeze(worker->engine,
					   hold_us != 0 ? hold_us : VMMS_FREEZE_DEFAULT_US, request,
					   error);
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
			    "file systems cannot be frozen for that long; give at most 10 minutes");
	return FALSE;
}

gboolean worker_thaw(struct worker *worker, const struct engine_request *request, GError **error)
{
	return running_check(worker, error) && worker->ops->thaw(worker->engine, request, error);
}

gboolean worker_reboot(struct worker *worker, const struct engine_request *request, GError **error)
{
	return running_check(worker, error) && worker->ops->reboot(worker->engine, request, error);
}

gboolean worker_hibernate(struct worker *worker, const struct engine_request *request,
			  GError **error)
{
	return running_check(worker, error) &&
	       worker->ops->hibernate(worker->engine, request, error);
}

gboolean worker_cancel_copy(struct worker *worker, GError **error)
{
	if (!worker_check_up(worker, error))
		return FALSE;
	worker->ops->cancel_copy(worker->engine);
	return TRUE;
}
