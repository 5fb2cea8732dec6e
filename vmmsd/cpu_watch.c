/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu_watch.h"

#include <errno.h>
#include <glib.h>
#include <systemd/sd-device.h>

struct cpu_watch {
	sd_device_monitor *monitor;
	void (*changed)(void *context);
	void *context;
};

static int on_device(sd_device_monitor *monitor, sd_device *device, void *userdata)
{
	const struct cpu_watch *watch = userdata;

	(void)monitor;
	(void)device;
	watch->changed(watch->context);
	return 0;
}

static int cpu_watch_start(struct cpu_watch *watch, sd_event *event)
{
	int r;

	if ((r = sd_device_monitor_new(&watch->monitor)) >= 0 &&
	    (r = sd_device_monitor_filter_add_match_subsystem_devtype(watch->monitor, "cpu",
								      NULL)) >= 0 &&
	    (r = sd_device_monitor_attach_event(watch->monitor, event)) >= 0)
		r = sd_device_monitor_start(watch->monitor, on_device, watch);
	return r;
}

struct cpu_watch *cpu_watch_new(sd_event *event, void (*changed)(void *context), void *context)
{
	struct cpu_watch *watch = g_new0(struct cpu_watch, 1);
	int r;

	watch->changed = changed;
	watch->context = context;
	r = cpu_watch_start(watch, event);
	if (r >= 0)
		return watch;
	cpu_watch_free(watch);
	errno = -r;
	return NULL;
}

void cpu_watch_free(struct cpu_watch *watch)
{
	if (!watch)
		return;
	sd_device_monitor_unref(watch->monitor);
	g_free(watch);
}
