/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sysfs lets one say about the processors' frequency: for each group of CPUs that share one
 * (a "policy" of cpufreq) a governor and perhaps an energy preference (EPP). sysfs_root is "/sys",
 * or a test's. Blocking, briefly.
 */
#ifndef HOST_POWER_H
#define HOST_POWER_H

#include <glib.h>
#include <json-c/json.h>

enum host_power_knob { HOST_POWER_GOVERNOR, HOST_POWER_EPP, HOST_POWER_KNOB_N };

/* "governor", "epp". */
const char *host_power_knob_name(enum host_power_knob knob);

/* Names of the policies, "policy0"; empty where there is no cpufreq; g_ptr_array_unref. */
GPtrArray *host_power_policies(const char *sysfs_root);
/* NULL when the policy has no such knob; g_free. */
char *host_power_read(const char *sysfs_root, const char *policy, enum host_power_knob knob);
/* The kernel's reason when it refuses. FAILED. */
gboolean host_power_write(const char *sysfs_root, const char *policy, enum host_power_knob knob,
			  const char *value, GError **error);
/* The values that the first policy takes, in the kernel's words; NULL: none can be set here;
 * g_strfreev. */
char **host_power_choices(const char *sysfs_root, enum host_power_knob knob);

/* {"frequencies": [{"cpus": "0-3", "current": kHz, "min": kHz, "max": kHz}], "reason": why there
 * are none, or ""}. The caller's. */
struct json_object *host_power_frequencies(const char *sysfs_root);

#endif
