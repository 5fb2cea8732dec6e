// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

struct options {
	struct wait_options wait;
	struct number hold;
};

static const struct option_spec options[] = {
	{"for", 0, OPTION_SECONDS, "SECONDS", "thaw them after this long if nobody has (60)",
	 offsetof(struct options, hold)},
	WAIT_OPTIONS(offsetof(struct options, wait)),
	{0},
};

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	const struct options *o = context;

	return hvctl_freeze(h, name, o->hold.value, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_freeze, &o, argc, argv);
	if (r < 0 && o.wait.wait && o.wait.no_wait)
		r = report_usage(&cmd_freeze, "--wait and --no-wait exclude each other");
	if (r < 0)
		r = cli_open(cli);
	return r < 0 ? batch_jobs(cli, &o.wait, begin, &o) : r;
}

const struct command cmd_freeze = {
	.name = "freeze",
	.arguments = "NAME...",
	.summary = "Freeze the file systems of guests, for a copy of their disks",
	.details = "The guest runs on, but what writes to a disk in it waits. It needs\n"
		   "hv_vss_daemon. They are thawed by 'hvctl thaw', or when their time has passed.",
	.example = "hvctl freeze web1 --for 30 && snapshot-of-web1; hvctl thaw web1",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
