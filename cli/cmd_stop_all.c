// SPDX-License-Identifier: LGPL-2.1-or-later
#include "interrupt.h"
#include "options.h"

static int wait_job(struct cli *cli, hvctl_job *job)
{
	struct interrupt interrupt;

	interrupt_begin(&interrupt, cli->h);
	int r = hvctl_job_wait(job, HVCTL_FOREVER);
	int signal = r == -HVCTL_ERROR_INTERRUPTED ? interrupt_take(&interrupt) : 0;
	interrupt_end(&interrupt, cli->h);
	if (signal)
		return report(128 + signal, "no longer waiting: the virtual machines go on "
					    "stopping; follow it with 'hvctl events'");
	return r < 0 ? report_error(cli->h) : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	hvctl_job *job = NULL;

	int r = options_parse(cli, &cmd_stop_all, NULL, argc, argv);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	if (hvctl_stop_all(cli->h, &job) < 0)
		return report_error(cli->h);
	r = wait_job(cli, job);
	hvctl_job_free(job);
	return r;
}

const struct command cmd_stop_all = {
	.name = "stop-all",
	.arguments = "",
	.summary = "Stop every running virtual machine by its stop action",
	.details = "The highest stopOrder first, and returns when all are off.\n"
		   "vmms-guests.service does this when the host shuts down.",
	.example = "hvctl stop-all",
	.run = run,
};
