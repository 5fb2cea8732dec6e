/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch.h"

#define SETTING "launch"
#define AUTO	"auto"
#define OFF	"off"

const char *launch_name(const struct service *service)
{
	return service->launch_off ? OFF : AUTO;
}

gboolean launch_load(struct service *service, GError **error)
{
	g_autofree char *policy = NULL;

	if (!store_get_setting(service->store, SETTING, &policy, error))
		return FALSE;
	service->launch_off = g_strcmp0(policy, OFF) == 0;
	return TRUE;
}

gboolean launch_set(struct service *service, const char *policy, GError **error)
{
	gboolean off = g_str_equal(policy, OFF);

	if (!off && !g_str_equal(policy, AUTO)) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_ARGUMENT,
			    "the launch policy \"%.32s\" is unknown; give auto or off", policy);
		return FALSE;
	}
	if (!store_set_setting(service->store, SETTING, policy, error))
		return FALSE;
	if (off != service->launch_off)
		log_service(service->log, LOG_INFO, "launch policy: %s", policy);
	service->launch_off = off;
	return TRUE;
}

gboolean launch_check(const struct service *service, GError **error)
{
	if (!service->launch_off)
		return TRUE;
	g_set_error_literal(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
			    "not started, since the launch policy of this host is off; allow "
			    "starts with hvctl host --launch auto");
	return FALSE;
}
