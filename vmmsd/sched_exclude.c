/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPUs for VMs alone: every unit at the top of systemd's tree but the VMs' own slice is confined to
 * the others. (A cpuset partition below vmms.slice would have to take the CPUs from the whole slice
 * first.) Threads of the kernel that are bound to a CPU stay on it.
 */
#include "bus.h"
#include "cgroup_dir.h"
#include "host_cpu_list.h"
#include "sched_cpus.h"
#include "sched_internal.h"
#include "sched_unit.h"

#define VMS_SLICE	 "vmms.slice"
#define EXCLUDED_SETTING "exclusive_cpus"

static int on_set(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	struct sched *sched = userdata;
	const sd_bus_error *e = sd_bus_message_get_error(reply);

	(void)unused;
	if (e)
		log_service(sched->service->log, LOG_WARNING,
			    "a part of the host cannot be kept from the CPUs that VMs have for "
			    "themselves: %s",
			    e->message ? e->message : e->name);
	return 0;
}

static gboolean is_unit(const char *name)
{
	return (g_str_has_suffix(name, ".slice") || g_str_has_suffix(name, ".scope") ||
		g_str_has_suffix(name, ".service")) &&
	       !g_str_equal(name, VMS_SLICE);
}

static void confine_host(struct sched *sched, const GArray *cpus)
{
	const struct sched_unit_properties properties = {.set_cpus = TRUE, .cpus = cpus};
	g_autoptr(GDir) top = g_dir_open(CGROUP_ROOT, 0, NULL);
	const char *name;

	while (top && (name = g_dir_read_name(top))) {
		if (is_unit(name))
			(void)sched_unit_set(bus_broker(sched->service->bus), name, &properties,
					     on_set, sched, NULL);
	}
}

void sched_exclude(struct sched *sched, const GArray *taken)
{
	g_autofree char *list = host_cpu_list_format(taken);
	g_autoptr(GArray) online = NULL, left = NULL;
	g_autoptr(GError) error = NULL;

	if (sched->kind != SCHED_BY_SYSTEMD || g_str_equal(list, sched->excluded))
		return;
	online = host_cpu_list_parse(sched->topology->online);
	left = online ? sched_cpus_minus(online, taken) : NULL;
	if (taken->len > 0 && (!left || left->len == 0))
		return;
	/* Before it is done: what a crash leaves behind has to be undone by the next vmmsd. */
	if (!store_set_setting(sched->service->store, EXCLUDED_SETTING, list, &error))
		log_service(sched->service->log, LOG_WARNING, "%s", error->message);
	confine_host(sched, taken->len > 0 ? left : sched->topology->every);
	g_free(sched->excluded);
	sched->excluded = g_steal_pointer(&list);
}
