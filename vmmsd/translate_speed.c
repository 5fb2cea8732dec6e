/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "translate_speed.h"

#include <string.h>

#include "duration.h"
#include "subprocess.h"

/* A stamp, a line's end, and the answer that holds for it. */
#define SETTING	   "translate_speed"
#define MEASURE_US SECONDS(10)

/* What is stored for this kernel and QEMU, or NULL; g_free. */
static char *load(const struct service *service, const char *stamp)
{
	g_autofree char *stored = NULL;

	if (!store_get_setting(service->store, SETTING, &stored, NULL) || !stored ||
	    !g_str_has_prefix(stored, stamp) || stored[strlen(stamp)] != '\n')
		return NULL;
	return g_strdup(stored + strlen(stamp) + 1);
}

static void finish(struct service *service, const char *answer)
{
	if (answer)
		host_set_translate_speed(service->host, answer);
	g_clear_pointer(&service->measured, g_free);
	service->measured = host_translate_stamp(service->host);
	service->measure_done(service->measure_context);
}

static void on_measured(void *context, const struct subprocess_result *result)
{
	struct service *service = context;
	gboolean ok = !result->timed_out && !result->overflow && result->status == 0;
	g_autofree char *stamp = host_translate_stamp(service->host);
	g_autofree char *text = ok && stamp ? g_strconcat(stamp, "\n", result->output, NULL) : NULL;
	g_autoptr(GError) error = NULL;

	service->measure = NULL;
	if (text && !store_set_setting(service->store, SETTING, text, &error))
		log_service(service->log, LOG_WARNING, "%s", error->message);
	finish(service, ok ? result->output : NULL);
}

void translate_speed_find(struct service *service, void (*done)(void *context), void *context)
{
	const char *const argv[] = {service->options->translator, "--measure", NULL};
	g_autofree char *stamp = host_translate_stamp(service->host);
	g_autofree char *known = NULL;

	service->measure_done = done;
	service->measure_context = context;
	/* Once, whatever came of it: until vmmsd or QEMU is another. */
	if (!stamp || g_strcmp0(stamp, service->measured) == 0) {
		done(context);
		return;
	}
	known = load(service, stamp);
	if (!known)
		service->measure = subprocess_run(service->event, argv, -1, -1, MEASURE_US,
						  on_measured, service, NULL);
	if (!service->measure)
		finish(service, known);
}

void translate_speed_cancel(struct service *service)
{
	subprocess_cancel(service->measure);
	service->measure = NULL;
	g_clear_pointer(&service->measured, g_free);
}
