/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one root of the program: what exists, in the order in which it is built. Operations take it
 * and reach what they need; nothing here is global. Main thread only.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "events.h"
#include "host.h"
#include "job.h"
#include "log.h"
#include "options.h"
#include "service_error.h"
#include "store.h"
#include "vm_registry.h"

struct bus;
struct cpu_groups;
struct kernel_cache;
struct power;
struct sched;
struct subprocess;
struct systemd_units;

struct service {
	const struct options *options; /* borrowed */
	struct log *log;	       /* borrowed */
	sd_event *event;
	struct store *store;
	struct events *events;
	struct job_table *jobs;
	struct bus *bus;
	struct vm_registry *registry;
	struct cpu_groups *groups;
	struct host *host;
	struct kernel_cache *kernels;
	struct systemd_units *units; /* NULL where workers are spawned by vmmsd itself */
	struct power *power;
	struct sched *sched;
	struct cpu_watch *cpus;	    /* NULL: nobody tells of them */
	struct subprocess *probe;   /* vmworker --probe while it runs */
	GSList *probe_waiters;	    /* of worker_probe.c */
	char *probe_said;	    /* likewise */
	GSList *host_calls;	    /* of bus_host.c */
	struct subprocess *measure; /* of translate_speed.c, like these */
	char *measured;
	void (*measure_done)(void *context);
	void *measure_context;
	GHashTable *crashes;	 /* uuid -> its recent restarts, of vm_restart.c */
	GSList *console_readers; /* of console_log.c */
	struct job *stop_all;	 /* the job that stops every VM, or NULL */
	guint settling;		 /* workers and the probe not yet heard of since the start */
	gboolean new_boot;	 /* the host was booted since vmmsd last ran */
	gboolean launch_off;
	gboolean serving;
};

/* Builds, serves until SIGTERM, tears down; VMs go on running. The exit status of the program. */
int service_run(const struct options *options, struct log *log);

/* Something that the start waited for is known; at the last one the bus is opened. */
void service_settled(struct service *service);

/* Ends the program with a failure: what it stands on broke. */
void service_fail(struct service *service, const char *sentence);

#endif
