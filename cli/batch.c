// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interrupt.h"

const struct option_spec batch_options[] = {WAIT_OPTIONS(0), {0}};

static uint64_t monotonic_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void keep_first(int *first, int code)
{
	if (*first == EXIT_DONE)
		*first = code;
}

static int report_still_going(struct cli *cli, const char *name, int exit_code, const char *why)
{
	return report(exit_code, "%s: the %s of %s goes on; follow it with 'hvctl events %s'", why,
		      cli->command->name, name, name);
}

/* Waits for the job of each name that has one. Returns the first failure. */
static int wait_all(struct cli *cli, const struct wait_options *wait, hvctl_job **jobs, int first)
{
	uint64_t end = wait->timeout.set ? monotonic_usec() + wait->timeout.value : UINT64_MAX;
	struct interrupt interrupt;
	int signal = 0;

	interrupt_begin(&interrupt, cli->h);
	for (int i = 0; i < cli->n_names; i++) {
		if (!jobs[i])
			continue;
		uint64_t now = monotonic_usec();
		int r = hvctl_job_wait(jobs[i], end == UINT64_MAX ? HVCTL_FOREVER
						: end > now	  ? end - now
								  : 0);
		if (r == 0)
			continue;
		if (r == -HVCTL_ERROR_INTERRUPTED) {
			signal = interrupt_take(&interrupt);
			keep_first(&first, report_still_going(cli, cli->names[i], 128 + signal,
							      "no longer waiting"));
			break;
		}
		if (r == -HVCTL_ERROR_TIMED_OUT && !hvctl_job_finished(jobs[i]))
			keep_first(&first, report_still_going(cli, cli->names[i], EXIT_TIMED_OUT,
							      "the time is up"));
		else
			keep_first(&first, report_error(cli->h));
	}
	interrupt_end(&interrupt, cli->h);
	return signal ? 128 + signal : first;
}

int batch_jobs(struct cli *cli, const struct wait_options *wait,
	       int (*begin)(hvctl *h, const char *name, const void *context, hvctl_job **job),
	       const void *context)
{
	int first = EXIT_DONE;

	hvctl_job **jobs = calloc((size_t)cli->n_names, sizeof(void *));
	if (!jobs)
		return report(EXIT_FAILED, "out of memory");
	for (int i = 0; i < cli->n_names; i++) {
		int r = begin(cli->h, cli->names[i], context, wait->no_wait ? NULL : &jobs[i]);
		if (r < 0)
			keep_first(&first, report_error(cli->h));
		if (r == -HVCTL_ERROR_UNREACHABLE)
			break; /* the same sentence for each would say nothing new */
	}
	if (!wait->no_wait)
		first = wait_all(cli, wait, jobs, first);
	for (int i = 0; i < cli->n_names; i++)
		hvctl_job_free(jobs[i]);
	free(jobs);
	return first;
}

int batch_calls(struct cli *cli,
		int (*call)(struct cli *cli, const char *name, const void *context),
		const void *context)
{
	int first = EXIT_DONE;

	for (int i = 0; i < cli->n_names; i++) {
		int r = call(cli, cli->names[i], context);
		keep_first(&first, r);
		if (r == EXIT_UNREACHABLE)
			break;
	}
	return first;
}

int batch_running(struct cli *cli,
		  int (*call)(struct cli *cli, const char *name, const void *context),
		  const void *context)
{
	hvctl_list *list;
	int r = EXIT_DONE;

	if (hvctl_list_vms(cli->h, &list) < 0)
		return report_error(cli->h);
	for (size_t i = 0; i < hvctl_list_size(list) && r == EXIT_DONE; i++) {
		const hvctl_vm *vm = hvctl_list_at(list, i);
		const char *state = hvctl_vm_state(vm);

		if (strcmp(state, "running") == 0 || strcmp(state, "paused") == 0)
			r = call(cli, hvctl_vm_name(vm), context);
	}
	hvctl_list_free(list);
	return r;
}

static int check_name(struct cli *cli, const char *name, const void *context)
{
	char *uuid;

	(void)context;
	if (hvctl_lookup(cli->h, name, &uuid) < 0)
		return report_error(cli->h);
	free(uuid);
	return EXIT_DONE;
}

int batch_check_names(struct cli *cli)
{
	return batch_calls(cli, check_name, NULL);
}

bool batch_has(const struct cli *cli, const char *name, const char *uuid)
{
	for (int i = 0; i < cli->n_names; i++) {
		if (strcmp(cli->names[i], name) == 0 || strcmp(cli->names[i], uuid) == 0)
			return true;
	}
	return false;
}

int batch_verb(struct cli *cli, const struct command *command, int argc, char **argv,
	       int (*begin)(hvctl *h, const char *name, const void *context, hvctl_job **job))
{
	struct wait_options wait = {0};

	int r = options_parse(cli, command, &wait, argc, argv);
	if (r < 0 && wait.wait && wait.no_wait)
		r = report_usage(command, "--wait and --no-wait exclude each other");
	if (r < 0)
		r = cli_open(cli);
	return r < 0 ? batch_jobs(cli, &wait, begin, NULL) : r;
}
