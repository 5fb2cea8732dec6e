/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "disk_counters.h"
#include "domain_xml.h"
#include "emulator_monitor.h"
#include "emulator_state.h"
#include "worker_error.h"

#define N_CALLBACKS   3
#define LOOK_AGAIN_US 5000
/* SeaBIOS, entered again, resets the machine up to twice more before it boots: that is not the
 * guest's doing. */
#define FIRMWARE_RESETS	  2u
#define FIRMWARE_RESET_US (INT64_C(5) * G_USEC_PER_SEC)
#define PID_FILE	  "run/qemu/" DOMAIN_XML_NAME ".pid"

struct emulator {
	struct emulator_events events;
	GThread *loop; /* libvirt's own events */
	_Atomic bool quit;
	int wake; /* a timer of that loop; -1: none */
	virConnectPtr connection;
	virDomainPtr domain;
	int callbacks[N_CALLBACKS]; /* -1: not registered */
	GMutex lock;		    /* what follows */
	unsigned int asked;	    /* resets that we asked for and have not heard of */
	unsigned int others;	    /* that may be the firmware's */
	gint64 reset_us;	    /* when the last one was that is not */
	_Atomic bool closing;
	char *root;   /* where it has its files */
	GStrv images; /* paths of all disks, for messages; also read by libvirt's thread */
	char *machine;
	_Atomic bool moved;
	int stops; /* as callbacks */
};

/* What libvirt said, as the rest of our sentence. */
static gboolean failed(const char *what, GError **error)
{
	g_autofree char *why = emulator_monitor_why();

	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED, "QEMU %s: %s", what,
		    why ? why : "libvirt does not say why");
	return FALSE;
}

/* Errors are returned; nothing is to be printed beside. */
static void on_error(void *context, virErrorPtr error)
{
	(void)context;
	(void)error;
}

static void on_wake(int timer, void *context)
{
	(void)context;
	virEventUpdateTimeout(timer, -1);
}

static gpointer loop_run(gpointer data)
{
	struct emulator *emulator = data;

	while (!atomic_load(&emulator->quit)) {
		if (virEventRunDefaultImpl() < 0)
			break;
	}
	return NULL;
}

struct emulator *emulator_new(const struct emulator_events *events)
{
	struct emulator *emulator = g_new0(struct emulator, 1);

	emulator->events = *events;
	emulator->wake = emulator->stops = -1;
	emulator->images = g_new0(char *, 1);
	g_mutex_init(&emulator->lock);
	for (size_t i = 0; i < N_CALLBACKS; i++)
		emulator->callbacks[i] = -1;
	return emulator;
}

void emulator_free(struct emulator *emulator)
{
	if (!emulator)
		return;
	g_mutex_clear(&emulator->lock);
	g_strfreev(emulator->images);
	g_free(emulator->root);
	g_free(emulator->machine);
	g_free(emulator);
}

/* ---- what libvirt tells ----------------------------------------------------------------------
 */

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail,
			void *context)
{
	struct emulator *emulator = context;
	const struct emulator_events *events = &emulator->events;

	(void)connection;
	(void)domain;
	if (event != VIR_DOMAIN_EVENT_STOPPED || atomic_load(&emulator->closing))
		return 0;
	if (detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
		events->ended(events->context, EMULATOR_POWERED_OFF, "ACPI S5");
	else
		events->ended(events->context, EMULATOR_BROKEN,
			      "QEMU ended without being asked; it crashed or was killed");
	return 0;
}

static gboolean reset_is_the_guests(struct emulator *emulator)
{
	gint64 now = g_get_monotonic_time();
	gboolean asked, firmware;

	g_mutex_lock(&emulator->lock);
	asked = emulator->asked > 0;
	firmware = !asked && emulator->others > 0 && now - emulator->reset_us < FIRMWARE_RESET_US;
	if (asked)
		emulator->asked--;
	if (firmware) {
		emulator->others--;
	} else {
		emulator->others = FIRMWARE_RESETS;
		emulator->reset_us = now;
	}
	g_mutex_unlock(&emulator->lock);
	return !asked && !firmware;
}

static void reset_asked(struct emulator *emulator, gboolean is)
{
	g_mutex_lock(&emulator->lock);
	if (is)
		emulator->asked++;
	else if (emulator->asked > 0)
		emulator->asked--;
	g_mutex_unlock(&emulator->lock);
}

static void on_reboot(virConnectPtr connection, virDomainPtr domain, void *context)
{
	struct emulator *emulator = context;

	(void)connection;
	(void)domain;
	if (reset_is_the_guests(emulator))
		emulator->events.ended(emulator->events.context, EMULATOR_RESET,
				       "a reset port or a triple fault");
}

static void tell_stopped(struct emulator *emulator, const char *path, const char *why)
{
	g_autofree char *text = g_strdup_printf(
		"disk \"%s\" has an error (%s); the machine waits: mend the storage and resume it",
		path, why && *why ? why : "of the host's storage");

	emulator->events.disk_stopped(emulator->events.context, text);
}

static void on_io_error(virConnectPtr connection, virDomainPtr domain, const char *path,
			const char *alias, int action, const char *reason, void *context)
{
	(void)connection;
	(void)domain;
	(void)alias;
	/* It has no path of a served image, of which it does not know: on_served_error. */
	if (action == VIR_DOMAIN_EVENT_IO_ERROR_PAUSE && path && *path)
		tell_stopped(context, path, reason);
}

static void on_served_error(virConnectPtr connection, virDomainPtr domain, const char *event,
			    long long seconds, unsigned int micros, const char *details,
			    void *context)
{
	struct emulator *emulator = context;
	g_autofree char *why = NULL, *path = NULL;
	size_t index;

	(void)connection;
	(void)domain;
	(void)event;
	(void)seconds;
	(void)micros;
	if (!details || !emulator_monitor_read_stop(details, &index, &why))
		return;
	g_mutex_lock(&emulator->lock);
	if (index < g_strv_length(emulator->images))
		path = g_strdup(emulator->images[index]);
	g_mutex_unlock(&emulator->lock);
	if (path)
		tell_stopped(emulator, path, why);
}

static gboolean events_register(struct emulator *emulator)
{
	const struct {
		int id;
		virConnectDomainEventGenericCallback callback;
	} wanted[N_CALLBACKS] = {
		{VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
		{VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot)},
		{VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, VIR_DOMAIN_EVENT_CALLBACK(on_io_error)},
	};

	for (size_t i = 0; i < N_CALLBACKS; i++) {
		emulator->callbacks[i] =
			virConnectDomainEventRegisterAny(emulator->connection, NULL, wanted[i].id,
							 wanted[i].callback, emulator, NULL);
		if (emulator->callbacks[i] < 0)
			return FALSE;
	}
	emulator->stops = virConnectDomainQemuMonitorEventRegister(
		emulator->connection, NULL, "BLOCK_IO_ERROR", on_served_error, emulator, NULL, 0);
	return emulator->stops >= 0;
}

/* ---- birth ------------------------------------------------------------------------------------
 */

/*
 * libvirt probes QEMU again when CPUID differs from what it was, and on some hosts it differs from
 * processor to processor: this thread looks from the first that it may use.
 */
static virConnectPtr open_from_one_cpu(const char *uri)
{
	cpu_set_t all, one;
	size_t first = 0;

	if (sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) == 0)
		return virConnectOpen(uri);
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	virConnectPtr connection = virConnectOpen(uri);
	(void)sched_setaffinity(0, sizeof(all), &all);
	return connection;
}

gboolean emulator_open(struct emulator *emulator, const char *root, GError **error)
{
	g_autofree char *uri = g_strdup_printf("qemu:///embed?root=%s", root);

	emulator->root = g_strdup(root);
	virSetErrorFunc(NULL, on_error);
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
		return failed("cannot be had through libvirt", error);
	emulator->wake = virEventAddTimeout(-1, on_wake, NULL, NULL);
	emulator->loop = g_thread_new("libvirt-events", loop_run, emulator);
	emulator->connection = open_from_one_cpu(uri);
	if (!emulator->connection || !events_register(emulator))
		return failed("cannot be had through libvirt", error);
	return TRUE;
}

static gboolean disks_associate(struct emulator *emulator, const struct engine_devices *devices)
{
	char group[32];

	for (size_t i = 0; i < devices->n_disks; i++) {
		int fd = devices->disks[i].fd;
		if (devices->disks[i].format != ENGINE_DISK_RAW)
			continue;
		domain_xml_disk_group(i, group, sizeof(group));
		if (virDomainFDAssociate(emulator->domain, group, 1, &fd, 0) < 0)
			return FALSE;
	}
	return TRUE;
}

static GStrv paths_copy(const struct engine_devices *devices)
{
	GStrv paths = g_new0(char *, devices->n_disks + 1);

	for (size_t i = 0; i < devices->n_disks; i++)
		paths[i] = g_strdup(devices->disks[i].path);
	return paths;
}

gboolean emulator_start(struct emulator *emulator, const char *xml,
			const struct engine_devices *devices, GError **error)
{
	/* Its files are in a directory of the VM's. */
	g_autofree char *place = g_build_filename(emulator->root, "..", NULL);

	/* The same domain, and perhaps another machine than before. */
	if (emulator->domain)
		(void)virDomainFree(emulator->domain);
	emulator->domain = virDomainDefineXML(emulator->connection, xml);
	if (!emulator->domain)
		return failed("does not take this machine", error);
	g_mutex_lock(&emulator->lock);
	emulator->asked = emulator->others = 0;
	g_strfreev(emulator->images);
	emulator->images = paths_copy(devices);
	g_mutex_unlock(&emulator->lock);
	if (!disks_associate(emulator, devices) ||
	    virDomainCreateWithFlags(emulator->domain, VIR_DOMAIN_START_PAUSED) < 0)
		return failed("did not start", error);
	return emulator_monitor_add_disks(emulator->domain, devices, place, error) &&
	       emulator_monitor_add_nics(emulator->domain, devices, error);
}

int emulator_pidfd(int root, GError **error)
{
	char text[16] = "";
	int fd = openat(root, PID_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	guint64 pid = 0;
	int pidfd = -1;

	if (fd >= 0)
		close(fd);
	if (n > 0) {
		g_strstrip(text);
		if (g_ascii_string_to_unsigned(text, 10, 2, INT32_MAX, &pid, NULL))
			pidfd = pidfd_open((pid_t)pid, 0);
	}
	if (pidfd < 0)
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "QEMU's process cannot be watched (%s); start the machine again",
			    g_strerror(errno));
	return pidfd;
}

/* ---- what is asked of it ----------------------------------------------------------------------
 */

gboolean emulator_is_active(struct emulator *emulator)
{
	return virDomainIsActive(emulator->domain) == 1;
}

gboolean emulator_pause(struct emulator *emulator, GError **error)
{
	return virDomainSuspend(emulator->domain) == 0 || failed("could not be paused", error);
}

gboolean emulator_resume(struct emulator *emulator, GError **error)
{
	int state = VIR_DOMAIN_NOSTATE;

	/* Which libvirt refuses, and is fine here. */
	if (virDomainGetState(emulator->domain, &state, NULL, 0) == 0 &&
	    state == VIR_DOMAIN_RUNNING)
		return TRUE;
	return virDomainResume(emulator->domain) == 0 || failed("could not be resumed", error);
}

gboolean emulator_reset(struct emulator *emulator, GError **error)
{
	reset_asked(emulator, TRUE);
	if (virDomainReset(emulator->domain, 0) == 0)
		return TRUE;
	reset_asked(emulator, FALSE);
	return failed("could not be reset", error);
}

gboolean emulator_power_button(struct emulator *emulator, GError **error)
{
	return virDomainShutdownFlags(emulator->domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0 ||
	       failed("did not take the power button", error);
}

gboolean emulator_ping(struct emulator *emulator, GError **error)
{
	return emulator_monitor_ping(emulator->domain, error);
}

static void visit_record(const virDomainStatsRecord *record, engine_counter_visit visit,
			 void *context)
{
	char name[VIR_TYPED_PARAM_FIELD_LENGTH + 8];

	for (int i = 0; i < record->nparams; i++) {
		const virTypedParameter *p = &record->params[i];
		uint64_t value = 0;

		if (p->type == VIR_TYPED_PARAM_ULLONG)
			value = p->value.ul;
		else if (p->type == VIR_TYPED_PARAM_UINT)
			value = p->value.ui;
		else
			continue;
		(void)g_snprintf(name, sizeof(name), "qemu.%s", p->field);
		visit(context, name, value);
	}
}

static gboolean disk_statistics(struct emulator *emulator, const struct engine_devices *devices,
				engine_counter_visit visit, void *context, GError **error)
{
	char *answer = NULL;
	gboolean is;

	if (devices->n_disks == 0)
		return TRUE;
	if (!emulator_monitor_command(emulator->domain, "{\"execute\":\"query-blockstats\"}", -1,
				      &answer, error))
		return FALSE;
	is = disk_counters_read(answer, devices, visit, context);
	free(answer);
	return is || failed("tells no statistics of its disks", error);
}

gboolean emulator_statistics(struct emulator *emulator, const struct engine_devices *devices,
			     engine_counter_visit visit, void *context, GError **error)
{
	const unsigned int wanted = VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_VCPU;
	virDomainPtr domains[] = {emulator->domain, NULL};
	virDomainStatsRecordPtr *records = NULL;
	int n = virDomainListGetStats(domains, wanted, &records,
				      VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

	if (n < 0)
		return failed("tells no statistics", error);
	for (int i = 0; i < n; i++)
		visit_record(records[i], visit, context);
	virDomainStatsRecordListFree(records);
	return disk_statistics(emulator, devices, visit, context, error);
}

/* ---- its state ---------------------------------------------------------------------------------
 */

gboolean emulator_write_state(struct emulator *emulator, int fd, GError **error)
{
	g_free(emulator->machine);
	emulator->machine = emulator_state_machine(emulator->domain, error);
	atomic_store(&emulator->moved, false);
	return emulator->machine && emulator_state_write(emulator->domain, fd, error);
}

gboolean emulator_read_state(struct emulator *emulator, int fd, GError **error)
{
	atomic_store(&emulator->moved, false);
	return emulator_state_read(emulator->domain, fd, error);
}

gboolean emulator_look(struct emulator *emulator, GError **error)
{
	enum emulator_move move = EMULATOR_MOVE_NONE;

	if (!emulator_state_look(emulator->domain, &move, error))
		return FALSE;
	atomic_store(&emulator->moved, move == EMULATOR_MOVED);
	return TRUE;
}

gboolean emulator_is_moved(struct emulator *emulator)
{
	return atomic_load(&emulator->moved);
}

gboolean emulator_stop_writing(struct emulator *emulator, GError **error)
{
	enum emulator_move move = EMULATOR_MOVING;

	if (!emulator_state_cancel(emulator->domain, error))
		return FALSE;
	while (emulator_state_look(emulator->domain, &move, NULL) && move == EMULATOR_MOVING)
		g_usleep(LOOK_AGAIN_US);
	return TRUE;
}

const char *emulator_machine(const struct emulator *emulator)
{
	return emulator->machine;
}

/* ---- death ------------------------------------------------------------------------------------
 */

void emulator_close(struct emulator *emulator)
{
	atomic_store(&emulator->closing, true);
	if (emulator->domain) {
		(void)virDomainDestroy(emulator->domain);
		(void)virDomainUndefine(emulator->domain);
		(void)virDomainFree(emulator->domain);
		emulator->domain = NULL;
	}
	if (emulator->connection) {
		for (size_t i = 0; i < N_CALLBACKS; i++)
			if (emulator->callbacks[i] >= 0)
				(void)virConnectDomainEventDeregisterAny(emulator->connection,
									 emulator->callbacks[i]);
		if (emulator->stops >= 0)
			(void)virConnectDomainQemuMonitorEventDeregister(emulator->connection,
									 emulator->stops);
		(void)virConnectClose(emulator->connection);
		emulator->connection = NULL;
	}
	if (emulator->loop) {
		atomic_store(&emulator->quit, true);
		virEventUpdateTimeout(emulator->wake, 0);
		g_thread_join(emulator->loop);
		emulator->loop = NULL;
	}
}
