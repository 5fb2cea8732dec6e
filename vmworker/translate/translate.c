/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "translate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caller.h"
#include "device_copy.h"
#include "domain_xml.h"
#include "emulator.h"
#include "emulator_root.h"
#include "image_choice.h"
#include "keeper.h"
#include "mailbox.h"
#include "orphans.h"
#include "port.h"
#include "request.h"
#include "saving.h"
#include "served.h"
#include "translate_lacking.h"
#include "worker_error.h"

#define BUILD_TIMEOUT_MS 100000u /* the first one on a host also asks QEMU what it can do */
#define ASK_TIMEOUT_MS	 4000u	 /* less than vmmsd waits for the answer to Stop */
#define STATS_TIMEOUT_MS 1000u
#define CLOSE_TIMEOUT_MS 10000u
#define END_TIMEOUT_MS	 2000 /* of a process that was killed */
#define PING_US		 (UINT64_C(5) * G_USEC_PER_SEC)
#define SILENCE_US	 (UINT64_C(40) * G_USEC_PER_SEC) /* without an answer QEMU is taken for dead */
#define LAST_WORDS_US \
	(UINT64_C(3) * G_USEC_PER_SEC) /* from QEMU's end to what libvirt says of it */

struct engine {
	struct engine_config config; /* with the descriptors of devices */
	struct device_copy devices;
	struct mailbox *mailbox;
	struct port *ports[ENGINE_CONSOLES];
	struct caller *caller;
	struct emulator *emulator;
	struct served *served;
	char *xml;
	int root, kernel_fd, initrd_fd, keeper, pidfd; /* -1: not there */
	sd_event_source *ping, *exit, *last_words;
	gboolean in_new_boot; /* QEMU has reset the guest by itself; under the worker's eyes */
};

/* ---- bounded calls --------------------------------------------------------------------------- */

static gboolean named(struct engine *engine, gboolean ok, GError **error)
{
	if (!ok)
		g_prefix_error(error, "VM %s: ", engine->config.vm_name);
	return ok;
}

static gboolean ask(struct engine *engine, request_make make, uint32_t timeout_ms, GError **error)
{
	return named(engine, request_ask(engine->caller, engine->emulator, make, timeout_ms, error),
		     error);
}

/* The worker takes what is not over in time for not done: done late, it is undone. */
static gboolean ask_or_undo(struct engine *engine, request_make make, request_make undo,
			    GError **error)
{
	return named(engine,
		     request_ask_or_undo(engine->caller, engine->emulator, make, undo,
					 ASK_TIMEOUT_MS, error),
		     error);
}

/* ---- what happens by itself ------------------------------------------------------------------ */

/* It is a child of this process (orphans.h), which may not have come to it yet. */
static void reap(const struct engine *engine)
{
	siginfo_t info;

	(void)waitid(P_PIDFD, (id_t)engine->pidfd, &info, WEXITED | WNOHANG);
}

static void post_halt(struct engine *engine, enum engine_halt_what what, const char *detail)
{
	struct engine_halt halt = {.what = what};

	(void)g_strlcpy(halt.detail, detail, sizeof(halt.detail));
	mailbox_post_halt(engine->mailbox, &halt);
}

static void on_ended(void *context, enum emulator_end end, const char *detail)
{
	static const enum engine_halt_what halts[] = {
		[EMULATOR_POWERED_OFF] = ENGINE_HALT_POWER_OFF,
		[EMULATOR_RESET] = ENGINE_HALT_RESET,
		[EMULATOR_BROKEN] = ENGINE_HALT_BROKEN,
	};

	post_halt(context, halts[end], detail);
}

static void on_disk_stopped(void *context, const char *text)
{
	struct engine *engine = context;

	mailbox_post_disk(engine->mailbox, text);
}

/* Its last words first: they may say that it panicked. */
static void on_halted(void *context, const struct engine_halt *halt)
{
	struct engine *engine = context;

	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		port_drain(engine->ports[i]);
	engine->in_new_boot = halt->what == ENGINE_HALT_RESET;
	engine->config.events.halted(engine->config.events.context, halt);
}

static void on_mailbox_panic(void *context, const char *line)
{
	struct engine *engine = context;

	engine->config.events.panic(engine->config.events.context, line);
}

static void on_mailbox_disk(void *context, const char *text)
{
	struct engine *engine = context;

	engine->config.events.disk_stopped(engine->config.events.context, text);
}

static int on_last_words(sd_event_source *source, uint64_t usec, void *context)
{
	(void)source;
	(void)usec;
	/* Does nothing when libvirt has said why. */
	post_halt(context, ENGINE_HALT_BROKEN, "QEMU ended without a word");
	return 0;
}

static int on_exit_of_qemu(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct engine *engine = context;

	(void)fd;
	(void)revents;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	reap(engine);
	engine->last_words = sd_event_source_disable_unref(engine->last_words);
	(void)sd_event_add_time_relative(engine->config.event, &engine->last_words, CLOCK_MONOTONIC,
					 LAST_WORDS_US, 0, on_last_words, engine);
	return 0;
}

static int on_ping(sd_event_source *source, uint64_t usec, void *context)
{
	struct engine *engine = context;
	const struct call call = request_new(engine->emulator, emulator_ping);

	(void)usec;
	if (!caller_post(engine->caller, &call))
		call.free(call.data);
	if (caller_busy_us(engine->caller) > SILENCE_US)
		post_halt(engine, ENGINE_HALT_BROKEN, "QEMU does not answer any more");
	(void)sd_event_source_set_time_relative(source, PING_US);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* ---- death ------------------------------------------------------------------------------------
 */

static gboolean close_make(struct emulator *emulator, GError **error)
{
	(void)error;
	emulator_close(emulator);
	return TRUE;
}

/* Also a QEMU that does not answer ends so, and what waits for it goes on. */
static void end_qemu(struct engine *engine)
{
	struct pollfd end = {.fd = engine->pidfd, .events = POLLIN};

	if (engine->pidfd < 0)
		return;
	(void)pidfd_send_signal(engine->pidfd, SIGKILL, NULL, 0);
	(void)poll(&end, 1, END_TIMEOUT_MS);
	reap(engine);
}

static void unwatch(struct engine *engine)
{
	engine->exit = sd_event_source_disable_unref(engine->exit);
	engine->last_words = sd_event_source_disable_unref(engine->last_words);
	if (engine->pidfd >= 0)
		close(engine->pidfd);
	engine->pidfd = -1;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static gboolean translate_free(struct engine *engine)
{
	g_autoptr(GError) error = NULL;

	if (!engine)
		return TRUE;
	engine->ping = sd_event_source_disable_unref(engine->ping);
	served_free(g_steal_pointer(&engine->served));
	/* One whose start failed is known by its file only. */
	if (engine->pidfd < 0 && engine->root >= 0)
		engine->pidfd = emulator_pidfd(engine->root, NULL);
	end_qemu(engine);
	unwatch(engine);
	if ((engine->emulator && !ask(engine, close_make, CLOSE_TIMEOUT_MS, &error)) ||
	    !caller_free(engine->caller, CLOSE_TIMEOUT_MS))
		return FALSE;
	emulator_free(engine->emulator);
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		port_free(engine->ports[i]);
	mailbox_free(engine->mailbox);
	close_fd(engine->keeper);
	close_fd(engine->root);
	close_fd(engine->kernel_fd);
	close_fd(engine->initrd_fd);
	device_copy_clear(&engine->devices);
	g_free(engine->xml);
	g_free(engine);
	return TRUE;
}

/* ---- birth ------------------------------------------------------------------------------------
 */

static gboolean build_open(void *data, GError **error)
{
	struct engine *engine = data;
	g_autofree char *root = emulator_root_path(engine->root, "");

	return emulator_open(engine->emulator, root, error);
}

static gboolean build_start(void *data, GError **error)
{
	struct engine *engine = data;

	return emulator_start(engine->emulator, engine->xml, &engine->config.devices, error);
}

static gboolean call_engine(struct engine *engine, gboolean (*make)(void *data, GError **error),
			    GError **error)
{
	const struct call call = {.make = make, .data = engine};

	return named(engine, caller_call(engine->caller, &call, BUILD_TIMEOUT_MS, error), error);
}

static gboolean watch(struct engine *engine, GError **error)
{
	engine->pidfd = emulator_pidfd(engine->root, error);
	if (engine->pidfd < 0 || !keeper_tell(engine->keeper, engine->pidfd, error))
		return FALSE;
	if (sd_event_add_io(engine->config.event, &engine->exit, engine->pidfd, EPOLLIN,
			    on_exit_of_qemu, engine) >= 0)
		return TRUE;
	g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "QEMU's process cannot be watched; raise the limit of open files");
	return FALSE;
}

static void serial_name(size_t index, char *ret, size_t size)
{
	(void)g_snprintf(ret, (gulong)size, "serial%zu", index);
}

static gboolean connect_ports(struct engine *engine, GError **error)
{
	char name[32];

	for (size_t i = 0; i < ENGINE_CONSOLES; i++) {
		serial_name(i, name, sizeof(name));
		g_autofree char *path = emulator_root_path(engine->root, name);
		if (!port_connect(engine->ports[i], path, error))
			return FALSE;
	}
	return TRUE;
}

/* A QEMU whose processors stand still. */
static gboolean power_on(struct engine *engine, GError **error)
{
	unwatch(engine);
	return call_engine(engine, build_start, error) &&
	       named(engine, watch(engine, error) && connect_ports(engine, error), error);
}

static void on_server_lost(void *context, uint32_t controller, uint32_t lun)
{
	const struct engine *engine = context;

	if (engine->config.events.server_lost)
		engine->config.events.server_lost(engine->config.events.context, controller, lun);
}

static gboolean build_parts(struct engine *engine, const struct engine_devices *devices,
			    GError **error)
{
	const struct engine_events mail = {.halted = on_halted,
					   .panic = on_mailbox_panic,
					   .disk_stopped = on_mailbox_disk,
					   .context = engine};
	const struct emulator_events events = {
		.ended = on_ended, .disk_stopped = on_disk_stopped, .context = engine};

	engine->mailbox = mailbox_new(engine->config.event, &mail, error);
	engine->emulator = emulator_new(&events);
	engine->served = served_new(engine->config.event, devices, on_server_lost, engine, error);
	if (!named(engine, engine->served != NULL, error))
		return FALSE;
	for (size_t i = 0; i < ENGINE_CONSOLES && engine->mailbox; i++) {
		engine->ports[i] = port_new(engine->config.event, engine->config.console_fd[i],
					    i == 0 ? engine->config.events.panic : NULL,
					    engine->config.events.context, error);
		if (!engine->ports[i])
			return FALSE;
	}
	return engine->mailbox != NULL;
}

static gboolean build_images(struct engine *engine, GError **error)
{
	const struct engine_config *config = &engine->config;
	int kernel = image_choose(config->kernel_fd, config->payload_fd);

	engine->kernel_fd = emulator_root_lend(kernel, config->kernel_name, error);
	if (engine->kernel_fd < 0 || config->initrd_fd < 0)
		return engine->kernel_fd >= 0;
	engine->initrd_fd = emulator_root_lend(config->initrd_fd, config->initrd_name, error);
	return engine->initrd_fd >= 0;
}

/* head NULL: a machine that begins anew. */
static gboolean build_xml(struct engine *engine, const struct saved_head *head, GError **error)
{
	g_autofree char *emulator = g_find_program_in_path(TRANSLATE_EMULATOR);
	g_autofree char *kernel = emulator_root_path(engine->kernel_fd, "");
	g_autofree char *initrd =
		engine->initrd_fd >= 0 ? emulator_root_path(engine->initrd_fd, "") : NULL;
	g_autofree char *first = emulator_root_path(engine->root, "serial0");
	g_autofree char *second = emulator_root_path(engine->root, "serial1");
	const struct domain_xml_places places = {
		emulator, kernel, initrd, {first, second}, head ? head->machine : NULL};

	if (!emulator) {
		g_set_error_literal(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED,
				    TRANSLATE_EMULATOR
				    " is not installed; install the package qemu-system-x86");
		return FALSE;
	}
	g_free(engine->xml);
	engine->xml = domain_xml_format(&engine->config, &places);
	return TRUE;
}

/* What the consoles showed, and the guest's next words go on from. */
static gboolean read_own(struct engine *engine, const struct saved_head *head, GError **error)
{
	g_autofree uint8_t *own = saved_head_own(engine->config.state_fd, head, error);
	struct state_reader reader;
	bool whole = true;

	if (!own)
		return FALSE;
	state_reader_init(&reader, own, head->own);
	for (size_t i = 0; i < ENGINE_CONSOLES && head->own > 0; i++)
		whole = whole && port_restore(engine->ports[i], &reader);
	if (whole)
		return TRUE;
	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE,
		"its saved state cannot be taken up (%s); discard it and start the machine anew",
		reader.fault);
	return FALSE;
}

static gboolean build_saved(struct engine *engine, GError **error)
{
	const struct engine_config *config = &engine->config;
	int fd = config->state_fd;
	struct saved_head head;

	if (!named(engine, saved_head_read(fd, config->vm_uuid, &head, error), error) ||
	    !build_xml(engine, &head, error) || !call_engine(engine, build_open, error) ||
	    !power_on(engine, error))
		return FALSE;
	const struct saving saving = {engine->caller, engine->emulator, engine->root, engine->pidfd,
				      fd};
	/* All of the file is read when the servers of images need not wait any more. */
	return named(engine,
		     saved_head_check(fd, &head, error) && read_own(engine, &head, error) &&
			     saving_read(&saving, error),
		     error) &&
	       /* The next QEMU, if there is one, begins anew. */
	       build_xml(engine, NULL, error);
}

static gboolean build_machine(struct engine *engine, GError **error)
{
	if (engine->config.state_fd >= 0)
		return build_saved(engine, error);
	return build_xml(engine, NULL, error) && call_engine(engine, build_open, error) &&
	       power_on(engine, error);
}

/* libvirt and QEMU look in them for what is a user's own; this machine has none. */
static void environment_settle(const struct engine *engine)
{
	static const char *const names[] = {"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
					    "XDG_RUNTIME_DIR"};
	g_autofree char *root = emulator_root_path(engine->root, "");

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		(void)g_setenv(names[i], root, TRUE);
	/* Its errors reach us as such; what it logs beside goes where QEMU's log is. */
	g_autofree char *log = g_strdup_printf("3:file:%s/libvirt.log", root);
	(void)g_setenv("LIBVIRT_LOG_OUTPUTS", log, FALSE); /* whoever debugs has his own */
}

static struct engine *translate_build(const struct engine_config *config, GError **error)
{
	struct engine *engine;

	if (!translate_check(config, error))
		return NULL;
	engine = g_new0(struct engine, 1);
	engine->config = *config;
	device_copy_make(&engine->devices, &engine->config.devices);
	engine->root = engine->kernel_fd = engine->initrd_fd = engine->keeper = engine->pidfd = -1;
	engine->caller = caller_new();
	/* The keeper is made while there is one thread. */
	if ((engine->keeper = keeper_start(error)) >= 0)
		orphans_adopt();
	if (engine->keeper >= 0 && build_parts(engine, &config->devices, error) &&
	    (engine->root = emulator_root_make(config->runtime_dir, config->cache_dir, error)) >=
		    0 &&
	    keeper_tell(engine->keeper, engine->root, error) && build_images(engine, error)) {
		environment_settle(engine);
		if (build_machine(engine, error))
			return engine;
	}
	/* What does not let go of QEMU in time is ended with the process. */
	(void)translate_free(engine); /* NOLINT(clang-analyzer-unix.Malloc) */
	return NULL;
}

/* ---- running ----------------------------------------------------------------------------------
 */

static gboolean translate_run(struct engine *engine, GError **error)
{
	/* There is no way to the guest: who connects is refused, rather than waiting for ever. */
	if (engine->config.vsock_fd >= 0)
		(void)shutdown(engine->config.vsock_fd, SHUT_RDWR);
	if (!engine->ping &&
	    sd_event_add_time_relative(engine->config.event, &engine->ping, CLOCK_MONOTONIC,
				       PING_US, 0, on_ping, engine) < 0) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
			    "VM %s: no timer could be had; raise the limit of open "
			    "files",
			    engine->config.vm_name);
		return FALSE;
	}
	return ask(engine, emulator_resume, ASK_TIMEOUT_MS, error);
}

/* QEMU stands still when all requests are over, and without a server they are not. Takes why. */
static gboolean blame_server(const struct engine *engine, GError *why, GError **error)
{
	const char *path = served_missing(engine->served);

	if (!path || !g_error_matches(why, WORKER_ERROR, WORKER_ERROR_TIMED_OUT)) {
		g_propagate_error(error, why);
		return FALSE;
	}
	g_error_free(why);
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT,
		    "VM %s: disk %s has lost its server, and QEMU waits for another before it "
		    "stands still; try again when that is there (hvctl events)",
		    engine->config.vm_name, path);
	return FALSE;
}

static gboolean translate_pause(struct engine *engine, GError **error)
{
	GError *why = NULL;

	/* After QEMU's end nothing executes. */
	if (engine->last_words || engine->pidfd < 0)
		return TRUE;
	return ask_or_undo(engine, emulator_pause, emulator_resume, &why) ||
	       blame_server(engine, why, error);
}

static gboolean translate_resume(struct engine *engine, GError **error)
{
	if (!named(engine, served_may_resume(engine->served, error), error))
		return FALSE;
	return ask_or_undo(engine, emulator_resume, emulator_pause, error);
}

static gboolean reset_make(struct emulator *emulator, GError **error)
{
	return emulator_reset(emulator, error) && emulator_resume(emulator, error);
}

/* With what the guest has written before it stood still. */
static void write_own(void *context, struct state_writer *writer)
{
	struct engine *engine = context;

	for (size_t i = 0; i < ENGINE_CONSOLES; i++) {
		port_drain(engine->ports[i]);
		port_save(engine->ports[i], writer);
	}
}

static gboolean translate_save(struct engine *engine, int fd, GError **error)
{
	const struct saving saving = {engine->caller, engine->emulator, engine->root, engine->pidfd,
				      fd};
	const struct saving_own own = {write_own, engine};
	const char *missing = served_missing(engine->served);
	gboolean broken = FALSE;

	if (missing) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_BUSY,
			    "VM %s: disk %s waits for its server, and what the guest asked of it "
			    "cannot be saved; save the VM when the server is there",
			    engine->config.vm_name, missing);
		return FALSE;
	}
	if (!named(engine, saving_write(&saving, engine->config.vm_uuid, &own, &broken, error),
		   error)) {
		if (broken)
			post_halt(engine, ENGINE_HALT_BROKEN, "QEMU failed when it was saved");
		return FALSE;
	}
	return TRUE;
}

/* One that fails is the machine's end, which leaves nothing to stop. */
static gboolean reset_qemu(struct engine *engine, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (ask(engine, reset_make, ASK_TIMEOUT_MS, &why))
		return TRUE;
	if (g_error_matches(why, WORKER_ERROR, WORKER_ERROR_TIMED_OUT))
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_TIMED_OUT,
			    "VM %s: QEMU did not answer to the reset within %u s and is ended; "
			    "start the machine again",
			    engine->config.vm_name, ASK_TIMEOUT_MS / 1000);
	else
		g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

static gboolean translate_reset(struct engine *engine, GError **error)
{
	gboolean in_new_boot = engine->in_new_boot;

	engine->in_new_boot = FALSE;
	mailbox_clear(engine->mailbox);
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		port_reset(engine->ports[i]);
	if (engine->exit && sd_event_source_get_enabled(engine->exit, NULL) == 0)
		return power_on(engine, error) && translate_run(engine, error);
	/* It runs already, unless a user has paused it. */
	if (in_new_boot)
		return translate_run(engine, error);
	return reset_qemu(engine, error);
}

/* No disk comes, but another server of one that is there may. */
static gboolean attach_disk(struct engine *engine, const struct engine_disk *disk, GError **error)
{
	if (!served_has(engine->served, disk))
		return translate_attach_disk(engine, disk, error);
	return named(engine, served_take(engine->served, disk, error), error);
}

static void translate_power_button(struct engine *engine)
{
	g_autoptr(GError) error = NULL;

	/* A guest may ignore it; so may QEMU. */
	(void)ask(engine, emulator_power_button, ASK_TIMEOUT_MS, &error);
}

static gboolean translate_console(struct engine *engine, uint32_t port, uint32_t flags, int *ret_fd,
				  GError **error)
{
	return port_console(engine->ports[port], flags, ret_fd, error);
}

/* ---- statistics ------------------------------------------------------------------------------ */

struct counter {
	char *name;
	uint64_t value;
};

struct counters {
	struct engine *engine;
	GArray *list; /* struct counter; atomically counted */
};

static void counter_clear(gpointer data)
{
	g_free(((struct counter *)data)->name);
}

static void counters_add(void *context, const char *name, uint64_t value)
{
	const struct counter counter = {g_strdup(name), value};

	g_array_append_val((GArray *)context, counter);
}

static gboolean counters_make(void *data, GError **error)
{
	const struct counters *counters = data;

	return emulator_statistics(counters->engine->emulator, &counters->engine->config.devices,
				   counters_add, counters->list, error);
}

static void counters_free(void *data)
{
	struct counters *counters = data;

	g_array_unref(counters->list);
	g_free(counters);
}

/* Of a QEMU that does not answer now, only what is known here. */
static void translate_statistics(struct engine *engine, engine_counter_visit visit, void *context)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(struct counter));
	struct counters *counters = g_new0(struct counters, 1);
	const struct call call = {.make = counters_make, .free = counters_free, .data = counters};
	uint64_t bytes = 0;

	g_array_set_clear_func(list, counter_clear);
	*counters = (struct counters){engine, g_array_ref(list)};
	if (caller_call(engine->caller, &call, STATS_TIMEOUT_MS, NULL)) {
		for (guint i = 0; i < list->len; i++) {
			const struct counter *counter = &g_array_index(list, struct counter, i);
			visit(context, counter->name, counter->value);
		}
	}
	g_array_unref(list);
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		bytes += port_bytes(engine->ports[i]);
	visit(context, "console.bytes", bytes);
}

const struct engine_ops translate_engine = {
	.name = "translate",
	.build = translate_build,
	.run = translate_run,
	.pause = translate_pause,
	.resume = translate_resume,
	.save = translate_save,
	.reset = translate_reset,
	.attach_disk = attach_disk,
	.detach_disk = translate_detach_disk,
	.suspend_disk = translate_detach_disk, /* refuses, as all of these */
	.refresh_disk = translate_refresh_disk,
	.attach_nic = translate_attach_nic,
	.detach_nic = translate_detach_nic,
	.power_button = translate_power_button,
	.console = translate_console,
	.statistics = translate_statistics,
	.describe = translate_describe,
	.type = translate_type,
	.set_pair = translate_set_pair,
	.copy = translate_copy,
	.cancel_copy = translate_cancel_copy,
	.freeze = translate_freeze,
	.thaw = translate_thaw,
	.reboot = translate_reboot,
	.hibernate = translate_hibernate,
	.sync_time = translate_sync_time,
	.host_connected = translate_host_connected,
	.free = translate_free,
};
