/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPUs for VMs alone: every unit at the top of systemd's tree but the VMs' own slice is confined to
 * the others. (A cpuset partition below vmms.slice would have to take the CPUs from the whole slice
 * first.) Threads of the kernel that are bound to a CPU stay on it.
 */
#include "host_confine.h"
#include "host_cpu_list.h"
#include "sched_cpus.h"
#include "sched_internal.h"

#define EXCLUDED_SETTING "exclusive_cpus"

void sched_exclude_open(struct sched *sched)
{
	const struct service *service = sched->service;

	/* What an earlier vmmsd took from the host is given back when its VM is gone. systemd has
	 * forgotten it after a boot, so that it has to be taken again. */
	if (!service->new_boot)
		(void)store_get_setting(service->store, EXCLUDED_SETTING, &sched->excluded, NULL);
	if (!sched->excluded)
		sched->excluded = g_strdup("");
	sched->confine = host_confine_new(sched->service, *sched->excluded != '\0');
}

void sched_exclude_close(struct sched *sched)
{
	host_confine_free(sched->confine);
	g_free(sched->excluded);
	g_free(sched->excluded_left);
}

void sched_exclude(struct sched *sched, const GArray *taken)
{
	g_autofree char *list = host_cpu_list_format(taken), *rest = NULL;
	g_autoptr(GArray) online = NULL, left = NULL;
	g_autoptr(GError) error = NULL;

	if (sched->kind != SCHED_BY_SYSTEMD)
		return;
	online = taken->len > 0 ? host_cpu_list_parse(sched->topology->online) : NULL;
	left = online ? sched_cpus_minus(online, taken) : NULL;
	rest = left ? host_cpu_list_format(left) : g_strdup("");
	/* CPUs that come back are the host's again, so what is left counts as well. */
	if (g_str_equal(list, sched->excluded) && g_strcmp0(rest, sched->excluded_left) == 0)
		return;
	if (taken->len == 0 && *sched->excluded == '\0')
		return;
	if (taken->len > 0 && *rest == '\0')
		return;
	/* Before it is done: what a crash leaves behind has to be undone by the next vmmsd. */
	if (!store_set_setting(sched->service->store, EXCLUDED_SETTING, list, &error))
		log_service(sched->service->log, LOG_WARNING, "%s", error->message);
	host_confine_set(sched->confine, left, sched->topology->every);
	g_free(sched->excluded);
	sched->excluded = g_steal_pointer(&list);
	g_free(sched->excluded_left);
	sched->excluded_left = g_steal_pointer(&rest);
}
