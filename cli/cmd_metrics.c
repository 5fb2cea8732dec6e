// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"
#include "http.h"
#include "metrics_text.h"

#define METRICS_PATH "/metrics"
#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* The longest that a client may take, in milliseconds. */
#define REQUEST_MS 5000
#define ANSWER_MS  10000

struct options {
	bool http;
};

static const struct option_spec options[] = {
	{"http", 0, OPTION_FLAG, NULL, "answer one HTTP request on standard input, a socket",
	 offsetof(struct options, http)},
	{0},
};

static bool is_wanted(const struct cli *cli, const hvctl_vm *vm)
{
	return cli->n_names == 0 || batch_has(cli, hvctl_vm_name(vm), hvctl_vm_uuid(vm));
}

/* 0, or what the call returned when there is no going on. One that ends meanwhile has none. */
static int ask(struct cli *cli, struct metrics_vm *vm)
{
	char *text;
	int r = hvctl_statistics(cli->h, vm->uuid, &text);

	if (r < 0)
		return exit_code_of((enum hvctl_code) - r) == EXIT_UNREACHABLE ? r : 0;
	vm->stats = json_tokener_parse(text);
	free(text);
	return 0;
}

static int collect(struct cli *cli, const hvctl_list *list, struct metrics_vm *vms, size_t *n)
{
	int r = 0;

	for (size_t i = 0; i < hvctl_list_size(list) && r >= 0; i++) {
		const hvctl_vm *vm = hvctl_list_at(list, i);

		if (!is_wanted(cli, vm))
			continue;
		vms[*n] = (struct metrics_vm){
			.name = hvctl_vm_name(vm),
			.uuid = hvctl_vm_uuid(vm),
			.state = hvctl_vm_state(vm),
			.vcpus = hvctl_vm_cpus(vm),
			.memory = hvctl_vm_memory(vm),
			.started = hvctl_vm_started(vm),
		};
		if (hvctl_vm_worker_pid(vm) != 0)
			r = ask(cli, &vms[*n]);
		(*n)++;
	}
	return r;
}

/* On `stream`, or the exit code after reporting. */
static int print_all(struct cli *cli, FILE *stream)
{
	struct metrics_vm *vms;
	hvctl_list *list;
	size_t n = 0;
	int r = EXIT_DONE;

	if (hvctl_list_vms(cli->h, &list) < 0)
		return report_error(cli->h);
	vms = calloc(hvctl_list_size(list) + 1, sizeof(*vms));
	if (!vms)
		r = report(EXIT_FAILED, "out of memory");
	else if (collect(cli, list, vms, &n) < 0)
		r = report_error(cli->h);
	else
		metrics_print(stream, vms, n);
	for (size_t i = 0; i < n; i++)
		json_object_put(vms[i].stats);
	free(vms);
	hvctl_list_free(list);
	return r;
}

/* The whole text, or NULL after reporting: an answer begins with its length. */
static char *collect_text(struct cli *cli, size_t *length)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, length);

	if (!stream) {
		report(EXIT_FAILED, "out of memory");
		return NULL;
	}
	/* A service that was stopped is not started by whoever looks every few seconds. */
	cli->only_watches = true;
	int r = cli_open(cli);
	if (r < 0)
		r = print_all(cli, stream);
	if (fclose(stream) != 0)
		r = report(EXIT_FAILED, "out of memory");
	if (r == EXIT_DONE)
		return text;
	free(text);
	return NULL;
}

/* One request on the socket that is standard input. What is wrong with it is told to the client
 * alone; what is wrong with vmmsd to the log, too. */
static int serve(struct cli *cli)
{
	struct http_request request = http_read(STDIN_FILENO, METRICS_PATH, REQUEST_MS);
	char *text = NULL;
	size_t length = 0;

	if (request.status == 0)
		return EXIT_DONE;
	if (request.status == 200) {
		text = collect_text(cli, &length);
		if (!text)
			request.status = 503;
	}
	http_answer(STDIN_FILENO, &request, METRICS_TYPE, text, length, ANSWER_MS);
	free(text);
	return request.status == 503 ? EXIT_FAILED : EXIT_DONE;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_metrics, &o, argc, argv);
	if (r < 0 && o.http && cli->n_names > 0)
		r = report_usage(&cmd_metrics, "--http takes no names");
	if (r < 0 && o.http && !is_socket(STDIN_FILENO))
		r = report_usage(&cmd_metrics, "--http needs a socket on standard input, which "
					       "vmms-metrics.socket gives it");
	if (r >= 0)
		return r;
	if (o.http)
		return serve(cli);
	r = cli_open(cli);
	if (r >= 0)
		return r;
	r = batch_check_names(cli);
	return r == EXIT_DONE ? print_all(cli, stdout) : r;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.arguments = "[NAME...]",
	.summary = "Print the counters of VMs as OpenMetrics text",
	.details = "Of all VMs, or those named. What is not known is left out.",
	.example = "hvctl metrics\nhvctl metrics web1",
	.options = options,
	.max_names = -1,
	.run = run,
};
