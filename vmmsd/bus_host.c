/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus_host.h"

#include "authz.h"
#include "bus.h"
#include "launch.h"
#include "power.h"
#include "sched_service.h"
#include "translate_speed.h"
#include "worker_probe.h"

static int reply(const struct service *service, sd_bus_message *call)
{
	g_autofree char *text =
		host_describe(service->host, launch_name(service), sched_describe(service->sched),
			      power_describe(service->power));

	return sd_bus_reply_method_return(call, "s", text);
}

static void on_measured(void *context)
{
	struct service *service = context;

	for (const GSList *l = service->host_calls; l; l = l->next)
		(void)reply(service, l->data);
	bus_host_cancel(service);
}

static void on_probed(void *context)
{
	translate_speed_find(context, on_measured, context);
}

void bus_host_cancel(struct service *service)
{
	GSList *calls = g_steal_pointer(&service->host_calls);

	for (; calls; calls = g_slist_delete_link(calls, calls))
		sd_bus_message_unref(calls->data);
}

/* Somebody who has just loaded KVM or got access to it wants to see what that brought. */
int bus_host_describe(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;

	(void)out;
	service->host_calls = g_slist_append(service->host_calls, sd_bus_message_ref(call));
	if (service->host_calls->next)
		return 1;
	if (host_is_stale(service->host))
		worker_probe_run(service, on_probed, service);
	else
		on_probed(service);
	return 1;
}

/* A policy of the host's, by its name. */
static int policy_set(sd_bus_message *call, struct service *service, enum authz_action action,
		      gboolean (*set)(struct service *service, const char *policy, GError **error),
		      sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;
	const char *policy;
	int r = sd_bus_message_read(call, "s", &policy);

	if (r < 0)
		return r;
	if (!authz_check(call, action, &error) || !set(service, policy, &error))
		return bus_error_set(out, error);
	return sd_bus_reply_method_return(call, NULL);
}

static gboolean set_power(struct service *service, const char *policy, GError **error)
{
	if (!power_set(service->power, policy, error))
		return FALSE;
	log_service(service->log, LOG_INFO, "power policy: %s", policy);
	return TRUE;
}

int bus_host_set_power(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return policy_set(call, userdata, AUTHZ_POWER, set_power, out);
}

int bus_host_set_launch(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return policy_set(call, userdata, AUTHZ_LAUNCH, launch_set, out);
}
