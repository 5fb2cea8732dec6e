/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <json-c/json.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "control.h"
#include "endpoint.h"
#include "log.h"
#include "options.h"
#include "sandbox.h"
#include "worker.h"

/* How long queued replies may take to leave when the process ends. */
#define FLUSH_TIMEOUT_MS 1000u

struct program {
	const struct program_spec *spec;
	sd_event *event;
	struct worker *worker;
	struct control *control;
};

static void program_on_changed(void *context)
{
	struct program *program = context;

	if (program->control)
		control_emit_changed(program->control);
}

static void program_on_guest_event(void *context, const char *event, const char *detail)
{
	struct program *program = context;

	control_emit_guest_event(program->control, event, detail);
}

static void program_on_connect_host(void *context, uint64_t number, uint32_t port)
{
	struct program *program = context;

	control_ask_socket(program->control, number, port);
}

/* The loop ends after what it is doing now; program_free sends the replies. */
static void program_on_ended(void *context, int exit_code)
{
	struct program *program = context;

	sd_event_exit(program->event, exit_code);
}

static int program_on_signal(sd_event_source *source, const struct signalfd_siginfo *info,
			     void *context)
{
	struct program *program = context;

	(void)source;
	worker_terminate(program->worker, info->ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
	return 0;
}

static int signals_prepare(struct program *program)
{
	sigset_t mask;

	/* Blocked in every thread that is made later; sd-event reads them from a descriptor. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;

	int r = sd_event_new(&program->event);
	if (r >= 0)
		r = sd_event_add_signal(program->event, NULL, SIGTERM, program_on_signal, program);
	if (r >= 0)
		r = sd_event_add_signal(program->event, NULL, SIGINT, program_on_signal, program);
	return r;
}

static gboolean program_build(struct program *program, const struct options *options,
			      unsigned int n_passed, GError **error)
{
	const struct worker_config config = {
		.uuid = options->uuid,
		.name = options->name,
		.runtime_dir = options->runtime_dir,
		.cache_dir = options->cache_dir,
		.engine = program->spec->engine,
		.confine = program->spec->confine,
		.event = program->event,
		.start_timeout_ms = options->start_timeout_ms,
		.events = {.changed = program_on_changed,
			   .guest_event = program_on_guest_event,
			   .connect_host = program_on_connect_host,
			   .ended = program_on_ended,
			   .context = program},
	};
	uid_t owner;

	int listen_fd = endpoint_listen(options->runtime_dir, n_passed, &owner, error);
	if (listen_fd < 0)
		return FALSE;
	program->worker = worker_new(&config, error);
	if (!program->worker) {
		close(listen_fd);
		return FALSE;
	}
	program->control = control_new(program->event, listen_fd, owner, program->worker, error);
	return program->control != NULL;
}

/* false when a VP would not stop. */
static bool program_free(struct program *program)
{
	control_flush(program->control, FLUSH_TIMEOUT_MS);
	/* Disks are flushed and memory is given back, which takes its time. */
	if (!worker_free(program->worker))
		return false;
	control_free(program->control);
	sd_event_unref(program->event);
	return true;
}

static int program_run(const struct program_spec *spec, const struct options *options,
		       unsigned int n_passed)
{
	g_autoptr(GError) error = NULL;
	struct program program = {.spec = spec};
	int code = EXIT_FAILURE;

	if (spec->prepare && !spec->prepare(options, &error)) {
		log_line(SD_ERR, "%s", error->message);
		return code;
	}
	if (signals_prepare(&program) < 0) {
		log_line(SD_ERR, "the event loop could not be made; see the limit of open files");
		return code;
	}
	if (program_build(&program, options, n_passed, &error)) {
		(void)sd_notify(1, "READY=1");
		int r = sd_event_loop(program.event);
		if (r < 0)
			log_line(SD_ERR, "the event loop failed: %s", g_strerror(-r));
		else
			code = r;
	} else {
		log_line(SD_ERR, "%s", error->message);
	}
	if (!program_free(&program))
		_exit(code); /* leaves the stuck thread to the kernel */
	return code;
}

static int line_put(char *line)
{
	g_autofree char *owned = line;

	fputs(owned, stdout);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static char *measure(const struct program_spec *spec)
{
	struct speed speed;

	spec->measure(&speed);
	struct json_object *object = speed_to_json(&speed);
	char *line = g_strdup_printf(
		"{\"speed\":%s}\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	return line;
}

int program_main(const struct program_spec *spec, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct options options;

	/* One heap for all threads: VP threads hardly allocate, and each arena costs memory. */
	mallopt(M_ARENA_MAX, 1);
	int n_passed = sd_listen_fds(1);
	sandbox_close_inherited(n_passed > 0 ? (unsigned int)n_passed : 0);

	if (!options_parse(argc, argv, &options, &error)) {
		log_line(SD_ERR, "%s", error->message);
		return 2;
	}
	switch (options.mode) {
	case OPTIONS_PROBE:
		return line_put(spec->probe());
	case OPTIONS_MEASURE:
		return line_put(measure(spec));
	case OPTIONS_VERSION:
		printf("%s " VMMS_VERSION "\n", spec->name);
		return EXIT_SUCCESS;
	case OPTIONS_HELP:
		fputs(options_help(), stdout);
		return EXIT_SUCCESS;
	case OPTIONS_RUN:
		break;
	}
	return program_run(spec, &options, n_passed > 0 ? (unsigned int)n_passed : 0);
}
