/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "autostart.h"
#include "bus.h"
#include "bus_host.h"
#include "console_log.h"
#include "cpu_groups.h"
#include "cpu_watch.h"
#include "duration.h"
#include "kernel_image.h"
#include "launch.h"
#include "operation.h"
#include "power.h"
#include "sched_service.h"
#include "systemd_unit.h"
#include "translate_speed.h"
#include "worker.h"
#include "worker_probe.h"

#define BOOT_ID_PATH	"/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SETTING "boot_id"
#define HOUSEKEEPING_US SECONDS(30)

/* User= and SupplementaryGroups= of vmworker@.service. */
#define WORKER_USER	 "vmms-worker"
#define WORKER_KVM_GROUP "kvm"

void service_fail(struct service *service, const char *sentence)
{
	log_service(service->log, LOG_ERR, "%s", sentence);
	(void)sd_event_exit(service->event, EXIT_FAILURE);
}

/* Whether the host was booted since vmmsd last ran: then no worker of then can be there. */
static gboolean service_read_boot(struct service *service, GError **error)
{
	g_autofree char *now = NULL, *then = NULL;

	if (!g_file_get_contents(BOOT_ID_PATH, &now, NULL, error) ||
	    !store_get_setting(service->store, BOOT_ID_SETTING, &then, error))
		return FALSE;
	g_strstrip(now);
	service->new_boot = g_strcmp0(now, then) != 0;
	return TRUE;
}

/* Once every VM of the last boot is settled; a crash before that settles them again. */
static gboolean service_store_boot(struct service *service, GError **error)
{
	g_autofree char *now = NULL;

	if (!service->new_boot)
		return TRUE;
	if (!g_file_get_contents(BOOT_ID_PATH, &now, NULL, error))
		return FALSE;
	return store_set_setting(service->store, BOOT_ID_SETTING, g_strstrip(now), error);
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info,
			void *userdata)
{
	struct service *service = userdata;

	(void)source;
	log_service(service->log, LOG_INFO, "ends at signal %u; VMs go on running",
		    info->ssi_signo);
	/* A crash leaves it to the next vmmsd, which knows from the store what was before. */
	power_restore(service->power);
	(void)sd_notify(0, "STOPPING=1\nSTATUS=Ending; VMs go on running");
	return sd_event_exit(service->event, EXIT_SUCCESS);
}

static gboolean service_build_loop(struct service *service, GError **error)
{
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if ((r = sd_event_new(&service->event)) >= 0 &&
	    (r = sd_event_add_signal(service->event, NULL, SIGTERM, on_terminate, service)) >= 0 &&
	    (r = sd_event_add_signal(service->event, NULL, SIGINT, on_terminate, service)) >= 0)
		r = sd_event_set_watchdog(service->event, 1);
	if (r >= 0)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, "the event loop: %s",
		    g_strerror(-r));
	return FALSE;
}

static struct vm_observer vm_observer_of(struct service *service)
{
	struct vm_observer observer = bus_vm_observer;

	observer.context = service;
	return observer;
}

static void on_cpus(void *context)
{
	const struct service *service = context;

	sched_look(service->sched);
}

static void service_watch_cpus(struct service *service)
{
	service->cpus = cpu_watch_new(service->event, on_cpus, service);
	if (!service->cpus)
		log_service(service->log, LOG_NOTICE,
			    "CPUs that come or go are noticed after %u s at the latest: udev: %s",
			    (unsigned int)(HOUSEKEEPING_US / SECONDS(1)), g_strerror(errno));
}

static gboolean service_build(struct service *service, GError **error)
{
	const struct options *options = service->options;
	struct vm_observer vm_observer = vm_observer_of(service);
	struct job_observer job_observer = bus_job_observer;
	struct event_observer event_observer = bus_event_observer;

	job_observer.context = event_observer.context = service;
	if (!options_make_directories(options, error) || !service_build_loop(service, error))
		return FALSE;
	/* The store's lock is what makes this vmmsd the only one: nothing is touched before it. */
	service->store = store_open(options->state_dir, error);
	if (!service->store || !service_read_boot(service, error) || !launch_load(service, error))
		return FALSE;
	service->events = events_new();
	events_observe(service->events, &event_observer);
	service->jobs = job_table_new(service->event);
	job_table_observe(service->jobs, &job_observer);
	service->bus = bus_new(service, error);
	if (!service->bus)
		return FALSE;
	service->registry = vm_registry_new(service->store, &vm_observer);
	if (!vm_registry_load(service->registry, error))
		return FALSE;
	service->groups = cpu_groups_new(service->store, error);
	if (!service->groups)
		return FALSE;
	service->host = host_new("/sys", "/proc", HOST_KVM_DEVICE, error);
	if (!service->host)
		return FALSE;
	service->power =
		power_new(service->store, "/sys", POWER_LATENCY_PATH, service->new_boot, error);
	if (!service->power)
		return FALSE;
	service->kernels = kernel_cache_new(service->event, options->unpack, options->cache_dir);
	service->crashes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (options->mode == MODE_SYSTEM && sd_booted() > 0) {
		service->units = systemd_units_new(bus_broker(service->bus), error);
		if (!service->units)
			return FALSE;
		host_set_worker(service->host, WORKER_USER, WORKER_KVM_GROUP);
	}
	service->sched = sched_new(service);
	service_watch_cpus(service);
	return TRUE;
}

/* Reverse order of the building. Workers are let go of: their VMs run on. */
static void service_clear(struct service *service)
{
	worker_probe_cancel(service);
	translate_speed_cancel(service);
	bus_host_cancel(service);
	console_log_close_all(service);
	service->serving = FALSE;
	/* The jobs first: they hold calls on the links of workers and requests for kernels. */
	job_table_free(service->jobs);
	if (service->registry) {
		const GPtrArray *vms = vm_registry_sorted(service->registry);

		for (guint i = 0; i < vms->len; i++) {
			struct vm *vm = vms->pdata[i];

			vm->job = NULL;
			worker_free(g_steal_pointer(&vm->worker));
		}
	}
	cpu_watch_free(service->cpus);
	sched_free(service->sched);
	power_free(service->power);
	systemd_units_free(service->units);
	if (service->crashes)
		g_hash_table_unref(service->crashes);
	kernel_cache_free(service->kernels);
	host_free(service->host);
	cpu_groups_free(service->groups);
	vm_registry_free(service->registry);
	bus_free(service->bus);
	events_free(service->events);
	store_close(service->store);
	sd_event_unref(service->event);
}

/* An adopted VM runs on the engine that it was started with; why, is what would be said now. */
static void service_name_engines(struct service *service)
{
	const GPtrArray *vms = vm_registry_sorted(service->registry);

	for (guint i = 0; i < vms->len; i++) {
		struct vm *vm = vms->pdata[i];
		g_autofree char *reason = NULL;
		const char *engine;

		if (!vm->worker)
			continue;
		engine = host_choose_engine_for(service->host, vm->definition, &reason, NULL);
		if (engine && g_str_equal(engine, vm->engine))
			vm_set_engine(vm, engine, reason);
	}
}

static void service_serve(struct service *service)
{
	g_autoptr(GError) error = NULL;
	guint count = vm_registry_count(service->registry);

	service_name_engines(service);
	autostart_watch(service);
	service->serving = TRUE;
	if (!service_store_boot(service, &error) || !bus_serve(service->bus, &error)) {
		service_fail(service, error->message);
		return;
	}
	(void)sd_notifyf(0, "READY=1\nSTATUS=Serving %u VMs", count);
	log_service(service->log, LOG_INFO, "vmmsd " VMMS_VERSION " serves %u VMs (%s mode)", count,
		    service_mode_name(service->options->mode));
	if (service->new_boot && service->options->mode != MODE_SYSTEM)
		autostart_all(service);
}

void service_settled(struct service *service)
{
	if (--service->settling > 0)
		return;
	/* Now it is known whose worker is gone: what was taken from the host for it is given back.
	 */
	sched_update(service->sched);
	service_serve(service);
}

static void on_probed(void *context)
{
	service_settled(context);
}

static int on_housekeeping(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct service *service = userdata;
	const GPtrArray *vms = vm_registry_sorted(service->registry);

	(void)usec;
	for (guint i = 0; i < vms->len; i++) {
		struct vm *vm = vms->pdata[i];

		if (vm->worker && !service->units)
			worker_bound_log(vm->worker);
	}
	sched_look(service->sched);
	(void)sd_event_source_set_time_relative(source, HOUSEKEEPING_US);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* Asks everything that has to be known before the first client is let in. */
static void service_begin(struct service *service)
{
	(void)sd_event_add_time_relative(service->event, NULL, CLOCK_MONOTONIC, HOUSEKEEPING_US, 0,
					 on_housekeeping, service);
	service->settling = 2; /* the probe, and this function */
	worker_probe_run(service, on_probed, service);
	adopt_all(service);
	service_settled(service);
}

int service_run(const struct options *options, struct log *log)
{
	struct service service = {.options = options, .log = log};
	g_autoptr(GError) error = NULL;
	int status = EXIT_FAILURE;

	if (service_build(&service, &error)) {
		service_begin(&service);
		status = sd_event_loop(service.event);
		if (status < 0) {
			log_service(log, LOG_ERR, "the event loop: %s", g_strerror(-status));
			status = EXIT_FAILURE;
		}
	} else {
		log_service(log, LOG_ERR, "%s", error->message);
	}
	service_clear(&service);
	return status;
}
