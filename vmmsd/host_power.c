/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_power.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host_cpu_list.h"
#include "host_file.h"
#include "service_error.h"

#define CPUFREQ "devices/system/cpu/cpufreq"

static const struct {
	const char *name, *file, *choices;
} knobs[] = {
	[HOST_POWER_GOVERNOR] = {"governor", "scaling_governor", "scaling_available_governors"},
	[HOST_POWER_EPP] = {"epp", "energy_performance_preference",
			    "energy_performance_available_preferences"},
};

const char *host_power_knob_name(enum host_power_knob knob)
{
	return knobs[knob].name;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *host_power_policies(const char *sysfs_root)
{
	g_autofree char *path = g_build_filename(sysfs_root, CPUFREQ, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		if (g_str_has_prefix(name, "policy"))
			g_ptr_array_add(names, g_strdup(name));
	}
	g_ptr_array_sort(names, by_name);
	return names;
}

char *host_power_read(const char *sysfs_root, const char *policy, enum host_power_knob knob)
{
	return host_file_read(sysfs_root, CPUFREQ "/%s/%s", policy, knobs[knob].file);
}

gboolean host_power_write(const char *sysfs_root, const char *policy, enum host_power_knob knob,
			  const char *value, GError **error)
{
	g_autofree char *path =
		g_build_filename(sysfs_root, CPUFREQ, policy, knobs[knob].file, NULL);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n = fd >= 0 ? write(fd, value, strlen(value)) : -1;
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	if (n >= 0)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, "%s cannot be set to \"%s\": %s",
		    path, value, g_strerror(saved));
	return FALSE;
}

char **host_power_choices(const char *sysfs_root, enum host_power_knob knob)
{
	g_autoptr(GPtrArray) policies = host_power_policies(sysfs_root);
	g_autofree char *text = NULL;

	if (policies->len > 0)
		text = host_file_read(sysfs_root, CPUFREQ "/%s/%s",
				      (const char *)policies->pdata[0], knobs[knob].choices);
	return text && *g_strstrip(text) ? g_strsplit(text, " ", -1) : NULL;
}

static void add_khz(struct json_object *object, const char *name, int64_t khz)
{
	(void)json_object_object_add(object, name, khz >= 0 ? json_object_new_int64(khz) : NULL);
}

static struct json_object *frequency_of(const char *sysfs_root, const char *policy)
{
	struct json_object *object = json_object_new_object();
	g_autofree char *text = host_file_read(sysfs_root, CPUFREQ "/%s/affected_cpus", policy);
	/* With blanks between them; the kernel's other lists have commas. */
	g_autoptr(GArray) cpus = text ? host_cpu_list_parse(g_strdelimit(text, " ", ',')) : NULL;
	g_autofree char *list = cpus ? host_cpu_list_format(cpus) : g_strdup("");

	(void)json_object_object_add(object, "cpus", json_object_new_string(list));
	add_khz(object, "current",
		host_file_read_number(sysfs_root, CPUFREQ "/%s/scaling_cur_freq", policy));
	add_khz(object, "min",
		host_file_read_number(sysfs_root, CPUFREQ "/%s/cpuinfo_min_freq", policy));
	add_khz(object, "max",
		host_file_read_number(sysfs_root, CPUFREQ "/%s/cpuinfo_max_freq", policy));
	return object;
}

struct json_object *host_power_frequencies(const char *sysfs_root)
{
	g_autoptr(GPtrArray) policies = host_power_policies(sysfs_root);
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	for (guint i = 0; i < policies->len; i++)
		(void)json_object_array_add(list, frequency_of(sysfs_root, policies->pdata[i]));
	(void)json_object_object_add(object, "frequencies", list);
	(void)json_object_object_add(
		object, "reason",
		json_object_new_string(
			policies->len > 0
				? ""
				: "not supported by this host: the kernel has no cpufreq driver for "
				  "its processor (its firmware, or the hypervisor that it is a "
				  "guest of, keeps the frequency to itself)"));
	return object;
}
