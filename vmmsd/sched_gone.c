/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What systemd keeps of CPU groups that are no more: their slices, which stay active when they are
 * empty, and what was set for them, until the next boot.
 */
#include <string.h>

#include "bus.h"
#include "cgroup_dir.h"
#include "cpu_groups.h"
#include "sched_internal.h"
#include "sched_unit.h"

/* "all-web" is in vmms.slice/vmms-all.slice/vmms-all-web.slice. */
static char *slice_dir(const char *path)
{
	g_auto(GStrv) names = g_strsplit(path, "-", -1);
	g_autoptr(GString) stem = g_string_new("vmms");
	GString *dir = g_string_new(CGROUP_ROOT "/vmms.slice");

	for (char **name = names; *name; name++) {
		g_string_append_printf(stem, "-%s", *name);
		g_string_append_printf(dir, "/%s.slice", stem->str);
	}
	return g_string_free(dir, FALSE);
}

static gboolean is_populated(const char *path)
{
	g_autofree char *dir = slice_dir(path);
	g_autofree char *events = cgroup_read(dir, "cgroup.events");

	return events && strstr(events, "populated 1");
}

static gboolean is_back(const struct sched *sched, const char *path)
{
	g_auto(GStrv) paths = cpu_group_paths(cpu_groups_all(sched->service->groups));

	return g_strv_contains((const char *const *)paths, path);
}

/* Those of whom members are still on their way out have their turn when these have left. */
void sched_gone_tidy(const struct sched *sched)
{
	GHashTableIter iter;
	gpointer path;

	g_hash_table_iter_init(&iter, sched->gone);
	while (g_hash_table_iter_next(&iter, &path, NULL)) {
		gboolean back = is_back(sched, path);

		if (!back && is_populated(path))
			continue;
		if (!back) {
			g_autofree char *slice = sched_slice_name(path);
			sched_unit_stop(bus_broker(sched->service->bus), slice);
		}
		g_hash_table_iter_remove(&iter);
	}
}

void sched_groups_changed(const struct sched *sched, const char *const *before)
{
	g_auto(GStrv) gone = cpu_group_paths_gone(before, cpu_groups_all(sched->service->groups));

	for (char **path = gone; sched->kind == SCHED_BY_SYSTEMD && *path; path++) {
		g_autofree char *slice = sched_slice_name(*path);

		sched_unit_forget(bus_broker(sched->service->bus), slice);
		g_hash_table_add(sched->gone, g_strdup(*path));
	}
	sched_gone_tidy(sched);
}
