/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe.h"

#include <glib.h>
#include <json-c/json.h>

#include "hv_error.h"

static const char *virt_name(enum partition_virt virt)
{
	switch (virt) {
	case PARTITION_VIRT_AMDV:
		return "amd-v";
	case PARTITION_VIRT_VTX:
		return "vt-x";
	case PARTITION_VIRT_SOFTWARE:
		return "software";
	case PARTITION_VIRT_NONE:
		break;
	}
	return "none";
}

char *probe_format(const struct partition_host *host, const struct speed *speed)
{
	g_autofree char *reason = host->usable ? g_strdup("") : hv_error_describe(&host->fault);
	struct json_object *root = json_object_new_object();
	struct json_object *caps = json_object_new_object();

	json_object_object_add(root, "virtualization",
			       json_object_new_string(virt_name(host->virt)));
	json_object_object_add(root, "usable", json_object_new_boolean(host->usable));
	json_object_object_add(root, "reason", json_object_new_string(reason));
	json_object_object_add(root, "apiVersion", json_object_new_int(host->api_version));
	json_object_object_add(root, "maxVps", json_object_new_int64(host->max_vps));
	for (size_t i = 0; i < host->n_caps && i < PARTITION_MAX_CAPS; i++)
		json_object_object_add(caps, host->caps[i].name,
				       json_object_new_int(host->caps[i].value));
	json_object_object_add(root, "capabilities", caps);
	json_object_object_add(root, "speed", speed_to_json(speed));
	char *line =
		g_strconcat(json_object_to_json_string_ext(
				    root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
			    "\n", NULL);
	json_object_put(root);
	return line;
}
