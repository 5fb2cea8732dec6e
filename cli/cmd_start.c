// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_start(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_start, argc, argv, begin);
}

const struct command cmd_start = {
	.name = "start",
	.arguments = "NAME...",
	.summary = "Start virtual machines and wait until they run",
	.details = "All are started at once. Ctrl-C ends the waiting, not the start.",
	.example = "hvctl start web1 web2 --timeout 30",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
