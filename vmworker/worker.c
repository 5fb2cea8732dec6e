/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker_private.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>
#include <unistd.h>

#include "core_cookie.h"
#include "log.h"
#include "result.h"
#include "worker_error.h"

static uint64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

const char *worker_uuid(const struct worker *worker)
{
	return worker->config.uuid;
}

enum worker_state worker_state(const struct worker *worker)
{
	return worker->state;
}

const char *worker_state_name(enum worker_state state)
{
	static const char *const names[WORKER_STATE_N] = {
		[WORKER_IDLE] = "idle",
		[WORKER_RUNNING] = "running",
		[WORKER_PAUSED] = "paused",
		[WORKER_ENDED] = "ended",
	};

	return names[state];
}

uint64_t worker_started_us(const struct worker *worker)
{
	return worker->started_us;
}

static void state_set(struct worker *worker, enum worker_state state)
{
	if (worker->state == state)
		return;
	worker->state = state;
	worker->config.events.changed(worker->config.events.context);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void worker_exit(struct worker *worker, int code)
{
	worker->start_timer = sd_event_source_disable_unref(worker->start_timer);
	state_set(worker, WORKER_ENDED);
	worker->config.events.ended(worker->config.events.context, code);
}

/* The VM has ended: its processors stop, then the result says how, then the process goes. */
static void worker_end(struct worker *worker, const struct result *result)
{
	g_autoptr(GError) error = NULL;
	int code = result->how == RESULT_HOW_ERROR ? EXIT_FAILURE : EXIT_SUCCESS;

	if (worker->state == WORKER_ENDED)
		return;
	if (worker->engine && !worker->ops->pause(worker->engine, &error)) {
		log_line(SD_WARNING, "%s", error->message); /* the process's exit stops it */
		g_clear_error(&error);
	}
	if (worker->files.fd[START_FILE_RESULT] >= 0 &&
	    !result_write(worker->files.fd[START_FILE_RESULT], result, &error)) {
		log_line(SD_ERR, "%s", error->message);
		code = EXIT_FAILURE;
	}
	log_line(SD_NOTICE, "virtual machine %s is %s (%s): %s", worker->config.name,
		 result_state_name(result), result_how_name(result->how), result->reason);
	worker_exit(worker, code);
}

static void worker_end_by_error(struct worker *worker, const GError *error)
{
	const struct result result = {
		.crashed = true, .how = RESULT_HOW_ERROR, .reason = error->message};

	worker_end(worker, &result);
}

static int worker_on_start_timeout(sd_event_source *source, uint64_t usec, void *context)
{
	struct worker *worker = context;

	(void)source;
	(void)usec;
	log_line(SD_ERR, "virtual machine %s: nobody asked to start it within %u ms; leaving",
		 worker->config.name, worker->config.start_timeout_ms);
	worker_exit(worker, EXIT_FAILURE);
	return 0;
}

/* ---- what the guest does by itself ------------------------------------------------------------
 */

/* Also holds it again if a user had paused it. */
static gboolean worker_restart(struct worker *worker, GError **error)
{
	g_clear_pointer(&worker->panic_line, g_free);
	if (!worker->ops->reset(worker->engine, error))
		return FALSE;
	return worker->state != WORKER_PAUSED || worker->ops->pause(worker->engine, error);
}

static void worker_on_halted(void *context, const struct engine_halt *halt)
{
	struct worker *worker = context;
	g_autoptr(GError) error = NULL;
	struct verdict verdict;

	if (worker->state == WORKER_ENDED)
		return;
	verdict_reach(worker->definition, &worker->history, halt, worker->panic_line,
		      now_ns(CLOCK_MONOTONIC), &verdict);
	if (!verdict.restart) {
		worker_end(worker, &verdict.result);
	} else {
		log_line(SD_NOTICE, "virtual machine %s begins anew: %s", worker->config.name,
			 verdict.result.reason);
		/* Told when the new processors' threads are there: vmmsd places them. */
		gboolean restarted = worker_restart(worker, &error);
		worker->config.events.guest_event(worker->config.events.context, verdict.event,
						  verdict.result.reason);
		if (!restarted)
			worker_end_by_error(worker, error);
	}
	g_free(verdict.result.reason);
}

static void worker_on_panic(void *context, const char *line)
{
	struct worker *worker = context;

	g_free(worker->panic_line);
	worker->panic_line = g_strdup(line);
	log_line(SD_WARNING, "virtual machine %s: the guest panicked: %s", worker->config.name,
		 line);
	worker->config.events.guest_event(worker->config.events.context, "panic", line);
}

/* An I/O error of the host: the guest waits, as if a user had paused it, until one resumes it. */
static void worker_on_disk_stopped(void *context, const char *text)
{
	struct worker *worker = context;
	g_autoptr(GError) error = NULL;

	if (worker->state == WORKER_ENDED)
		return;
	log_line(SD_ERR, "virtual machine %s: %s", worker->config.name, text);
	/* vmmsd takes the event for the word that the VM is paused. */
	if (!worker->ops->pause(worker->engine, &error)) {
		log_line(SD_ERR, "%s", error->message);
		return;
	}
	state_set(worker, WORKER_PAUSED);
	worker->config.events.guest_event(worker->config.events.context, VMMS_GUEST_EVENT_DISK,
					  text);
}

/* vmmsd starts another and passes it on by Attach. */
static void worker_on_server_lost(void *context, uint32_t controller, uint32_t lun)
{
	struct worker *worker = context;
	char place[32];

	if (worker->state == WORKER_ENDED)
		return;
	g_snprintf(place, sizeof(place), "%u:%u", controller, lun);
	log_line(SD_WARNING, "virtual machine %s: disk %s has lost its server", worker->config.name,
		 place);
	worker->config.events.guest_event(worker->config.events.context, VMMS_GUEST_EVENT_SERVER,
					  place);
}

static void worker_on_responding(void *context, bool is)
{
	struct worker *worker = context;
	const char *detail = is ? "the guest answers its heartbeat again"
				: "the guest does not answer its heartbeat; its kernel may hang";

	log_line(SD_NOTICE, "virtual machine %s: %s", worker->config.name, detail);
	worker->config.events.guest_event(worker->config.events.context,
					  is ? "responding" : "not-responding", detail);
}

static void worker_on_thawed(void *context)
{
	struct worker *worker = context;
	static const char detail[] = "its file systems are thawed, since nobody did it in time";

	log_line(SD_WARNING, "virtual machine %s: %s", worker->config.name, detail);
	worker->config.events.guest_event(worker->config.events.context, "thawed", detail);
}

static void worker_on_button_pressed(void *context, const char *why)
{
	struct worker *worker = context;
	g_autofree char *detail = g_strdup_printf("%s, so the power button was pressed", why);

	log_line(SD_NOTICE, "virtual machine %s: %s", worker->config.name, detail);
	worker->config.events.guest_event(worker->config.events.context, "power-button", detail);
}

static void worker_on_connect_host(void *context, uint64_t number, uint32_t port)
{
	struct worker *worker = context;

	worker->config.events.connect_host(worker->config.events.context, number, port);
}

void worker_host_connected(struct worker *worker, uint64_t number, int fd)
{
	worker->ops->host_connected(worker->engine, number, fd);
}

/* A guest that stands still is told when it goes on. */
static void worker_on_clock_jump(void *context)
{
	struct worker *worker = context;

	if (worker->state == WORKER_RUNNING)
		worker->ops->sync_time(worker->engine);
}

/* ---- birth ------------------------------------------------------------------------------------
 */

struct worker *worker_new(const struct worker_config *config, GError **error)
{
	struct worker *worker = g_new0(struct worker, 1);

	worker->config = *config;
	start_files_init(&worker->files);
	int r = sd_event_add_time_relative(config->event, &worker->start_timer, CLOCK_MONOTONIC,
					   (uint64_t)config->start_timeout_ms * 1000u, 1000,
					   worker_on_start_timeout, worker);
	if (r >= 0)
		return worker;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "vmworker: no timer could be had (%s); raise the limit of open files",
		    g_strerror(-r));
	(void)worker_free(worker);
	return NULL;
}

gboolean worker_free(struct worker *worker)
{
	if (!worker)
		return TRUE;
	sd_event_source_disable_unref(worker->start_timer);
	clock_watch_free(g_steal_pointer(&worker->clock_watch));
	if (worker->engine && !worker->ops->free(worker->engine))
		return FALSE;
	start_files_close(&worker->files);
	vm_definition_free(worker->definition);
	g_free(worker->panic_line);
	g_free(worker);
	return TRUE;
}

/* Everything that is opened by name is opened here; nothing of the guest runs yet. */
static gboolean worker_build(struct worker *worker, GError **error)
{
	const struct vm_definition *definition = worker->definition;
	const struct start_files *files = &worker->files;
	sd_id128_t uuid = SD_ID128_NULL;
	struct engine_config config = {
		.vm_name = worker->config.name,
		.memory = definition->memory,
		.vp_count = definition->cpus,
		.core_per_vp = definition->core_per_vp,
		.sockets = definition->sockets,
		.cores = definition->cores,
		.threads = definition->threads,
		.cmdline = definition->cmdline,
		.runtime_dir = worker->config.runtime_dir,
		.cache_dir = worker->config.cache_dir,
		.kernel_name = definition->kernel,
		.initrd_name = definition->initrd ? definition->initrd : "initrd",
		.kernel_fd = files->fd[START_FILE_KERNEL],
		.payload_fd = files->fd[START_FILE_PAYLOAD],
		.initrd_fd = files->fd[START_FILE_INITRD],
		.vsock_fd = files->fd[START_FILE_VSOCK],
		.state_fd = files->fd[START_FILE_STATE],
		.devices = device_list_engine(&definition->devices),
		.console_fd = {files->fd[START_FILE_CONSOLE0], files->fd[START_FILE_CONSOLE1]},
		.event = worker->config.event,
		.events = {.halted = worker_on_halted,
			   .panic = worker_on_panic,
			   .disk_stopped = worker_on_disk_stopped,
			   .server_lost = worker_on_server_lost,
			   .responding = worker_on_responding,
			   .thawed = worker_on_thawed,
			   .button_pressed = worker_on_button_pressed,
			   .connect_host = worker_on_connect_host,
			   .context = worker},
	};

	(void)sd_id128_from_string(worker->config.uuid, &uuid); /* options.c has checked it */
	memcpy(config.vm_uuid, uuid.bytes, sizeof(config.vm_uuid));
	worker->ops = worker->config.engine;
	if (!engine_is_complete(worker->ops)) {
		g_set_error(
			error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
			"vmworker: the engine %s is not complete; this is a fault of vmworker, report it",
			worker->ops->name);
		return FALSE;
	}
	worker->engine = worker->ops->build(&config, error);
	/* The engine has duplicates; what it lets go of later is to be closed then. */
	device_files_close(&worker->files.devices);
	return worker->engine != NULL;
}

/* Not to have it is no reason not to run: vmmsd shows it. */
static void worker_take_cores(const struct worker *worker)
{
	g_autofree char *reason = NULL;

	if (worker->definition->core_scheduling && !core_cookie_make(&reason))
		log_line(SD_WARNING, "virtual machine %s shares cores with others: %s",
			 worker->config.name, reason);
}

/* vmmsd chose the program by the engine; one that it did not mean must not run the machine. */
static gboolean engine_check(const struct worker *worker, GError **error)
{
	const char *asked = worker->definition->engine, *name = worker->config.engine->name;

	if (strcmp(asked, "auto") == 0 || strcmp(asked, name) == 0)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
		    "definition: $.engine: this worker has the engine %s only; use auto or %s",
		    name, name);
	return FALSE;
}

static gboolean worker_start_steps(struct worker *worker, const char *definition, size_t size,
				   GError **error)
{
	g_autofree char *steps = NULL;

	worker->definition = vm_definition_read(definition, size, worker->config.uuid, error);
	/* systemd starts a unit by its UUID: from here on messages say the name that users know. */
	if (worker->definition)
		worker->config.name = worker->definition->name;
	if (!worker->definition || !start_files_complete(&worker->files, error) ||
	    !device_files_lend(&worker->files.devices, &worker->definition->devices, error))
		return FALSE;
	if (!engine_check(worker, error))
		return FALSE;
	worker_take_cores(worker);
	if (!worker_build(worker, error) || !worker->config.confine(&steps, error) ||
	    !worker->ops->run(worker->engine, error))
		return FALSE;
	log_line(SD_INFO, "virtual machine %s runs; confined by %s", worker->config.name, steps);
	return TRUE;
}

gboolean worker_start(struct worker *worker, const char *definition, size_t size,
		      struct start_files *files, GError **error)
{
	if (worker->state != WORKER_IDLE) {
		start_files_close(files);
		g_set_error(
			error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE,
			"virtual machine %s: this worker is %s and starts only once; use a new worker",
			worker->config.name, worker_state_name(worker->state));
		return FALSE;
	}
	worker->start_timer = sd_event_source_disable_unref(worker->start_timer);
	worker->files = *files;
	start_files_init(files);
	if (!worker_start_steps(worker, definition, size, error)) {
		worker_exit(worker, EXIT_FAILURE);
		return FALSE;
	}
	worker->clock_watch = clock_watch_new(worker->config.event, worker_on_clock_jump, worker);
	worker->started_us = now_ns(CLOCK_REALTIME) / 1000;
	state_set(worker, WORKER_RUNNING);
	return TRUE;
}

/* ---- what a user asks -------------------------------------------------------------------------
 */

gboolean worker_check_up(const struct worker *worker, GError **error)
{
	if (worker->state == WORKER_RUNNING || worker->state == WORKER_PAUSED)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE,
		    "virtual machine %s: its worker is %s; start it first", worker->config.name,
		    worker_state_name(worker->state));
	return FALSE;
}

gboolean worker_pause(struct worker *worker, GError **error)
{
	if (!worker_check_up(worker, error) || !worker->ops->pause(worker->engine, error))
		return FALSE;
	state_set(worker, WORKER_PAUSED);
	return TRUE;
}

gboolean worker_resume(struct worker *worker, GError **error)
{
	if (!worker_check_up(worker, error) || !worker->ops->resume(worker->engine, error))
		return FALSE;
	state_set(worker, WORKER_RUNNING);
	return TRUE;
}

gboolean worker_save(struct worker *worker, int fd, GError **error)
{
	const struct result result = {.how = RESULT_HOW_SAVE,
				      .reason = (char *)"the machine was saved"};
	g_autoptr(GError) resume_error = NULL;

	if (!worker_check_up(worker, error) ||
	    (worker->state != WORKER_PAUSED && !worker->ops->pause(worker->engine, error)))
		return FALSE;
	if (worker->ops->save(worker->engine, fd, error)) {
		worker_end(worker, &result);
		return TRUE;
	}
	if (worker->state != WORKER_PAUSED && !worker->ops->resume(worker->engine, &resume_error))
		worker_end_by_error(worker, resume_error);
	return FALSE;
}

gboolean worker_reset(struct worker *worker, GError **error)
{
	GError *failure = NULL;

	if (!worker_check_up(worker, error))
		return FALSE;
	g_clear_pointer(&worker->panic_line, g_free);
	if (!worker->ops->reset(worker->engine, &failure)) {
		worker_end_by_error(worker, failure);
		g_propagate_error(error, failure);
		return FALSE;
	}
	state_set(worker, WORKER_RUNNING);
	return TRUE;
}

gboolean worker_power_button(struct worker *worker, GError **error)
{
	if (!worker_check_up(worker, error))
		return FALSE;
	worker->ops->power_button(worker->engine);
	return TRUE;
}

gboolean worker_stop(struct worker *worker, GError **error)
{
	const struct result result = {.how = RESULT_HOW_STOP,
				      .reason = (char *)"the machine was turned off"};

	(void)error;
	if (worker->state == WORKER_IDLE)
		worker_exit(worker, EXIT_SUCCESS);
	else
		worker_end(worker, &result);
	return TRUE;
}

void worker_terminate(struct worker *worker, const char *signal_name)
{
	g_autofree char *reason = g_strdup_printf("terminated by signal %s", signal_name);
	const struct result result = {.how = RESULT_HOW_SIGNAL, .reason = reason};

	if (worker->state == WORKER_IDLE)
		worker_exit(worker, EXIT_SUCCESS);
	else
		worker_end(worker, &result);
}

gboolean worker_console(struct worker *worker, uint32_t port, uint32_t flags, int *ret_fd,
			GError **error)
{
	const uint32_t known = VMMS_CONSOLE_REPLAY | VMMS_CONSOLE_LOG_ONLY | VMMS_CONSOLE_READ_ONLY;

	if (!worker_check_up(worker, error))
		return FALSE;
	if (port < ENGINE_CONSOLES && (flags & ~known) == 0)
		return worker->ops->console(worker->engine, port, flags, ret_fd, error);
	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
		"virtual machine %s: there is no console %u with flags 0x%x; give port 0 or %u and the known flags",
		worker->config.name, port, flags, ENGINE_CONSOLES - 1);
	return FALSE;
}

void worker_statistics(struct worker *worker, engine_counter_visit visit, void *context)
{
	if (worker->state == WORKER_RUNNING || worker->state == WORKER_PAUSED)
		worker->ops->statistics(worker->engine, visit, context);
}
