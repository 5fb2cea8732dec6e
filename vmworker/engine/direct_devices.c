/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The place where synthetic devices will be built; until then they are refused. */
#include "direct.h"
#include "worker_error.h"

gboolean direct_check_devices(const struct engine_config *config, GError **error)
{
	const struct engine_devices *devices = &config->devices;
	const char *what = NULL, *remedy = NULL;

	if (devices->hidden) {
		what = "hiding the hypervisor is";
		remedy = "make it visible";
	} else if (devices->enlightenments_off) {
		what = "switching enlightenments off is";
		remedy = "leave them on";
	}
	if (!what)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		    "VM %s: %s not in this version of the engine direct; %s", config->vm_name, what,
		    remedy);
	return FALSE;
}
