// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reboot and hibernate: as shutdown they ask the guest, and vmmsd keeps the time. */
#include "batch.h"

struct options {
	struct wait_options wait;
	struct number timeout;
};

static const struct option_spec options[] = {
	{"timeout", 0, OPTION_SECONDS, "SECONDS",
	 "how long the guest may take (its own stopTimeout)", offsetof(struct options, timeout)},
	{"wait", 0, OPTION_FLAG, NULL, "wait until it has happened (the default)",
	 offsetof(struct options, wait.wait)},
	{"no-wait", 0, OPTION_FLAG, NULL, "return when vmmsd has accepted the request",
	 offsetof(struct options, wait.no_wait)},
	{0},
};

static int ask(struct cli *cli, const struct command *command, int argc, char **argv,
	       int (*begin)(hvctl *h, const char *name, const void *context, hvctl_job **job))
{
	struct options o = {0};

	int r = options_parse(cli, command, &o, argc, argv);
	if (r < 0 && o.wait.wait && o.wait.no_wait)
		r = report_usage(command, "--wait and --no-wait exclude each other");
	if (r < 0)
		r = cli_open(cli);
	return r < 0 ? batch_jobs(cli, &o.wait, begin, &o) : r;
}

static int reboot_begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	const struct options *o = context;

	return hvctl_reboot(h, name, o->timeout.value, job);
}

static int reboot_run(struct cli *cli, int argc, char **argv)
{
	return ask(cli, &cmd_reboot, argc, argv, reboot_begin);
}

const struct command cmd_reboot = {
	.name = "reboot",
	.arguments = "NAME...",
	.summary = "Ask guests to restart and wait until they do",
	.details =
		"The guest ends its programs in order; reset does not ask it. It needs the driver\n"
		"hv_utils: without it, send the keys Ctrl-Alt-Del (hvctl type). One that does not\n"
		"comply in time keeps running (exit code 6).",
	.example = "hvctl reboot web1 --timeout 60",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = reboot_run,
};

static int hibernate_begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	const struct options *o = context;

	return hvctl_hibernate(h, name, o->timeout.value, job);
}

static int hibernate_run(struct cli *cli, int argc, char **argv)
{
	return ask(cli, &cmd_hibernate, argc, argv, hibernate_begin);
}

const struct command cmd_hibernate = {
	.name = "hibernate",
	.arguments = "NAME...",
	.summary = "Ask guests to write their memory to their disks and end",
	.details =
		"The VM is off then; the guest goes on where it was when it is started. A guest\n"
		"has to be set up for it, see hvctl(1); save needs nothing of the guest.",
	.example = "hvctl hibernate web1",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = hibernate_run,
};
