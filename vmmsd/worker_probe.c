/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_probe.h"

#include "duration.h"
#include "subprocess.h"

#define PROBE_US SECONDS(10)

struct waiter {
	void (*done)(void *context);
	void *context;
};

/* What VMs get here, when it is something else than what was said last. */
static void probe_log(struct service *service)
{
	g_autofree char *reason = NULL;
	g_autoptr(GError) error = NULL;
	const char *engine = host_choose_engine(service->host, ENGINE_AUTO, NULL, &reason, &error);
	char *said = g_strdup_printf("%s: %s", engine ? engine : "no engine",
				     engine ? reason : error->message);

	if (g_strcmp0(said, service->probe_said) != 0)
		log_service(service->log, engine ? LOG_INFO : LOG_WARNING,
			    "this host runs VMs by %s", said);
	g_free(service->probe_said);
	service->probe_said = said;
}

static void probe_tell(struct service *service)
{
	probe_log(service);
	GSList *waiters = g_steal_pointer(&service->probe_waiters);

	for (; waiters; waiters = g_slist_delete_link(waiters, waiters)) {
		g_autofree struct waiter *waiter = waiters->data;

		waiter->done(waiter->context);
	}
}

static void on_translator_probed(void *context, const struct subprocess_result *result)
{
	struct service *service = context;

	service->probe = NULL;
	host_set_translate_probe(service->host,
				 !result->timed_out && result->status == 0 ? result->output : NULL);
	probe_tell(service);
}

/* FALSE: it cannot be run; most likely it is not installed, which is fine. */
static gboolean translator_probe(struct service *service)
{
	const char *const argv[] = {service->options->translator, "--probe", NULL};

	if (g_file_test(argv[0], G_FILE_TEST_IS_EXECUTABLE))
		service->probe = subprocess_run(service->event, argv, -1, -1, PROBE_US,
						on_translator_probed, service, NULL);
	return service->probe != NULL;
}

static void on_probed(void *context, const struct subprocess_result *result)
{
	struct service *service = context;

	service->probe = NULL;
	if (!result->timed_out && result->status == 0) {
		host_set_probe(service->host, result->output);
	} else {
		host_set_probe(service->host, NULL);
		log_service(service->log, LOG_WARNING, "%s --probe %s: %s",
			    service->options->worker,
			    result->timed_out ? "did not answer in time" : "failed",
			    result->error_text);
	}
	if (!translator_probe(service)) {
		host_set_translate_probe(service->host, NULL);
		probe_tell(service);
	}
}

void worker_probe_run(struct service *service, void (*done)(void *context), void *context)
{
	const char *const argv[] = {service->options->worker, "--probe", NULL};
	struct waiter *waiter = g_new0(struct waiter, 1);
	g_autoptr(GError) error = NULL;

	waiter->done = done;
	waiter->context = context;
	service->probe_waiters = g_slist_append(service->probe_waiters, waiter);
	if (service->probe)
		return;
	host_begin_probe(service->host);
	service->probe =
		subprocess_run(service->event, argv, -1, -1, PROBE_US, on_probed, service, &error);
	if (service->probe)
		return;
	log_service(service->log, LOG_ERR, "%s; no VM can be started", error->message);
	host_set_probe(service->host, NULL);
	host_set_translate_probe(service->host, NULL);
	probe_tell(service);
}

void worker_probe_forget(struct service *service, const void *context)
{
	for (GSList *l = service->probe_waiters, *next; l; l = next) {
		struct waiter *waiter = l->data;

		next = l->next;
		if (waiter->context != context)
			continue;
		g_free(waiter);
		service->probe_waiters = g_slist_delete_link(service->probe_waiters, l);
	}
}

void worker_probe_cancel(struct service *service)
{
	subprocess_cancel(service->probe);
	service->probe = NULL;
	g_slist_free_full(g_steal_pointer(&service->probe_waiters), g_free);
	g_clear_pointer(&service->probe_said, g_free);
}
